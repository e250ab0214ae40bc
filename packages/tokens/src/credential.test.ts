import { freshId, limits, seededEntropy, type UnixSeconds } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { buildSecretToken, freshTokenId, type SecretTokenKind } from './api-key.ts';
import { type CredentialForms, type CredentialHeaders, parseCredential } from './credential.ts';

const now = 1_790_000_000 as UnixSeconds;

function build(kind: SecretTokenKind) {
  const entropy = seededEntropy(5);
  const short = !['at', 'rt', 'ac'].includes(kind);
  const id = short ? freshId(entropy) : freshTokenId({ now, expiresAt: now, entropy });
  return buildSecretToken({ prefix: 'mm', kind, id, entropy });
}

function parse(headers: Partial<CredentialHeaders>, forms: Partial<CredentialForms> = {}) {
  const nothing = { authorization: undefined, dpop: undefined, apiKey: undefined };
  return parseCredential({ ...nothing, ...headers }, { prefix: 'mm', ...forms });
}

function bearer(text: string, forms: Partial<CredentialForms> = {}) {
  return parse({ authorization: `Bearer ${text}` }, forms);
}

const malformed = (reason: string) => ({ kind: 'malformed', reason });
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('parseCredential', () => {
  it('finds none only where no header is there', () => {
    expect(parse({})).toEqual({ kind: 'none' });
    expect(parse({ authorization: '' })).toEqual(malformed('malformed'));
    expect(parse({ apiKey: '' })).toEqual(malformed('malformed'));
  });

  it.each([
    ['key', 'api_key'],
    ['pat', 'api_key'],
    ['admin', 'admin_key'],
    ['at', 'opaque'],
  ] as const)('reads a token of kind %s as %s, with its parts', (tokenKind, kind) => {
    const { text, id, secret } = build(tokenKind);
    expect(bearer(text)).toEqual({ kind, tokenKind, id, secret, text });
  });

  it('reads anything with dots as a JWT', () => {
    expect(bearer('a.b.c')).toEqual({ kind: 'jwt', token: 'a.b.c' });
    expect(bearer('..')).toEqual({ kind: 'jwt', token: '..' });
  });

  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('takes the scheme %s', (scheme) => {
    expect(parse({ authorization: `${scheme} a.b.c` })).toMatchObject({ kind: 'jwt' });
    expect(parse({ authorization: `${scheme}    a.b.c` })).toMatchObject({ kind: 'jwt' });
  });

  it('takes keys, but no access tokens, from x-api-key', () => {
    const { text } = build('key');
    expect(parse({ apiKey: text })).toMatchObject({ kind: 'api_key', text });
    expect(parse({ apiKey: build('admin').text })).toMatchObject({ kind: 'admin_key' });
    expect(parse({ apiKey: 'a.b.c' })).toEqual(malformed('misplaced'));
    expect(parse({ apiKey: build('at').text })).toEqual(malformed('misplaced'));
    expect(parse({ apiKey: `Bearer ${text}` })).toEqual(malformed('malformed'));
  });

  it.each(['rt', 'ac', 'cs'] as const)('never takes a token of kind %s for access', (kind) => {
    expect(bearer(build(kind).text)).toEqual(malformed('misplaced'));
    expect(parse({ apiKey: build(kind).text })).toEqual(malformed('misplaced'));
  });

  it.each([
    ['Bearer', 'malformed'],
    ['Bearer ', 'malformed'],
    ['Bearer a b', 'malformed'],
    ['Bearer a.b.c,Bearer a.b.c', 'malformed'],
    ['Bearer a.b.c, d', 'malformed'],
    ['Bearer "a.b.c"', 'malformed'],
    ['Bearer a.b.é', 'malformed'],
    ['Bearer =', 'malformed'],
    ['Bearer\ta.b.c', 'malformed'],
    ['Bearer a.b.c\r\nX: y', 'malformed'],
    [' Bearer a.b.c', 'malformed'],
    ['a.b.c', 'unsupported_scheme'],
    ['Digest username="x"', 'unsupported_scheme'],
    ['Basic dTpw', 'unsupported_scheme'],
    ['DPoP a.b.c', 'proof_missing'],
    ['dpop a.b.c', 'proof_missing'],
    ['Bearer sk_live_123', 'foreign_prefix'],
    ['Bearer mm_other_123', 'unknown_kind'],
    ['Bearer mm_key_123', 'malformed'],
    ['Bearer abc', 'malformed'],
    [`Bearer ${build('key').text.slice(0, -1)}~`, 'malformed'],
    [`Bearer ${build('key').text.replace('key', 'pat')}`, 'bad_checksum'],
  ])('refuses %j: %s', (authorization, reason) => {
    expect(parse({ authorization })).toEqual(malformed(reason));
  });

  it('refuses two credentials, even equal ones, and even where one is empty', () => {
    const { text } = build('key');
    expect(parse({ authorization: `Bearer ${text}`, apiKey: text })).toEqual(
      malformed('more_than_one'),
    );
    expect(parse({ authorization: '', apiKey: '' })).toEqual(malformed('more_than_one'));
  });

  it('takes a proof beside a token in its own scheme, and beside nothing else', () => {
    const at = build('at').text;
    const key = build('key').text;
    const jwt = { kind: 'jwt', token: 'a.b.c', proof: 'd.e.f' };
    expect(parse({ authorization: 'DPoP a.b.c', dpop: 'd.e.f' })).toEqual(jwt);
    expect(parse({ authorization: `dpop ${at}`, dpop: 'd.e.f' })).toMatchObject({
      kind: 'opaque',
      proof: 'd.e.f',
    });
    for (const headers of [{ authorization: 'Bearer a.b.c' }, { apiKey: key }, {}]) {
      expect(parse({ ...headers, dpop: 'd.e.f' })).toEqual(malformed('proof_misplaced'));
    }
    expect(parse({ authorization: `DPoP ${key}`, dpop: 'x' })).toEqual(malformed('misplaced'));
    expect(parse({ authorization: 'DPoP !', dpop: 'x' })).toEqual(malformed('malformed'));
    expect(parse({ authorization: 'Digest x', dpop: 'x' })).toEqual(
      malformed('unsupported_scheme'),
    );
  });

  it('bounds every header before it looks into one', () => {
    const long = 'a'.repeat(limits.tokenCharsMax + 33);
    for (const headers of [{ authorization: long }, { apiKey: long }, { dpop: long }]) {
      expect(parse(headers)).toEqual(malformed('too_long'));
    }
    expect(bearer('a'.repeat(limits.tokenCharsMax + 1))).toEqual(malformed('too_long'));
    expect(bearer(`${'a'.repeat(limits.tokenCharsMax - 1)}.`)).toMatchObject({ kind: 'jwt' });
  });

  it('takes the password of Basic only where that was asked for', () => {
    const { text } = build('key');
    const forms = { basicPassword: true };
    expect(parse({ authorization: basic(`user:${text}`) })).toEqual(
      malformed('unsupported_scheme'),
    );
    expect(parse({ authorization: basic(`user:${text}`) }, forms)).toMatchObject({ text });
    expect(parse({ authorization: basic(`:${text}`) }, forms)).toMatchObject({ text });
    expect(parse({ authorization: basic(':a.b.c') }, forms)).toMatchObject({ kind: 'jwt' });
    for (const value of [
      basic(text),
      basic(`${text}:`),
      basic(`user:x:${text}`),
      'Basic',
      'Basic !!!',
      `Basic ${Buffer.from([0x3a, 0xff]).toString('base64')}`,
      `${basic(`user:${text}`)}=`,
    ]) {
      expect(parse({ authorization: value }, forms)).toEqual(malformed('malformed'));
    }
  });

  it('takes any text for an imported key where one has no beginning, but not our own forms', () => {
    const forms = { importedPrefixes: [''] };
    expect(bearer('0123456789abcdef', forms).kind).toBe('imported_key');
    expect(bearer('a.b.c', forms).kind).toBe('jwt');
    expect(bearer('mm_key_mistyped', forms).kind).toBe('malformed');
  });

  it('hands over imported keys by their declared beginning, and no others', () => {
    const forms = { importedPrefixes: ['sk_live_', 'old.'] };
    expect(bearer('sk_live_123', forms)).toEqual({ kind: 'imported_key', text: 'sk_live_123' });
    expect(bearer('old.a.b', forms)).toEqual({ kind: 'imported_key', text: 'old.a.b' });
    expect(parse({ apiKey: 'old.a' }, forms)).toEqual({ kind: 'imported_key', text: 'old.a' });
    expect(bearer('sk_test_123', forms)).toEqual(malformed('foreign_prefix'));
  });
});
