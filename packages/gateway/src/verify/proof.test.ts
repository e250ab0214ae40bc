import { hash } from 'node:crypto';
import { manualClock, nowSeconds, type UnixSeconds } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, ask } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';
import type { GatewayConfig, GatewayPorts } from '../gateway.ts';
import { openLimitStores } from '../limits/stores.ts';
import type { CommonProofs } from './common-proofs.ts';
import { createProofMemory } from './proof-memory.ts';

let upstream: RawUpstream;
let rig: Rig;
let sender: Awaited<ReturnType<typeof generateKeyPair>>;
let jkt: string;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
  sender = await generateKeyPair('ES256');
  jkt = await calculateJwkThumbprint(await exportJWK(sender.publicKey));
});
afterAll(() => upstream.close());
afterEach(() => rig.close());

async function open(
  config: Partial<GatewayConfig> = {},
  proxies: readonly string[] = [],
  ports: Partial<GatewayPorts> = {},
) {
  const routes = [
    { name: 'all', match: {}, upstream: upstream.url },
    { name: 'open', match: { path_prefix: '/open' }, credential: 'none', upstream: upstream.url },
  ];
  rig = await openRig(routes, config, proxies, ports);
}

let proofs = 0;

/** A proof by the sender's key for `GET /things` with the token, but for what is changed. */
async function prove(token: string, changed: Record<string, unknown> = {}, by = sender) {
  const claims = {
    htm: 'GET',
    htu: `http://127.0.0.1:${rig.listener.port}/things`,
    iat: nowSeconds(rig.clock),
    jti: `p${proofs++}`,
    ath: hash('sha256', token, 'base64url'),
    ...changed,
  };
  const jwk = await exportJWK(by.publicKey);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
    .sign(by.privateKey);
}

function send(headers: Record<string, string>, path = '/things'): Promise<Answer> {
  return ask(rig.listener.port, { path, headers });
}

const dpop = (token: string, proof: string) => ({ authorization: `DPoP ${token}`, dpop: proof });

async function reasonOf(headers: Record<string, string>): Promise<string> {
  const before = rig.decisions.length;
  const { status } = await send(headers);
  rig.timers.advance(500);
  await until(() => rig.decisions.length > before);
  return `${status} ${rig.decisions.at(-1)?.reason}`;
}

describe('a proof that other nodes may have accepted', () => {
  async function openWith(proofs: CommonProofs, config: Partial<GatewayConfig> = {}) {
    const alone = { target: undefined };
    const stores = openLimitStores({ clock: manualClock(0), timers: systemTimers }, alone);
    await open(config, [], { limits: { ...stores, proofs } });
  }

  it('passes where it is the first of all nodes, and is refused where it is not', async () => {
    const seen: string[] = [];
    await openWith({
      async first(proof) {
        seen.push(proof);
        return !seen.slice(0, -1).includes(proof) && seen.length < 2;
      },
    });
    const token = rig.token({ confirmation: { jkt } });
    const first = await prove(token);
    expect(await reasonOf(dpop(token, first))).toBe('200 ok');
    expect(await reasonOf(dpop(token, await prove(token)))).toBe('401 proof_used');
    // This node knows its own, and asks nobody.
    expect(await reasonOf(dpop(token, first))).toBe('401 proof_used');
    expect(seen).toHaveLength(2);
  });

  it('lets nobody through who was revoked while the others were asked', async () => {
    let tell = (_isFirst: boolean): void => {};
    let asked = false;
    await openWith({
      first: () => {
        asked = true;
        return new Promise((resolve) => {
          tell = resolve;
        });
      },
    });
    const token = rig.token({ confirmation: { jkt } });
    const answer = send(dpop(token, await prove(token)));
    await until(() => asked);
    rig.revoke({ kind: 'client', id: 'client-1' } as never);
    await rig.caughtUp();
    tell(true);
    expect((await answer).status).toBe(401);
  });

  it('is judged by this node alone, and marked, while the store is away', async () => {
    await openWith({ first: () => Promise.reject(new Error('gone')) });
    const token = rig.token({ confirmation: { jkt } });
    const proof = await prove(token);
    expect(await reasonOf(dpop(token, proof))).toBe('200 ok');
    expect(rig.decisions.at(-1)).toMatchObject({ degraded: true });
    expect(await reasonOf(dpop(token, proof))).toBe('401 proof_used');
    const { metrics } = rig.gateway;
    expect(metrics.value('mintmark_gateway_common_proofs_total', 'unknown')).toBe(1);
  });

  it('is not asked about where it is bad, missing, or bound to this node by a nonce', async () => {
    const asked: string[] = [];
    const proofs: CommonProofs = {
      async first(proof) {
        asked.push(proof);
        return true;
      },
    };
    await openWith(proofs);
    expect(await reasonOf({ authorization: `Bearer ${rig.token()}` })).toBe('200 ok');
    const token = rig.token({ confirmation: { jkt } });
    const bad = await prove(token, { htm: 'POST' });
    expect(await reasonOf(dpop(token, bad))).toMatch(/^401/);
    expect(asked).toEqual([]);
    await rig.close();
    await openWith(proofs, { dpopNonces: true });
    const other = rig.token({ confirmation: { jkt } });
    const { headers } = await send(dpop(other, await prove(other)));
    const nonce = String(headers['dpop-nonce']);
    expect(await reasonOf(dpop(other, await prove(other, { nonce })))).toBe('200 ok');
    expect(asked).toEqual([]);
  });
});

describe('a token that is bound to a key', () => {
  it('passes with a proof by that key, which the upstream does not see', async () => {
    await open();
    const token = rig.token({ confirmation: { jkt } });
    const answer = await send(dpop(token, await prove(token)), '/things?query=1');
    expect(answer.status).toBe(200);
    expect(answer.body.toLowerCase()).not.toContain('dpop');
  });

  it('passes no second time with the same proof, and with a fresh one does', async () => {
    await open();
    const token = rig.token({ confirmation: { jkt } });
    const proof = await prove(token);
    expect((await send(dpop(token, proof))).status).toBe(200);
    expect(await reasonOf(dpop(token, proof))).toBe('401 proof_used');
    expect((await send(dpop(token, await prove(token)))).status).toBe(200);
  });

  it('is refused as Bearer, with a challenge that names the algorithms', async () => {
    await open();
    const token = rig.token({ confirmation: { jkt } });
    const headers = { authorization: `Bearer ${token}` };
    expect(await reasonOf(headers)).toBe('401 presented_as_bearer');
    const challenge = String((await send(headers)).headers['www-authenticate']);
    expect(challenge).toMatch(/^DPoP .*error="invalid_token", algs="[^"]*ES256[^"]*"/);
    expect(challenge).not.toContain('HS256');
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['of another token', { ath: 'x' }, 'wrong_access_token'],
    ['without the token’s hash', { ath: undefined }, 'wrong_access_token'],
    ['of another method', { htm: 'POST' }, 'wrong_method'],
    ['of another path', { htu: 'http://127.0.0.1/other' }, 'wrong_url'],
    ['without id', { jti: undefined }, 'malformed_claims'],
  ])('is refused with a proof %s', async (_what, changed, reason) => {
    await open();
    const token = rig.token({ confirmation: { jkt } });
    const headers = dpop(token, await prove(token, changed));
    expect(await reasonOf(headers)).toBe(`401 ${reason}`);
    const challenge = String((await send(headers)).headers['www-authenticate']);
    expect(challenge).toContain('error="invalid_dpop_proof"');
  });

  it('is refused with a proof by another key, and with none in its scheme', async () => {
    await open();
    const token = rig.token({ confirmation: { jkt } });
    const proof = await prove(token, {}, await generateKeyPair('ES256'));
    expect(await reasonOf(dpop(token, proof))).toBe('401 wrong_key');
    expect(await reasonOf({ authorization: `DPoP ${token}` })).toBe('401 proof_missing');
    expect(await reasonOf(dpop(token, `${await prove(token)}, x.y.z`))).toBe('401 malformed');
  });

  it('is refused with a proof older than the window of another node', async () => {
    await open();
    const token = rig.token({ confirmation: { jkt } });
    const iat = nowSeconds(rig.clock);
    expect((await send(dpop(token, await prove(token, { iat: iat - 10 })))).status).toBe(200);
    const old = await prove(token, { iat: iat - 11 });
    expect(await reasonOf(dpop(token, old))).toBe('401 too_old');
    const early = await prove(token, { iat: iat + 11 });
    expect(await reasonOf(dpop(token, early))).toBe('401 not_yet_valid');
  });

  it('is refused where it is bound by a means that nobody here knows', async () => {
    await open();
    const token = rig.token({ confirmation: { kid: 'x' } });
    expect(await reasonOf(dpop(token, await prove(token)))).toBe('401 bound_token');
  });

  it('is refused without the certificate that it is bound to', async () => {
    await open();
    const token = rig.token({ confirmation: { 'x5t#S256': jkt } });
    expect(await reasonOf({ authorization: `Bearer ${token}` })).toBe('401 bound_token');
    expect(await reasonOf(dpop(token, await prove(token)))).toBe('401 bound_token');
  });

  it('is held to its key where the authority had to be asked, too', async () => {
    await open();
    const { text } = rig.secret('at');
    const now = nowSeconds(rig.clock);
    rig.introspect = async () => ({
      ...{ active: true, kind: 'opaque', id: 'o1', subject: 's', clientId: 'c', scopes: [] },
      ...{ audience: [rig.feed.issuer], issuedAt: now, expiresAt: (now + 60) as UnixSeconds },
      ...{ position: rig.feed.head, family: undefined, binding: { by: 'jkt', thumbprint: jkt } },
    });
    expect(await reasonOf({ authorization: `Bearer ${text}` })).toBe('401 presented_as_bearer');
    expect((await send(dpop(text, await prove(text)))).status).toBe(200);
  });
});

describe('a token that is not bound', () => {
  it('is refused in the scheme of those that are, and beside a proof', async () => {
    await open();
    const token = rig.token();
    expect(await reasonOf(dpop(token, await prove(token)))).toBe('401 not_bound');
    const bearer = { authorization: `Bearer ${token}`, dpop: await prove(token) };
    expect(await reasonOf(bearer)).toBe('401 proof_misplaced');
  });

  it('costs nobody a proof: who presents nothing is told of both schemes', async () => {
    await open();
    const answer = await send({});
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="mintmark".*, DPoP .*algs=/);
  });
});

describe('behind a proxy', () => {
  it('the URL of a proof is the one that the client knows', async () => {
    await open({}, ['127.0.0.1']);
    const token = rig.token({ confirmation: { jkt } });
    const htu = 'https://api.example/things';
    const forwarded = {
      'x-forwarded-for': '192.0.2.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example, API.example',
    };
    const inside = await prove(token);
    expect((await send({ ...dpop(token, inside), ...forwarded })).status).toBe(401);
    const outside = await prove(token, { htu });
    expect((await send({ ...dpop(token, outside), ...forwarded })).status).toBe(200);
  });

  it('that nobody trusts, what it says counts for nothing', async () => {
    await open();
    const token = rig.token({ confirmation: { jkt } });
    const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'api.example' };
    const proof = await prove(token, { htu: 'https://api.example/things' });
    expect((await send({ ...dpop(token, proof), ...forwarded })).status).toBe(401);
    expect((await send({ ...dpop(token, await prove(token)), ...forwarded })).status).toBe(200);
  });
});

describe('nonces of a node', () => {
  it('are asked for, and known again', async () => {
    await open({ dpopNonces: true });
    const token = rig.token({ confirmation: { jkt } });
    const refused = await send(dpop(token, await prove(token)));
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toMatch(/^DPoP .*error="use_dpop_nonce"/);
    const nonce = String(refused.headers['dpop-nonce']);
    expect((await send(dpop(token, await prove(token, { nonce })))).status).toBe(200);
    expect(await reasonOf(dpop(token, await prove(token, { nonce: 'x' })))).toMatch(/nonce_needed/);
  });

  it('do not make an old proof young', async () => {
    await open({ dpopNonces: true });
    const token = rig.token({ confirmation: { jkt } });
    const { headers } = await send(dpop(token, await prove(token)));
    const nonce = String(headers['dpop-nonce']);
    const iat = nowSeconds(rig.clock) - 61;
    expect(await reasonOf(dpop(token, await prove(token, { nonce, iat })))).toBe('401 too_old');
  });
});

describe('the memory of proofs', () => {
  const at = (second: number) => second as UnixSeconds;

  it('keeps each for as long as it could be taken, and then lets go', () => {
    const memory = createProofMemory();
    expect(memory.remember({ jkt: 'k', jti: '1' }, at(1000))).toBe('first');
    expect(memory.remember({ jkt: 'k', jti: '1' }, at(1120))).toBe('again');
    expect(memory.remember({ jkt: 'k', jti: '2' }, at(1121))).toBe('first');
    expect(memory.remember({ jkt: 'k', jti: '1' }, at(1241))).toBe('again');
    expect(memory.remember({ jkt: 'k', jti: '1' }, at(1242))).toBe('first');
    memory.remember({ jkt: 'k', jti: '9' }, at(9000));
    expect(memory.size).toBe(1);
  });

  it('tells keys apart', () => {
    const memory = createProofMemory();
    expect(memory.remember({ jkt: 'k', jti: '1' }, at(1))).toBe('first');
    expect(memory.remember({ jkt: 'l', jti: '1' }, at(1))).toBe('first');
  });

  it('refuses when it is full, and forgets nothing early', () => {
    const memory = createProofMemory(2);
    for (const jti of ['1', '2']) memory.remember({ jkt: 'k', jti }, at(1));
    expect(memory.remember({ jkt: 'k', jti: '3' }, at(1))).toBe('full');
    expect(memory.remember({ jkt: 'k', jti: '1' }, at(1))).toBe('again');
    expect(memory.remember({ jkt: 'k', jti: '3' }, at(400))).toBe('first');
  });
});
