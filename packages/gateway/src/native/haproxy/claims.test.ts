import type {
  ClientId,
  FamilyId,
  JsonObject,
  SubjectId,
  TenantId,
  TokenId,
  UnixSeconds,
} from '@mintmark/core';
import { type AccessTokenClaims, accessTokenSigningInput } from '@mintmark/tokens';
import { describe, expect, it } from 'vitest';
import { claimsPattern } from './claims.ts';

const view = { issuer: 'https://id.example/t/x', tenant: 'default' as TenantId };
const pattern = new RegExp(claimsPattern(view));
const key = { kid: 'k' as never, algorithm: 'ES256' } as const;

function claimsText(claims: Partial<AccessTokenClaims> = {}, further: JsonObject = {}): string {
  const all: AccessTokenClaims = {
    issuer: view.issuer,
    subject: 'user-1' as SubjectId,
    audience: ['https://api.example'],
    clientId: 'https://app.example/client.json' as ClientId,
    scopes: ['read', 'write'],
    issuedAt: 1_700_000_000 as UnixSeconds,
    expiresAt: 1_700_000_600 as UnixSeconds,
    tokenId: 'jti-1' as TokenId,
    position: 42,
    tenant: view.tenant,
    family: 'family-1' as FamilyId,
    ...claims,
  };
  const [, payload] = accessTokenSigningInput(all, key, further).split('.');
  return Buffer.from(payload!, 'base64url').toString('utf8');
}

describe('the form of claims', () => {
  it('is the one in which the authority writes them', () => {
    const groups = pattern.exec(claimsText())?.slice(1);
    expect(groups).toEqual([
      ...['user-1', '"https://api.example"', 'https://app.example/client.json', 'read write'],
      ...['1700000000', '1700000600', 'jti-1', '42', 'family-1'],
    ]);
  });

  it.each<[string, Partial<AccessTokenClaims>, JsonObject]>([
    ['several audiences', { audience: ['https://a.example', 'https://b.example'] }, {}],
    ['no scopes', { scopes: [] }, {}],
    ['how its subject signed in', { acr: 'urn:x', authTime: 1_700_000_000 as UnixSeconds }, {}],
    ['who acts', { actor: { sub: 'agent' } }, {}],
    ['what a hook said', {}, { plan: 'gold', level: 3, roles: ['admin', 'dev'], beta: true }],
  ])('has a place for %s', (_, claims, further) => {
    expect(pattern.test(claimsText(claims, further))).toBe(true);
  });

  it.each<[string, Partial<AccessTokenClaims>, JsonObject]>([
    ['a confirmation', { confirmation: { jkt: 'x' } }, {}],
    ['a confirmation from elsewhere', {}, { cnf: { jkt: 'x' } }],
    ['a confirmation that is text', {}, { cnf: 'x' }],
    ['a beginning', { notBefore: 1_700_000_100 as UnixSeconds }, {}],
    ['another issuer', { issuer: 'https://id.example/t/y' }, {}],
    ['an issuer that a dot would match', { issuer: 'https://id-example/t/x' }, {}],
    ['another tenant', { tenant: 'other' as TenantId }, {}],
    ['a subject that would need an escape', { subject: 'a"b' as SubjectId }, {}],
    ['a subject with the sign between fields', { subject: 'a b' as SubjectId }, {}],
    ['a subject with the sign between holders', { subject: 'a%b' as SubjectId }, {}],
    ['an id that a map would take for a comment', { tokenId: '#a' as TokenId }, {}],
    ['an audience within quotes', { audience: ['a","b'] }, {}],
    ['claims within claims', {}, { deep: { iss: 'x' } }],
    ['an expiry with a fraction', { expiresAt: 1_700_000_600.5 as UnixSeconds }, {}],
  ])('has none for %s', (_, claims, further) => {
    expect(pattern.test(claimsText(claims, further))).toBe(false);
  });

  it('has none for text in place of a number, or a name that comes twice', () => {
    const good = claimsText();
    expect(pattern.test(good.replace('"exp":1700000600', '"exp":"1700000600"'))).toBe(false);
    expect(pattern.test(good.replace('"exp":', '"exp":1,"exp":'))).toBe(false);
    expect(pattern.test(good.replace('{', '{"exp":9999999999,'))).toBe(false);
    expect(pattern.test(good.replace(',"jti"', ', "jti"'))).toBe(false);
  });
});
