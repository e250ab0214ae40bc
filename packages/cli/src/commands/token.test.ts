import {
  type ClientId,
  defaultTenant,
  type SubjectId,
  type TokenId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import {
  accessTokenSigningInput,
  assembleJws,
  generateSigningKey,
  localSigner,
} from '@mintmark/tokens';
import { beforeAll, describe, expect, it } from 'vitest';
import { json, run, type Sent, startMs } from '../fake-ports.ts';

const issuer = 'http://127.0.0.1:8420';
const start = (startMs / 1000) as UnixSeconds;
let token: string;
let jwks: unknown;

beforeAll(async () => {
  const { privateKey, publicJwk, kid } = await generateSigningKey('ES256');
  const signer = localSigner({ privateKey, algorithm: 'ES256', kid });
  const claims = {
    issuer,
    subject: 'ci' as SubjectId,
    audience: ['https://api.example'],
    clientId: 'ci' as ClientId,
    scopes: ['read'],
    issuedAt: start,
    expiresAt: (start + 600) as UnixSeconds,
    tokenId: 'jti-1' as TokenId,
    position: 0,
    tenant: defaultTenant,
  };
  const input = accessTokenSigningInput(claims, signer);
  token = assembleJws(input, signer.sign(utf8(input)));
  jwks = { keys: [publicJwk] };
});

/** An issuer's published pages. */
function published({ url }: Sent): Response {
  return json(200, url.endsWith('/jwks.json') ? jwks : { issuer });
}

describe('mintmark token', () => {
  it('gets a token with the secret behind a reference, form-encoded as the RFC asks', async () => {
    const line = 'token issue --client-id a:b --client-secret env:CI --scope x --scope y';
    const { sent, out } = await run(line, {
      environment: { CI: 'p%ss w' },
      server: () => json(200, { access_token: 'mm_at_x', token_type: 'Bearer', expires_in: 600 }),
    });
    expect(sent[0]!.url).toBe(`${issuer}/oauth2/token`);
    expect(String(sent[0]!.body)).toBe('grant_type=client_credentials&scope=x+y');
    const basic = sent[0]!.headers.get('authorization')!.replace('Basic ', '');
    expect(Buffer.from(basic, 'base64').toString()).toBe('a%3Ab:p%25ss+w');
    expect(out).toContain('mm_at_x');
  });

  it('shows an error of the token endpoint in its own words', async () => {
    const answer = { error: 'invalid_client', error_description: 'no such client' };
    const { exit, err } = await run('token issue --client-id a --client-secret -', {
      input: 'secret\n',
      server: () => json(401, answer),
    });
    expect(exit).toBe(1);
    expect(err).toContain('invalid_client: no such client');
    expect(err).not.toContain('secret');
  });

  it('refuses a secret that is not there', async () => {
    expect((await run('token issue --client-id a --client-secret -')).exit).toBe(2);
    const unset = await run('token issue --client-id a --client-secret env:NOPE');
    expect(unset).toMatchObject({ exit: 3 });
    expect(unset.err).toContain('custody_reference');
  });

  it('looks inside a JWT without asking anybody', async () => {
    const { exit, out, sent } = await run('token inspect', { input: `${token}\n` });
    expect(exit).toBe(0);
    expect(sent).toEqual([]);
    expect(out).toContain('not verified');
    expect(out).toContain(new Date(startMs + 600_000).toISOString());
    const machine = await run('token inspect --json', { input: token });
    expect(JSON.parse(machine.out)).toMatchObject({
      header: { alg: 'ES256', typ: 'at+jwt' },
      claims: { sub: 'ci', jti: 'jti-1' },
    });
  });

  it.each(['mm_at_opaque', 'a.b', 'a.b.c', `eyJ9.${'e'.repeat(9)}.x`, ''])(
    'does not pretend to see something in %s',
    async (input) => {
      expect((await run('token inspect', { input })).exit).toBe(2);
    },
  );

  it('verifies against the published keys of the issuer', async () => {
    const good = await run('token verify --offline --json', { input: token, server: published });
    expect(good.exit).toBe(0);
    expect(JSON.parse(good.out)).toMatchObject({ valid: true, claims: { jti: 'jti-1' } });
    const text = await run('token verify --offline', { input: token, server: published });
    expect(text.out).toContain('valid');
  });

  it('exits 1 for a wrong audience and for a changed token', async () => {
    const world = { input: token, server: published };
    const audience = await run('token verify --offline --audience https://other.example', world);
    expect(audience).toMatchObject({ exit: 1, out: 'refused: wrong_audience\n' });
    const changed = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
    const bad = await run('token verify --offline', { ...world, input: changed });
    expect(bad).toMatchObject({ exit: 1 });
    expect(bad.out).toContain('refused: ');
  });

  it('asks the server where it has a credential, and the keys where it has none', async () => {
    const answers = (body: unknown) => () => json(200, body);
    const active = { active: true, kind: 'opaque', audience: ['https://api.example'] };
    const good = await run('token verify', { input: 'mm_at_x', server: answers(active) });
    expect(good).toMatchObject({ exit: 0 });
    expect(good.sent[0]).toMatchObject({ body: { token: 'mm_at_x' } });
    expect(good.sent[0]!.url).toContain('/v1/tokens/inspect');
    const world = { input: 'mm_at_x', server: answers(active) };
    const other = await run('token verify --audience https://other.example', world);
    expect(other).toMatchObject({ exit: 1, out: 'refused: wrong_audience\n' });
    const revoked = { active: false, reason: 'revoked' };
    const bad = await run('token verify --json', { input: token, server: answers(revoked) });
    expect(bad.exit).toBe(1);
    expect(JSON.parse(bad.out)).toEqual({ valid: false, reason: 'revoked' });
    const environment = { MINTMARK_TOKEN: '' };
    const alone = await run('token verify', { input: token, server: published, environment });
    expect(alone.exit).toBe(0);
    expect(alone.sent.every((one) => one.method === 'GET')).toBe(true);
  });

  it('says when the server has no usable keys', async () => {
    const server = ({ url }: Sent) =>
      json(200, url.endsWith('/jwks.json') ? { no: 'keys' } : { issuer });
    const { exit, err } = await run('token verify --offline', { input: token, server });
    expect(exit).toBe(3);
    expect(err).toContain('not_a_key_set');
  });
});

describe('mintmark revoke', () => {
  const server = () => json(200, { id: 'r1', effective_at: 'now', feed_position: 3 });

  it.each([
    ['--token t1', { kind: 'token', id: 't1' }],
    ['--client ci', { kind: 'client', id: 'ci' }],
    ['--signing-key kid', { kind: 'signing_key', id: 'kid' }],
    ['--tenant default', { kind: 'tenant', id: 'default' }],
  ])('names the target %s', async (option, target) => {
    const { sent, out } = await run(`revoke ${option} --reason leaked`, { server });
    expect(sent[0]!.body).toEqual({ target, reason: 'leaked' });
    expect(out).toContain('feed_position');
  });

  it('finds the id inside a whole token', async () => {
    const { sent } = await run('revoke --token - --reason leaked', { server, input: token });
    expect(sent[0]!.body).toMatchObject({ target: { kind: 'token', id: 'jti-1' } });
    const nonsense = await run('revoke --token - --reason x', { server, input: 'hello' });
    expect(nonsense.exit).toBe(2);
  });

  it('refuses no target, two targets, and no reason', async () => {
    expect((await run('revoke --reason x')).exit).toBe(2);
    expect((await run('revoke --client a --user b --reason x')).exit).toBe(2);
    expect((await run('revoke --client a')).exit).toBe(2);
  });
});
