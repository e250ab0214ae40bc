/** Token exchange, as services in a chain and those who would misuse it see it. */
import { defaultTenant, type FamilyId } from '@mintmark/core';
import { accessTokenSigningInput, assembleJws } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { type Credentials, type GrantBed, grantBed } from './grant-bed.ts';
import { createKeyring } from './keyring/keyring.ts';

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
const invalidRequest = { status: 400, json: { error: 'invalid_request' } };

let bed: GrantBed;
let service: Credentials;
let token: string;

const rules: Partial<ClientRules> = {
  grantTypes: [grantType],
  scopes: ['read', 'pay'],
  resources: ['https://api.example'],
  audiences: ['https://bank.example', 'https://mail.example'],
};

beforeEach(async () => {
  bed = await grantBed();
  service = await bed.addClient(rules);
  const answer = await bed.redeem(await bed.code());
  token = String(answer.json['access_token']);
});

function exchange(form: Record<string, string> = {}, by: Credentials = service) {
  const whole = {
    grant_type: grantType,
    subject_token: token,
    subject_token_type: accessToken,
    audience: 'https://bank.example',
    ...form,
  };
  return bed.post('/oauth2/token', whole, by);
}

function payloadOf(answer: { readonly json: Record<string, unknown> }) {
  const [, payload] = String(answer.json['access_token']).split('.');
  return JSON.parse(Buffer.from(payload ?? '', 'base64url').toString());
}

describe('a service that was sent a token', () => {
  it('gets one to act for the person elsewhere, and is named as the actor', async () => {
    const answer = await exchange();
    expect(answer).toMatchObject({
      status: 200,
      json: { issued_token_type: accessToken, token_type: 'Bearer', scope: 'read' },
    });
    expect(answer.json).not.toHaveProperty('refresh_token');
    expect(payloadOf(answer)).toMatchObject({
      sub: bed.user,
      client_id: service.clientId,
      aud: 'https://bank.example',
      act: { sub: service.clientId },
      mm_family: payloadOf({ json: { access_token: token } }).mm_family,
    });
    const shown = { token: String(answer.json['access_token']) };
    const found = await bed.post('/oauth2/introspect', shown, service);
    expect(found.json).toMatchObject({ active: true, act: { sub: service.clientId } });
    const [record] = (await bed.records('token.issue')).slice(-1);
    expect(record).toMatchObject({ detail: { grant: grantType, actor: service.clientId } });
  });

  it('stands before those who acted earlier', async () => {
    const next = await bed.addClient({ ...rules, resources: ['https://bank.example'] });
    const first = await exchange();
    const second = await exchange(
      { subject_token: String(first.json['access_token']), audience: 'https://mail.example' },
      next,
    );
    expect(payloadOf(second).act).toEqual({
      sub: next.clientId,
      act: { sub: service.clientId },
    });
  });

  it('is not named where it may impersonate', async () => {
    const by = await bed.addClient({ ...rules, mayImpersonate: true });
    const answer = await exchange({}, by);
    expect(answer.status).toBe(200);
    expect(payloadOf(answer)).not.toHaveProperty('act');
  });

  it('names as the actor whom its own actor token speaks of', async () => {
    const machine = await bed.addClient({
      ...rules,
      grantTypes: [grantType, 'client_credentials'],
    });
    const own = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, machine);
    const actor = {
      actor_token: String(own.json['access_token']),
      actor_token_type: accessToken,
    };
    expect(payloadOf(await exchange(actor, machine)).act).toEqual({ sub: machine.clientId });
    expect(await exchange(actor)).toMatchObject(invalidRequest);
    expect(await exchange({ actor_token: token })).toMatchObject(invalidRequest);
  });

  it('gets no longer a life than the token had', async () => {
    bed.clock.advanceMs(500_000);
    expect((await exchange()).json['expires_in']).toBe(100);
  });

  it('loses it with the consent that the token came from', async () => {
    const given = String((await exchange()).json['access_token']);
    expect(await bed.isActive(given, service)).toBe(true);
    const target = { kind: 'family', id: payloadOf({ json: { access_token: token } }).mm_family };
    await bed.manage('POST', '/v1/revocations', { json: { target, reason: 'x' } });
    expect(await bed.isActive(given, service)).toBe(false);
    expect(await exchange()).toMatchObject(invalidRequest);
  });
});

describe('an exchange is refused', () => {
  it('to a client without the grant', async () => {
    const by = await bed.addClient({ ...rules, grantTypes: ['client_credentials'] });
    expect(await exchange({}, by)).toMatchObject({ json: { error: 'unauthorized_client' } });
  });

  it('to a client that the token was not sent to', async () => {
    const by = await bed.addClient({ ...rules, resources: ['https://elsewhere.example'] });
    expect(await exchange({}, by)).toMatchObject(invalidRequest);
  });

  it('for an audience that is not named, or is not the client’s', async () => {
    const invalidTarget = { status: 400, json: { error: 'invalid_target' } };
    expect(await exchange({ audience: '' })).toMatchObject(invalidTarget);
    expect(await exchange({ audience: 'https://other.example' })).toMatchObject(invalidTarget);
    expect(await exchange({ audience: '', resource: 'https://mail.example' })).toMatchObject({
      status: 200,
    });
  });

  it('for more scope than the token and the client have', async () => {
    for (const scope of ['write', 'pay', 'read pay']) {
      expect(await exchange({ scope })).toMatchObject({ json: { error: 'invalid_scope' } });
    }
  });

  it('for what is no live access token of ours', async () => {
    const answer = await bed.redeem(await bed.code());
    const refresh = String(answer.json['refresh_token']);
    for (const subject_token of ['x', refresh, `${token}x`]) {
      expect(await exchange({ subject_token })).toMatchObject(invalidRequest);
    }
    expect(await exchange({ subject_token: '' })).toMatchObject(invalidRequest);
    expect(await exchange({ subject_token_type: '' })).toMatchObject(invalidRequest);
    const saml = 'urn:ietf:params:oauth:token-type:saml2';
    expect(await exchange({ subject_token_type: saml })).toMatchObject(invalidRequest);
    expect(await exchange({ requested_token_type: saml })).toMatchObject(invalidRequest);
  });

  it('for a user who was disabled', async () => {
    const where = { tenant: defaultTenant, id: bed.user };
    const set = { status: 'disabled' } as const;
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'users', where, set }],
      audit: null,
    });
    expect(await exchange()).toMatchObject({ json: { error: 'invalid_grant' } });
  });

  it('for a machine’s token, to another client', async () => {
    const machine = await bed.addClient({ audiences: ['https://api.example'] });
    const own = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, machine);
    const subject_token = String(own.json['access_token']);
    expect(await exchange({ subject_token })).toMatchObject(invalidRequest);
  });

  it('for a bound token, without the proof of a key', async () => {
    const subject_token = await signed({ cnf: { jkt: 'A'.repeat(43) } });
    expect(await exchange({ subject_token })).toMatchObject({ json: { error: 'invalid_request' } });
  });

  it('to whom `may_act` does not name', async () => {
    const cases = [
      [{ sub: 'somebody' }, 400],
      ['text', 400],
      [{ sub: service.clientId, iss: 'https://evil.example' }, 400],
      [{ sub: service.clientId, iss: bedConfig.issuer }, 200],
    ] as const;
    for (const [may_act, status] of cases) {
      const subject_token = await signed({ may_act });
      expect(await exchange({ subject_token })).toMatchObject({ status });
    }
  });

  it('beyond a chain of eight', async () => {
    let act: object = { sub: 'first' };
    for (let i = 1; i < 8; i++) act = { sub: `next-${i}`, act };
    const subject_token = await signed({ act });
    expect(await exchange({ subject_token })).toMatchObject(invalidRequest);
  });
});

describe('a client that takes from its own token', () => {
  it('gets less of it, and nobody acts for anybody', async () => {
    const own = await bed.addClient({
      ...rules,
      grantTypes: [grantType, 'client_credentials'],
      scopes: ['read', 'pay'],
    });
    const whole = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, own);
    const less = { subject_token: String(whole.json['access_token']), scope: 'read' };
    const answer = await exchange(less, own);
    expect(answer).toMatchObject({ status: 200, json: { scope: 'read' } });
    expect(payloadOf(answer)).toMatchObject({ sub: own.clientId, aud: 'https://bank.example' });
    expect(payloadOf(answer)).not.toHaveProperty('act');
  });
});

/** A token as the authority would sign it, with claims that it does not give by itself yet. */
async function signed(more: object): Promise<string> {
  const { store, sealer, clock, registry } = bed;
  const { recorder, entropy } = registry;
  const settings = bedConfig.signing;
  const keyring = await createKeyring({ store, sealer, recorder, clock, entropy, settings });
  const signer = await keyring.signer(defaultTenant, 'ES256');
  const payload = payloadOf({ json: { access_token: token } });
  const [header] = accessTokenSigningInput(
    {
      issuer: payload.iss,
      subject: payload.sub,
      audience: [payload.aud],
      clientId: payload.client_id,
      scopes: [],
      issuedAt: payload.iat,
      expiresAt: payload.exp,
      tokenId: payload.jti,
      position: payload.mm_pos,
      tenant: payload.mm_tenant,
      family: payload.mm_family as FamilyId,
    },
    signer,
  ).split('.');
  const body = Buffer.from(JSON.stringify({ ...payload, ...more })).toString('base64url');
  const input = `${header}.${body}`;
  return assembleJws(input, await signer.sign(Buffer.from(input, 'latin1')));
}
