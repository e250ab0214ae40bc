import { vetHead } from '../../packages/net/src/head.ts';
import { type Harness, invariant, latin1 } from '../harness.ts';

/** Method, target and version, then header lines; parted by line feeds. */
export const vetHeadHarness: Harness = {
  name: 'vet-head',
  seeds: [
    'GET / 1.1\nHost: a',
    'POST http://a/b?c 1.1\nHost: a\nContent-Length: 3',
    'OPTIONS * 1.1\nHost: [::1]:80\nTransfer-Encoding: chunked',
    'GET / 1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade',
    'POST / 1.1\nHost: a\nExpect: 100-continue\nContent-Length: 1',
    'GET / 1.0',
  ],
  dictionary: [
    ...[
      'Host: ',
      'host: ',
      'Content-Length: ',
      'Transfer-Encoding: ',
      'chunked',
      'Authorization: ',
    ],
    ...['http://', 'https://', '@', '#', '\\', '?', '*', '1.0', '2.0', 'TRACE', 'Expect: ', 'h2c'],
  ],
  run(input) {
    const [first = '', ...lines] = latin1(input).split('\n');
    const [method = '', target = '', version = ''] = first.split(' ');
    const rawHeaders = lines.flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 1 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    const head = vetHead({ method, target, version, rawHeaders, parsedHeaders: {} });
    if (!head.ok) return head.refusal.reason;
    const { path, host, bodyLength } = head.value;
    invariant(path === '*' || path.startsWith('/'), 'a path that is none');
    invariant(!/[#\\\s]/.test(path), 'a path that others read differently');
    const named = rawHeaders.filter((text, index) => index % 2 === 0 && /^host$/i.test(text));
    invariant(named.length === (host === undefined ? 0 : 1), 'more hosts than one');
    invariant(host === undefined || !/[^a-z0-9._:[\]-]/.test(host), 'a host that is none');
    invariant(bodyLength === 'chunked' || Number.isSafeInteger(bodyLength), 'no length');
    return `head, ${typeof bodyLength}, ${host === undefined ? 'no host' : 'host'}`;
  },
};
