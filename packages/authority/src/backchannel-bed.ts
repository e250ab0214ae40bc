/** An authority with a client that asks people by the back channel, for tests. */
import { generateKeyPairSync } from 'node:crypto';
import { nowSeconds } from '@mintmark/core';
import { bedConfig } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { signInBed } from './sign-in-bed.ts';

export const cibaGrant = 'urn:openid:params:grant-type:ciba';

const pollRules: Partial<ClientRules> = {
  name: 'Call <i>Centre</i>',
  grantTypes: [cibaGrant, 'refresh_token'],
  scopes: ['openid', 'profile', 'read', 'offline_access'],
  backchannelTokenDeliveryMode: 'poll',
};

export const notificationEndpoint = 'https://app.example/ciba/ping';

export const pingRules: Partial<ClientRules> = {
  ...pollRules,
  backchannelTokenDeliveryMode: 'ping',
  backchannelClientNotificationEndpoint: notificationEndpoint,
};

/** A key of a client, and the set that it registers. */
export function clientKey(alg: 'ES256' | 'PS256' | 'RS256' = 'ES256') {
  const pair =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = pair.publicKey.export({ format: 'jwk' });
  return { key: pair.privateKey, jwks: { keys: [{ ...jwk, kid: 'k1' }] } as never };
}

export type BackchannelBed = Awaited<ReturnType<typeof backchannelBed>>;

type Form = Readonly<Record<string, string | undefined>>;

/** @param rules of the client */
export async function backchannelBed(rules: Partial<ClientRules> = {}) {
  const bed = await signInBed();
  const caller = await bed.addClient({ ...pollRules, ...rules });
  let ids = 0;

  const post = (path: string, form: Form, by = caller) => {
    const pairs = Object.entries(form).filter((pair): pair is [string, string] => {
      return pair[1] !== undefined;
    });
    return bed.post(path, Object.fromEntries(pairs), by);
  };
  const ask = (form: Form = {}, by = caller) =>
    post('/oauth2/bc-authorize', { scope: 'openid read', login_hint: 'alice', ...form }, by);
  const poll = (authReqId: string, by = caller) =>
    post('/oauth2/token', { grant_type: cibaGrant, auth_req_id: authReqId }, by);

  return {
    ...bed,
    caller,
    ask,
    poll,
    postAs: post,
    /** A request that the client may make. @returns its `auth_req_id`, and its id */
    async asked(form: Form = {}, by = caller) {
      const begun = await ask(form, by);
      const authReqId = String(begun.json['auth_req_id']);
      if (begun.status !== 200) throw new Error(begun.text);
      // The id that everybody else knows it by.
      const id = authReqId.split('_')[2]!.slice(0, 17);
      return { authReqId, id };
    },
    answer: (id: string, how: 'approve' | 'deny', json?: unknown) =>
      bed.manage('POST', `/v1/authentication-requests/${id}/${how}`, json ? { json } : {}),
    /** What a signed request of the client holds; undefined leaves a claim out. */
    claimsOf(claims: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
      const now = nowSeconds(bed.clock);
      const all = {
        iss: caller.clientId,
        aud: bedConfig.issuer,
        iat: now,
        nbf: now,
        exp: now + 300,
        jti: `jti-${++ids}`,
        scope: 'openid read',
        login_hint: 'alice',
        ...claims,
      };
      return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    },
  };
}
