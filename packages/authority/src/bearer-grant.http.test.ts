/** The JWT bearer grant: a client whose signature is the grant. */
import { defaultTenant, type SigningKeyId } from '@mintmark/core';
import { assembleJws, generateSigningKey, jwsSigningInput, localSigner } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { type Credentials, type GrantBed, grantBed } from './grant-bed.ts';
import { readMetadata } from './http/client-metadata.ts';

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const invalidGrant = { status: 400, json: { error: 'invalid_grant' } };

const key = await generateSigningKey('ES256');
const foreign = await generateSigningKey('ES256');
const rules: Partial<ClientRules> = {
  grantTypes: [grantType],
  jwks: { keys: [key.publicJwk] },
  scopes: ['read', 'write'],
};

let bed: GrantBed;
let robot: Credentials;
let trusted: Credentials;
let count = 0;

beforeEach(async () => {
  bed = await grantBed();
  robot = await bed.addClient(rules);
  trusted = await bed.addClient({ ...rules, mayAssertSubjects: true });
});

function assertion(
  by: Credentials,
  claims: Record<string, unknown> = {},
  { typ = 'JWT', with: signing = key } = {},
): string {
  const now = Math.floor(bed.clock.nowMs() / 1000);
  count += 1;
  const whole = {
    ...{ iss: by.clientId, sub: by.clientId, aud: bedConfig.issuer },
    ...{ jti: `id-${count}`, iat: now, exp: now + 300, ...claims },
  };
  const signer = localSigner({
    privateKey: signing.privateKey,
    algorithm: 'ES256',
    kid: key.kid as SigningKeyId,
  });
  const payload = Object.fromEntries(Object.entries(whole).filter(([, v]) => v !== undefined));
  const input = jwsSigningInput({ alg: 'ES256', kid: key.kid, typ }, payload as never);
  return assembleJws(input, signer.sign(Buffer.from(input, 'latin1')));
}

function present(text: string, by: Credentials, form: Record<string, string> = {}) {
  return bed.post('/oauth2/token', { grant_type: grantType, assertion: text, ...form }, by);
}

describe('an assertion', () => {
  it('gives its client a token of its own', async () => {
    const answer = await present(assertion(robot), robot, { scope: 'read' });
    expect(answer).toMatchObject({ status: 200, json: { scope: 'read' } });
    expect(answer.json).not.toHaveProperty('refresh_token');
    const token = String(answer.json['access_token']);
    const found = await bed.post('/oauth2/introspect', { token }, robot);
    expect(found.json).toMatchObject({ active: true, sub: robot.clientId });
  });

  it('gives a token for a person to a client that may sign for people alone', async () => {
    const answer = await present(assertion(trusted, { sub: bed.user }), trusted);
    const token = String(answer.json['access_token']);
    const found = await bed.post('/oauth2/introspect', { token }, trusted);
    expect(found.json).toMatchObject({ active: true, sub: bed.user, client_id: trusted.clientId });
    expect(await present(assertion(robot, { sub: bed.user }), robot)).toMatchObject(invalidGrant);
    const nobody = assertion(trusted, { sub: 'nobody' });
    expect(await present(nobody, trusted)).toMatchObject(invalidGrant);
    const where = { tenant: defaultTenant, id: bed.user };
    const set = { status: 'disabled' } as const;
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'users', where, set }],
      audit: null,
    });
    const disabled = assertion(trusted, { sub: bed.user });
    expect(await present(disabled, trusted)).toMatchObject(invalidGrant);
  });

  it('works once, on all nodes, however many try', async () => {
    const there = await bed.replica();
    const form = { grant_type: grantType, assertion: assertion(robot) };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? bed : there).post('/oauth2/token', form, robot),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect(answer).toMatchObject(invalidGrant);
    }
  });

  it.each<[string, () => string]>([
    ['signed by another key', () => assertion(robot, {}, { with: foreign })],
    ['of another client', () => assertion(trusted)],
    ['for another server', () => assertion(robot, { aud: 'https://other.example' })],
    ['for several servers', () => assertion(robot, { aud: [bedConfig.issuer, 'https://x'] })],
    ['that has ended', () => assertion(robot, { exp: 1_789_999_999 })],
    ['that ends too late', () => assertion(robot, { exp: 1_790_000_000 + 7200 })],
    ['without an id', () => assertion(robot, { jti: undefined })],
    ['without a subject', () => assertion(robot, { sub: undefined })],
    [
      'made for client authentication',
      () => assertion(robot, {}, { typ: 'client-authentication+jwt' }),
    ],
    ['that is an access token', () => assertion(robot, {}, { typ: 'at+jwt' })],
    ['that is none', () => 'x.y.z'],
  ])('is refused: %s', async (_, text) => {
    expect(await present(text(), robot)).toMatchObject(invalidGrant);
  });

  it('is for people only by an administrator: nobody registers that himself', () => {
    const read = readMetadata({
      client_name: 'x',
      may_assert_subjects: true,
      may_impersonate: true,
    });
    if (!read.ok) throw new Error(read.refusal);
    expect(read.value).toMatchObject({ name: 'x' });
    expect(read.value.mayAssertSubjects).toBeUndefined();
    expect(read.value.mayImpersonate).toBeUndefined();
  });

  it('must be there, and its grant allowed', async () => {
    expect(await present('', robot)).toMatchObject({ json: { error: 'invalid_request' } });
    const other = await bed.addClient({ ...rules, grantTypes: ['client_credentials'] });
    expect(await present(assertion(other), other)).toMatchObject({
      json: { error: 'unauthorized_client' },
    });
    const keyless = await bed.addClient({ ...rules, jwks: undefined });
    expect(await present(assertion(keyless), keyless)).toMatchObject(invalidGrant);
  });
});
