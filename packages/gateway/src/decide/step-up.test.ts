/** Routes that demand a sign-in of a kind, or a fresh one (RFC 9470). */
import { hash } from 'node:crypto';
import { nowSeconds, type UnixSeconds } from '@mintmark/core';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  const to = { upstream: upstream.url };
  rig = await openRig([
    { name: 'strong', match: { path_prefix: '/strong' }, acr_values: ['mfa'], ...to },
    { name: 'fresh', match: { path_prefix: '/fresh' }, max_age: 300, ...to },
    {
      name: 'both',
      match: { path_prefix: '/both' },
      ...{ acr_values: ['mfa', 'phr'], max_age: 60, scopes: ['pay'] },
      ...to,
    },
  ]);
});
afterEach(() => rig.close());

const ago = (seconds: number) => (nowSeconds(rig.clock) - seconds) as UnixSeconds;

async function judged(headers: Record<string, string>, path: string): Promise<string> {
  const { status, headers: told } = await ask(rig.listener.port, { path, headers });
  const challenge = String(told['www-authenticate'] ?? '');
  const named = /error=.*?(?=, resource_metadata|$)/.exec(challenge)?.[0];
  return [status, challenge.split(' ')[0], named].filter((part) => part).join(' ');
}

const refused = '401 Bearer error="insufficient_user_authentication"';

it.each<[string, object, string, string]>([
  ['/strong', {}, 'no sign-in at all', `${refused}, acr_values="mfa"`],
  ['/strong', { acr: 'pwd' }, 'a weaker sign-in', `${refused}, acr_values="mfa"`],
  ['/strong', { acr: 'urn:gold' }, 'one of an unknown kind', `${refused}, acr_values="mfa"`],
  ['/strong', { acr: 'mfa' }, 'the very sign-in', '200'],
  ['/strong', { acr: 'phr' }, 'a stronger one', '200'],
  ['/fresh', {}, 'no sign-in at all', `${refused}, max_age="300"`],
  ['/fresh', { age: 301 }, 'one that is too old', `${refused}, max_age="300"`],
  ['/fresh', { age: 300 }, 'one that is just young enough', '200'],
  [
    '/both',
    { scopes: ['pay'], acr: 'pwd', age: 1 },
    'a weak and young one',
    `${refused}, scope="pay", acr_values="mfa phr", max_age="60"`,
  ],
  [
    '/both',
    { scopes: ['pay'], acr: 'phr', age: 61 },
    'a strong and old one',
    `${refused}, scope="pay", acr_values="mfa phr", max_age="60"`,
  ],
  ['/both', { scopes: ['pay'], acr: 'phr', age: 60 }, 'a strong and young one', '200'],
  // A sign-in would be in vain, so it is not asked for.
  ['/both', {}, 'no scope', '403 Bearer error="insufficient_scope", scope="pay"'],
])('%s with %j: %s', async (path, { age, ...claims }: { age?: number }, _what, expected) => {
  const token = rig.token({ ...claims, ...(age !== undefined && { authTime: ago(age) }) });
  expect(await judged(bearer(token), path)).toBe(expected);
});

it('the decision says why', async () => {
  await ask(rig.listener.port, { path: '/strong', headers: bearer(rig.token()) });
  rig.timers.advance(500);
  await until(() => rig.decisions.length > 0);
  expect(rig.decisions.at(-1)).toMatchObject({
    verdict: 'deny',
    reason: 'insufficient_authentication',
  });
});

it('nobody signed in for an API key, and who shows nothing is told no error', async () => {
  const { text } = rig.key();
  await rig.caughtUp();
  expect(await judged(bearer(text), '/strong')).toBe(`${refused}, acr_values="mfa"`);
  expect(await judged({}, '/strong')).toBe('401 Bearer');
});

it('an opaque token is known by what the authority says of it', async () => {
  const answer = {
    ...({ active: true, kind: 'opaque' } as const),
    ...{ subject: 's', clientId: 'c', scopes: [] },
    ...{ audience: [rig.feed.issuer], issuedAt: ago(0), expiresAt: ago(-600), position: 0 },
    ...{ family: undefined, binding: undefined },
  };
  const weak = rig.secret('at');
  const strong = rig.secret('at');
  rig.introspect = async (text) => ({
    ...{ ...answer, id: text === weak.text ? weak.id : strong.id },
    ...(text === weak.text ? { acr: 'pwd' } : { acr: 'mfa', authTime: ago(10) }),
  });
  expect(await judged(bearer(weak.text), '/strong')).toBe(`${refused}, acr_values="mfa"`);
  expect(await judged(bearer(weak.text), '/fresh')).toBe(`${refused}, max_age="300"`);
  expect(await judged(bearer(strong.text), '/strong')).toBe('200');
  expect(await judged(bearer(strong.text), '/fresh')).toBe('200');
});

it('a bound token is challenged in its own scheme', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const jkt = await calculateJwkThumbprint(jwk);
  const token = rig.token({ acr: 'pwd', confirmation: { jkt } });
  const claims = {
    ...{ htm: 'GET', iat: ago(0), jti: 'p', ath: hash('sha256', token, 'base64url') },
    htu: `http://127.0.0.1:${rig.listener.port}/strong`,
  };
  const header = { alg: 'ES256', typ: 'dpop+jwt', jwk };
  const dpop = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
  expect(await judged({ authorization: `DPoP ${token}`, dpop }, '/strong')).toMatch(
    /^401 DPoP error="insufficient_user_authentication", acr_values="mfa", algs="[^"]*ES256/,
  );
});
