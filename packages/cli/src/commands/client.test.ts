import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const client = {
  client_id: 'ci',
  client_name: 'builds',
  status: 'active',
  scope: 'read write',
  access_token_format: 'jwt',
};

describe('mintmark client', () => {
  it('registers with settings in the words of RFC 7591, and shows the secret once', async () => {
    const line =
      'client create --client-id ci --name builds --scope read --scope write --format opaque ' +
      '--ttl 5m --algorithm ES256 --audience https://api.example --resource https://own.example';
    const server = () => json(201, { ...client, client_secret: 'mm_cs_x' });
    const { out, sent } = await run(line, { server });
    expect(sent[0]!.body).toEqual({
      client_id: 'ci',
      client_name: 'builds',
      scope: 'read write',
      audiences: ['https://api.example'],
      resources: ['https://own.example'],
      access_token_format: 'opaque',
      access_token_ttl_seconds: 300,
      access_token_signing_alg: 'ES256',
    });
    expect(out).toContain('mm_cs_x');
    expect(out).toContain('not shown again');
  });

  it('takes every other member as JSON or text, and shows those that are set', async () => {
    const line =
      'client create --grant authorization_code --redirect-uri https://app.example/cb ' +
      '--auth-method none --set consent=implicit --set default_max_age=300';
    const shown = { ...client, consent: 'implicit', contacts: [], require_auth_time: false };
    const { out, sent } = await run(line, { server: () => json(201, shown) });
    expect(sent[0]!.body).toEqual({
      grant_types: ['authorization_code'],
      redirect_uris: ['https://app.example/cb'],
      token_endpoint_auth_method: 'none',
      consent: 'implicit',
      default_max_age: 300,
    });
    expect(out).toMatch(/consent +implicit/);
    expect(out).not.toMatch(/contacts|require_auth_time/);
    expect((await run('client create --set consent')).exit).toBe(2);
  });

  it('takes a secret of one’s own by reference', async () => {
    const { sent, out } = await run('client create --client-secret -', {
      input: 'a long secret of mine\n',
      server: () => json(201, client),
    });
    expect(sent[0]!.body).toMatchObject({ client_secret: 'a long secret of mine' });
    expect(out).not.toContain('not shown again');
    expect((await run('client create --client-secret -')).exit).toBe(2);
  });

  it('lists and shows', async () => {
    const listed = await run('client list', {
      server: () => json(200, { items: [client], next: null }),
    });
    expect(listed.out).toMatch(/ci +builds +active +jwt +read write/);
    const { out } = await run('client show ci', { server: () => json(200, client) });
    expect(out).toMatch(/client_name +builds/);
  });

  it('updates what is named, under the ETag that it read', async () => {
    const server = () => json(200, client, { etag: '"4"' });
    const { sent } = await run('client update ci --status disabled', { server });
    expect(sent[1]).toMatchObject({ method: 'PATCH', body: { status: 'disabled' } });
    expect(sent[1]!.headers.get('if-match')).toBe('"4"');
    expect((await run('client update ci --ttl soon')).exit).toBe(2);
    expect((await run('client create --ttl soon')).exit).toBe(2);
  });

  it('deletes', async () => {
    const server = ({ method }: { method: string }) =>
      method === 'GET' ? json(200, client) : new Response(null, { status: 204 });
    expect(await run('client delete ci', { server })).toMatchObject({ out: 'deleted ci\n' });
    const refused = await run('client delete ci', {
      server: () => json(404, { code: 'not_found', title: 'No' }),
    });
    expect(refused.exit).toBe(1);
  });

  it('rolls the secret with an overlap', async () => {
    const answer = { client_id: 'ci', client_secret: 'mm_cs_y', previous_expires_at: 'then' };
    const { out, sent } = await run('client rotate-secret ci --overlap 1h', {
      server: () => json(201, answer),
    });
    expect(sent[0]).toMatchObject({ body: { overlap_seconds: 3600 } });
    expect(sent[0]!.url).toContain('/v1/clients/ci/secrets/rotate');
    expect(out).toContain('mm_cs_y');
    expect((await run('client rotate-secret ci --overlap later')).exit).toBe(2);
  });
});

describe('mintmark signing-key', () => {
  it('lists, rotates, and ends in an emergency', async () => {
    const key = { kid: 'k1', algorithm: 'ES256', status: 'active', activate_at: 'now' };
    const listed = await run('signing-key list', {
      server: () => json(200, { items: [key], next: null }),
    });
    expect(listed.out).toMatch(/k1 +ES256 +active +now/);
    const rotated = await run('signing-key rotate --algorithm EdDSA --reason drill', {
      server: () => json(200, { kid: 'k2', activate_at: 'later' }),
    });
    expect(rotated.sent[0]!.body).toEqual({ algorithm: 'EdDSA', reason: 'drill' });
    expect(rotated.out).toContain('later');
    const ended = await run('signing-key emergency k1 --reason stolen', {
      server: () => json(200, { revocation: 'r1', replacement: 'k3' }),
    });
    expect(ended.sent[0]!.url).toContain('/v1/signing-keys/k1/emergency');
    expect(ended.out).toContain('k3');
    expect((await run('signing-key emergency k1')).exit).toBe(2);
    const reported = await run('signing-key report k1 --reason doubt', {
      server: () => new Response(null, { status: 202 }),
    });
    expect(reported.sent[0]!.url).toContain('/v1/signing-keys/k1/report');
    expect([reported.sent[0]!.body, reported.exit]).toEqual([{ reason: 'doubt' }, 0]);
  });

  it('approves what waits, or a part of it, of the version that it has seen', async () => {
    const server = () => json(200, { ...client, scope: 'read admin' }, { etag: '"4"' });
    const { out, sent } = await run('client approve ci --scope admin', { server });
    expect(sent.map(({ method, url }) => [method, new URL(url).pathname])).toEqual([
      ['GET', '/v1/clients/ci'],
      ['POST', '/v1/clients/ci/approve'],
    ]);
    expect(sent[1]!.body).toEqual({ scopes: ['admin'] });
    expect(sent[1]!.headers.get('if-match')).toBe('"4"');
    expect(out).toMatch(/scope +read admin/);
  });
});
