import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLoopbackRedirectUri, isRegisteredRedirectUri } from './redirect-uri.ts';

const web = {
  redirectUris: ['https://app.example/cb', 'https://app.example/cb?x=1', 'http://127.0.0.1/cb'],
  applicationType: 'web',
} as const;
const native = {
  redirectUris: ['http://localhost/cb', 'http://[::1]:1234/cb', 'com.example.app:/cb'],
  applicationType: 'native',
} as const;

describe('a redirect URI', () => {
  test.each([
    'https://app.example/cb',
    'https://app.example/cb?x=1',
    'http://127.0.0.1/cb',
    'http://127.0.0.1:1/cb',
    'http://127.0.0.1:65535/cb',
  ])('is the registered one: %s', (uri) => {
    expect(isRegisteredRedirectUri(web, uri)).toBe(true);
  });

  test.each([
    'https://app.example/cb/',
    'https://app.example/CB',
    'https://APP.example/cb',
    'https://app.example:443/cb',
    'https://app.example/cb?',
    'https://app.example/cb?x=1&y=2',
    'https://app.example/cb#x',
    'https://app.example/cb/..;/evil',
    'https://app.example/cb/../evil',
    'https://app.example/cb%252f..',
    'https://app.example/%63b',
    'https://app.example.evil.com/cb',
    'https://app.example@evil/cb',
    'https://a@b@evil/cb',
    'https://evil/https://app.example/cb',
    'http://app.example/cb',
    ' https://app.example/cb',
    'https://app.example/cb ',
    'https:/app.example/cb',
    'https://app.example\\cb',
    'javascript:alert(1)',
    'http://127.0.0.1:65536/cb',
    'http://127.0.0.1:/cb',
    'http://127.0.0.1:80a/cb',
    'http://127.0.0.1/cb2',
    'http://127.0.0.1:80@evil/cb',
    'http://127.0.0.1.evil/cb',
    'http://127.0.0.2/cb',
    'http://127.1/cb',
    'http://[::1]/cb',
    'https://127.0.0.1:8080/cb',
    '',
  ])('is none of them: %j', (uri) => {
    expect(isRegisteredRedirectUri(web, uri)).toBe(false);
  });

  test('on localhost varies its port for native clients alone', () => {
    const localhost = 'http://localhost:5173/cb';
    expect(isRegisteredRedirectUri(native, localhost)).toBe(true);
    expect(isRegisteredRedirectUri({ ...native, applicationType: 'web' }, localhost)).toBe(false);
    expect(isRegisteredRedirectUri(native, 'http://localhost@evil/cb')).toBe(false);
    expect(isRegisteredRedirectUri(native, 'http://localhost.evil/cb')).toBe(false);
    expect(isRegisteredRedirectUri(native, 'http://127.0.0.1:5173/cb')).toBe(false);
  });

  test('on [::1] varies its port', () => {
    expect(isRegisteredRedirectUri(native, 'http://[::1]:4321/cb')).toBe(true);
    expect(isRegisteredRedirectUri(native, 'http://[::1]/cb')).toBe(true);
    expect(isRegisteredRedirectUri(native, 'http://[::2]/cb')).toBe(false);
  });

  test('with a scheme of its own is compared whole', () => {
    expect(isRegisteredRedirectUri(native, 'com.example.app:/cb')).toBe(true);
    expect(isRegisteredRedirectUri(native, 'com.example.app:/cb/')).toBe(false);
  });

  test('that differs in any character but a loopback port is none of them', () => {
    fc.assert(
      fc.property(fc.nat(21), fc.string({ maxLength: 3 }), (at, put) => {
        const uri = 'https://app.example/cb';
        const other = uri.slice(0, at) + put + uri.slice(at + 1);
        expect(isRegisteredRedirectUri(web, other)).toBe(other === uri || other === `${uri}?x=1`);
      }),
    );
  });

  test('is known for one on the own machine', () => {
    expect(isLoopbackRedirectUri('http://localhost:1/cb')).toBe(true);
    expect(isLoopbackRedirectUri('https://localhost:1/cb')).toBe(false);
    expect(isLoopbackRedirectUri('com.example.app:/cb')).toBe(false);
  });
});
