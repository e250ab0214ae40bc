import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';
import { type CredentialForm, credentialField } from './upstream-credential.ts';

describe('the field of an upstream credential', () => {
  it.each([
    [{ scheme: 'bearer' }, 's3cret', 'authorization', 'Bearer s3cret'],
    // RFC 7617 §2.
    [
      { scheme: 'basic', username: 'Aladdin' },
      'open sesame',
      ...['authorization', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
    ],
    [{ scheme: 'header', header: 'X-Api-Key' }, 'k', 'x-api-key', 'k'],
    [{ scheme: 'header', header: 'Authorization' }, 'Token a=b c', 'authorization', 'Token a=b c'],
  ] as [CredentialForm, string, string, string][])(
    'is written of %j',
    (form, secret, header, value) => {
      expect(credentialField(form, secret)).toEqual({ ok: true, value: { header, value } });
    },
  );

  it.each([
    [{ scheme: 'bearer', header: 'x' }, 's', '/header'],
    [{ scheme: 'bearer', username: 'x' }, 's', '/username'],
    [{ scheme: 'bearer' }, 'a b', '/secret'],
    [{ scheme: 'bearer' }, 'x'.repeat(5_000), '/secret'],
    [{ scheme: 'basic' }, 's', '/username'],
    [{ scheme: 'basic', username: 'a:b' }, 's', '/username'],
    [{ scheme: 'basic', username: 'a' }, 'a\r\nb', '/secret'],
    [{ scheme: 'header' }, 's', '/header'],
    [{ scheme: 'header', header: 'Host' }, 's', '/header'],
    [{ scheme: 'header', header: 'x-mintmark-subject' }, 's', '/header'],
    [{ scheme: 'header', header: 'te' }, 's', '/header'],
    [{ scheme: 'header', header: 'content-type' }, 's', '/header'],
    [{ scheme: 'header', header: 'x y' }, 's', '/header'],
    [{ scheme: 'header', header: 'x-key' }, 'a\nb', '/secret'],
    [{ scheme: 'header', header: 'x-key' }, ' a', '/secret'],
  ] as [CredentialForm, string, string][])('is refused of %j', (form, secret, path) => {
    const refused = credentialField(form, secret);
    expect(refused).toMatchObject({ ok: false, refusal: { reason: 'malformed', path } });
  });
});

describe('upstream_credential of a route', () => {
  const route = { name: 'r', match: {}, upstream: 'http://up.test' };

  it('names one', () => {
    const read = parseRoute({ ...route, upstream_credential: 'billing' });
    expect(read).toMatchObject({ ok: true, value: { upstreamCredential: 'billing' } });
  });

  it.each([
    ['/upstream_credential', { upstream_credential: 'a b' }],
    ['/upstream_credential', { upstream_credential: { secret: 'x' } }],
    ['/internal_token/header', { upstream_credential: 'a', internal_token: {} }],
  ])('is refused at %s', (path, more) => {
    const read = parseRoute({ ...route, ...more });
    expect(read).toMatchObject({ ok: false, refusal: { path } });
  });

  it('goes beside an internal token in a header of its own', () => {
    const both = { upstream_credential: 'a', internal_token: { header: 'x-internal' } };
    expect(parseRoute({ ...route, ...both }).ok).toBe(true);
  });
});
