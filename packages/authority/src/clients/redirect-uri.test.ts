import { describe, expect, it } from 'vitest';
import { redirectUriFault } from './redirect-uri.ts';

describe('a redirect URI at registration', () => {
  it.each([
    'https://app.example/cb',
    'https://app.example:8443/cb?dummy1=lorem&dummy2=ipsum',
    'https://[2001:db8::1]/cb',
    'https://app.example',
    'https://app.example/a/...b/%2e%2ec',
    'http://127.0.0.1/cb',
    'http://127.0.0.1:49152/cb',
    'http://[::1]:49152/cb',
    'http://localhost:3000/cb',
  ])('may be %s for every client', (uri) => {
    expect(redirectUriFault(uri, 'web')).toBeUndefined();
    expect(redirectUriFault(uri, 'native')).toBeUndefined();
  });

  it.each(['com.example.app:/cb', 'com.example.app://callback'])('may be %s for native', (uri) => {
    expect(redirectUriFault(uri, 'native')).toBeUndefined();
    expect(redirectUriFault(uri, 'web')).toMatch(/https/);
  });

  it.each([
    ['', 'absolute'],
    ['/cb', 'absolute'],
    ['//app.example/cb', 'absolute'],
    ['app.example/cb', 'absolute'],
    ['https://app.example/cb#', 'fragment'],
    ['https://app.example/cb#part', 'fragment'],
    ['https://user@app.example/cb', 'user name'],
    ['https://user:secret@app.example/cb', 'user name'],
    ['https://a@b@evil.example/cb', 'user name'],
    ['https://localhost@evil.example/cb', 'user name'],
    ['https://app.example\\@evil.example/cb', 'absolute'],
    ['https://app.example/c b', 'absolute'],
    ['https://app.example/cb\n', 'absolute'],
    ['https://bücher.example/cb', 'absolute'],
    ['https://app.example/%zz', 'percent'],
    ['https://app.example/cb/../evil', 'dot segments'],
    ['https://app.example/cb/%2e%2E/evil', 'dot segments'],
    ['https://app.example/cb/.', 'dot segments'],
    ['https:/app.example/cb', 'host'],
    ['https:app.example/cb', 'host'],
    ['https:///app.example/cb', 'host'],
    ['https://*.example/cb', 'host'],
    ['http://app.example/cb', 'loopback'],
    ['http://127.0.0.1.evil.example/cb', 'loopback'],
    ['http://localhost.evil.example/cb', 'loopback'],
    ['http://10.0.0.1/cb', 'loopback'],
    ['javascript:alert(1)', 'scheme'],
    ['JavaScript://app.example/%0aalert(1)', 'scheme'],
    ['data:text/html,x', 'scheme'],
    ['vbscript:x', 'scheme'],
    ['blob:https://app.example/x', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['myapp:/cb', 'scheme'],
    ['com.example.app:cb', 'scheme'],
    ['com.example.app:/', 'scheme'],
    [`https://app.example/${'a'.repeat(2000)}`, 'absolute'],
  ])('is never %j', (uri, told) => {
    expect(redirectUriFault(uri, 'native')).toContain(told);
    expect(redirectUriFault(uri, 'web')).toBeDefined();
  });
});
