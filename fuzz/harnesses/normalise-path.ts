import { normalisePath } from '../../packages/gateway/src/routes/path.ts';
import { type Harness, invariant, latin1 } from '../harness.ts';

export const normalisePathHarness: Harness = {
  name: 'normalise-path',
  seeds: [
    ...['/', '/a/b/', '//a', '/%61', '/caf%c3%a9', '/@scope%2fname', '/a/../b', '/%2e%2e/'],
    ...['/..;/', '/a;b', '/%252e', '/%c0%af', '/a%00', '/%5c..', '*', '/.well-known/x', '/a|b'],
  ],
  dictionary: ['/', '.', '..', '%2e', '%2f', '%5c', '%25', '%00', ';', '%3b', '#', '?', '%c0%ae'],
  run(input) {
    const normal = normalisePath(latin1(input));
    if (!normal.ok) return normal.refusal.reason;
    const { path, opaqueSlash } = normal.value;
    const again = normalisePath(path);
    invariant(again.ok && again.value.path === path, 'a normal form that is not its own');
    invariant(/^\/[!-~]*$/.test(path), 'a path that does not fit a request line');
    invariant(!/[;\\?#]|\/\//.test(path), 'a character that servers read differently');
    const segments = decodeURIComponent(path.replaceAll(/%2f/gi, '/')).split('/');
    invariant(!segments.includes('..') && !segments.includes('.'), 'a way up');
    invariant(new URL(`http://a${path}`).pathname === path, 'a path that others read differently');
    invariant(opaqueSlash === /%2f/i.test(path), 'a hidden slash');
    return opaqueSlash ? 'path with a slash as data' : 'path';
  },
};
