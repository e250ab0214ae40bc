import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHookAnswer } from './hook-answer.ts';

const offered = ['openid', 'read', 'write'];

function read(answer: unknown) {
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  const parsed = parseHookAnswer(text, offered);
  return parsed.ok ? parsed.value : parsed.refusal.reason;
}

describe('the answer of a claims hook', () => {
  it('adds claims, leaves scopes, or says no', () => {
    const accessToken = { groups: ['a'], 'https://example.com/tier': { gold: null } };
    expect(read({})).toEqual({
      ...{ accessToken: {}, idToken: {}, scopes: undefined, refused: undefined },
    });
    expect(read({ access_token: accessToken, id_token: { name: 'A' } })).toMatchObject({
      ...{ accessToken, idToken: { name: 'A' } },
    });
    expect(read({ scopes: ['write', 'openid', 'write'] })).toMatchObject({
      scopes: ['openid', 'write'],
    });
    expect(read({ scopes: [] })).toMatchObject({ scopes: [] });
    expect(read({ refuse: { reason: 'not on Sundays' } })).toMatchObject({
      refused: 'not on Sundays',
    });
  });

  it.each([
    ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'cnf', 'act', 'may_act'],
    ...['scope', 'acr', 'amr', 'auth_time', 'sid', 'nonce', 'at_hash', 'c_hash', 'status'],
    ...['authorization_details', 'azp', 's_hash', 'active', 'token_type', 'username'],
    ...['mm_tenant', 'mm_pos', 'mm_family', 'mm_anything', 'constructor', 'prototype'],
    ...['Act', 'CNF', 'Auth_Time', 'Client_ID', 'MM_pos'],
  ])('may not set %s, in neither token', (name) => {
    expect(read({ access_token: { [name]: 'x' } })).toBe('reserved_claim');
    expect(read({ id_token: { [name]: 'x' } })).toBe('reserved_claim');
    // Nor take it away.
    expect(read({ access_token: { [name]: null } })).toBe('reserved_claim');
  });

  it.each<[string, unknown, string]>([
    ['no JSON', 'groups=a', 'malformed'],
    ['half of JSON', '{"access_token":', 'malformed'],
    ['nothing', '', 'malformed'],
    ['a list', [], 'malformed'],
    ['null', 'null', 'malformed'],
    ['a member that is misspelled', { refused: { reason: 'x' } }, 'malformed'],
    ['a name twice', '{"access_token":{"a":1,"a":2}}', 'malformed'],
    ['__proto__', '{"access_token":{"__proto__":{"a":1}}}', 'malformed'],
    ['__proto__ deep inside', '{"access_token":{"a":{"__proto__":1}}}', 'malformed'],
    ['nesting without end', `{"access_token":{"a":${'['.repeat(1e5)}`, 'malformed'],
    ['nesting of nine', `{"access_token":{"a":${'['.repeat(7)}${']'.repeat(7)}}}`, 'malformed'],
    ['claims that are no object', { access_token: ['a'] }, 'malformed'],
    ['a claim without value', { id_token: { name: null } }, 'malformed'],
    ['a claim without name', { access_token: { '': 1 } }, 'malformed'],
    ['a claim with a name too long', { access_token: { ['a'.repeat(129)]: 1 } }, 'malformed'],
    ['claims too many', { access_token: { a: 'a'.repeat(4096) } }, 'claims_too_large'],
    ['a scope more', { scopes: ['read', 'admin'] }, 'wider_scope'],
    ['scopes as text', { scopes: 'read' }, 'malformed'],
    ['a scope that is a number', { scopes: [1] }, 'malformed'],
    ['a refusal without reason', { refuse: {} }, 'malformed'],
    ['a refusal that is true', { refuse: true }, 'malformed'],
    ['a reason of two lines', { refuse: { reason: 'a\nb' } }, 'malformed'],
    ['a reason too long', { refuse: { reason: 'a'.repeat(201) } }, 'malformed'],
  ])('is refused with %s', (_what, answer, reason) => {
    expect(read(answer)).toBe(reason);
  });

  it('never throws, and never widens', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.array(fc.string()), (text, scopes) => {
        parseHookAnswer(text, []);
        const parsed = parseHookAnswer(JSON.stringify({ scopes }), offered);
        return !parsed.ok || (parsed.value.scopes ?? []).every((one) => offered.includes(one));
      }),
    );
  });
});
