import { nowSeconds, seededEntropy, type UnixSeconds } from '@mintmark/core';
import {
  buildSecretToken,
  deriveSubKey,
  parseSecretToken,
  type SubKeyRestrictions,
  subKeyTargetId,
} from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { buildRequest } from './http/management/request-builder.ts';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;

beforeEach(async () => {
  bed = await managementBed();
});

const entropy = seededEntropy(21);

async function made(more: Record<string, unknown> = {}) {
  const json = { name: 'ci', scopes: ['read', 'write'], ...more };
  const { body } = await bed.call('POST', '/v1/keys', { json });
  return { id: String(body['id']), key: String(body['key']) };
}

function derived(parent: string, more: Partial<SubKeyRestrictions> = {}) {
  const now = nowSeconds(bed.clock);
  const restrictions = { issuedAt: now, expiresAt: (now + 600) as UnixSeconds, ...more };
  const result = deriveSubKey({ parent, prefix: 'mm', restrictions, entropy });
  if (!result.ok) throw new Error(result.refusal.reason);
  return { text: result.value.text, id: result.value.subKey.links.at(-1)!.id };
}

async function verified(key: string, more: Record<string, unknown> = {}) {
  const { status, body } = await bed.call('POST', '/v1/keys/verify', { json: { key, ...more } });
  expect(status).toBe(200);
  expect(body['active']).toBe(body['code'] === 'ok');
  return body;
}

async function codeOf(key: string, more: Record<string, unknown> = {}) {
  return (await verified(key, more))['code'];
}

describe('a sub-key at /v1/keys/verify', () => {
  it('is good for what both its key and its links allow, and is named beside its key', async () => {
    const { id, key } = await made();
    const sub = derived(key, { scopes: ['read', 'admin'], label: 'job 7' });
    expect(await verified(sub.text, { scopes: ['read'] })).toMatchObject({
      ...{ active: true, code: 'ok', id, scopes: ['read'] },
      sub_key: { id: sub.id, label: 'job 7' },
      expires_at: new Date((nowSeconds(bed.clock) + 600) * 1000).toISOString(),
    });
    expect(await codeOf(sub.text, { scopes: ['write'] })).toBe('insufficient_scope');
    expect(await codeOf(sub.text, { scopes: ['admin'] })).toBe('insufficient_scope');
  });

  it.each([
    ['method_restricted', { methods: ['GET'] }, { method: 'GET' }],
    ['path_restricted', { pathPrefix: '/v1' }, { path: '/v1/a' }],
    [
      'resource_restricted',
      { audiences: ['https://a.example'] },
      { resource: 'https://a.example' },
    ],
    ['route_restricted', { routes: ['r'] }, { route: 'r' }],
    ['address_not_allowed', { addresses: ['192.0.2.0/24'] }, { address: '192.0.2.7' }],
  ] as const)('says %s to one of %j where nobody says what for', async (code, more, use) => {
    const { key } = await made();
    const { text } = derived(derived(key, more).text);
    expect(await codeOf(text)).toBe(code);
    expect(await codeOf(text, use)).toBe('ok');
  });

  it('dies with its key: disabled, quarantined, revoked', async () => {
    const { id, key } = await made();
    const { text } = derived(key);
    const headers = await bed.ifMatch(`/v1/keys/${id}`);
    await bed.call('PATCH', `/v1/keys/${id}`, { json: { status: 'disabled' }, headers });
    expect(await codeOf(text)).toBe('disabled');
    const again = await bed.ifMatch(`/v1/keys/${id}`);
    await bed.call('PATCH', `/v1/keys/${id}`, { json: { status: 'active' }, headers: again });
    expect(await codeOf(text)).toBe('ok');
    const json = { target: { kind: 'key', id }, reason: 'leaked' };
    expect((await bed.call('POST', '/v1/revocations', { json })).status).toBe(200);
    expect(await codeOf(text)).toBe('revoked');
  });

  it('dies with the overlap of its rotated key, and is none of the successor', async () => {
    const { id, key } = await made();
    const { text } = derived(key);
    const json = { overlap_seconds: 5 };
    await bed.call('POST', `/v1/keys/${id}/rotate`, { json });
    expect(await codeOf(text)).toBe('ok');
    bed.clock.advanceMs(6_000);
    expect(await codeOf(text)).toBe('expired');
  });

  it('dies with its owner', async () => {
    const { key } = await made({ owner: 'team-a' });
    const { text } = derived(key);
    const json = { target: { kind: 'user', id: 'team-a' }, reason: 'left' };
    await bed.call('POST', '/v1/revocations', { json });
    expect(await codeOf(text)).toBe('revoked');
  });

  it('ends by itself', async () => {
    const { key } = await made();
    const { text } = derived(key);
    bed.clock.advanceMs(600_000);
    expect(await codeOf(text)).toBe('expired');
    expect(await codeOf(key)).toBe('ok');
  });

  it('is not found where its chain is not of that key', async () => {
    const [one, two] = [await made(), await made()];
    const parsed = parseSecretToken(one.key, 'mm');
    const secret = parsed.ok ? parsed.value.secret : '';
    const built = buildSecretToken({ prefix: 'mm', kind: 'key', id: two.id, entropy });
    expect(secret).not.toBe(built.secret);
    expect(await codeOf(derived(built.text).text)).toBe('not_found');
    expect(await codeOf('mm_sub_x')).toBe('malformed');
    const nobody = buildSecretToken({ prefix: 'mm', kind: 'key', id: 'Z'.repeat(17), entropy });
    expect(await codeOf(derived(nobody.text).text)).toBe('not_found');
  });

  it('opens nothing of the management API', async () => {
    const { key } = await made();
    const answer = await bed.call('GET', '/v1/keys', { credential: derived(key).text });
    expect(answer.status).toBe(401);
  });
});

describe('GET /v1/keys/{id}/sub-keys', () => {
  it('lists those that were used, by pages, with their labels and counts', async () => {
    const { id, key } = await made();
    const subs = ['a b', undefined, 'c'].map((label) => derived(key, { label }));
    const { id: other, key: otherKey } = await made();
    for (const { text } of [...subs, subs[0]!, derived(otherKey)]) {
      expect(await codeOf(text)).toBe('ok');
    }
    expect(await codeOf(subs[0]!.text, { scopes: ['none'] })).toBe('insufficient_scope');
    await bed.authority.tick();
    const items: Record<string, unknown>[] = [];
    let cursor: unknown = null;
    do {
      const at = cursor === null ? '' : `&cursor=${cursor}`;
      const { status, body } = await bed.call('GET', `/v1/keys/${id}/sub-keys?limit=2${at}`);
      expect(status).toBe(200);
      items.push(...(body['items'] as Record<string, unknown>[]));
      cursor = body['next'];
    } while (cursor !== null);
    const ids = subs.map((sub) => subKeyTargetId(id, sub.id));
    expect(items.map((item) => item['id']).sort()).toEqual([...ids].sort());
    const first = items.find((item) => item['id'] === ids[0]);
    expect(first).toMatchObject({ label: 'a b', uses_allowed: 2, uses_denied: 1 });
    expect(items.find((item) => item['id'] === ids[1])).toMatchObject({ label: null });
    const usage = await bed.call('GET', `/v1/keys/${id}`);
    expect(usage.body).toMatchObject({ uses_allowed: 4, uses_denied: 1 });
    const others = await bed.call('GET', `/v1/keys/${other}/sub-keys`);
    expect(others.body['items']).toHaveLength(1);
    expect((await bed.call('GET', '/v1/keys/none/sub-keys')).status).toBe(404);
  });
});

describe('a revocation of a sub-key', () => {
  it('ends it and what was made from it, and stands in the history of its key', async () => {
    const { id, key } = await made();
    const one = derived(key);
    const below = derived(one.text);
    const beside = derived(key);
    const target = { kind: 'sub_key', id: subKeyTargetId(id, one.id) };
    const json = { target, reason: 'job leaked it' };
    expect((await bed.call('POST', '/v1/revocations', { json })).status).toBe(200);
    expect(await codeOf(one.text)).toBe('revoked');
    expect(await codeOf(below.text)).toBe('revoked');
    expect(await codeOf(beside.text)).toBe('ok');
    expect(await codeOf(key)).toBe('ok');
    const history = await bed.call('GET', `/v1/audit/history/key/${id}`);
    expect(history.text).toContain(target.id);
    await bed.authority.tick();
    const listed = await bed.call('GET', `/v1/keys/${id}/sub-keys`);
    const items = listed.body['items'] as Record<string, unknown>[];
    const statusOf = (sub: { readonly id: string }) =>
      items.find((item) => item['id'] === subKeyTargetId(id, sub.id))?.['status'];
    expect([statusOf(one), statusOf(beside)]).toEqual(['revoked', 'active']);
  });

  it('is remembered for as long as the sub-key could live', async () => {
    const { id, key } = await made();
    const now = nowSeconds(bed.clock);
    const sub = derived(key, { expiresAt: (now + 90 * 86_400) as UnixSeconds });
    const target = { kind: 'sub_key', id: subKeyTargetId(id, sub.id) };
    await bed.call('POST', '/v1/revocations', { json: { target, reason: 'x' } });
    bed.clock.advanceMs((90 * 86_400 - 1) * 1000);
    expect(await codeOf(sub.text)).toBe('revoked');
  });

  it('needs a key that there is, and takes no moment', async () => {
    const { id } = await made();
    const target = { kind: 'sub_key', id: `${'Z'.repeat(17)}.${'A'.repeat(17)}` };
    const unknown = await bed.call('POST', '/v1/revocations', { json: { target, reason: 'x' } });
    expect(unknown.status).toBe(404);
    const known = { kind: 'sub_key', id: `${id}.${'A'.repeat(17)}` };
    const json = { target: known, reason: 'x', before: '2020-01-01T00:00:00Z' };
    expect((await bed.call('POST', '/v1/revocations', { json })).status).toBe(400);
  });
});

describe('introspection of a sub-key', () => {
  async function introspected(token: string, more: Record<string, string> = {}) {
    const credential = await bed.credential('feed:read');
    const headers = {
      authorization: `Bearer ${credential}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const body = new URLSearchParams({ token, ...more }).toString();
    const request = buildRequest('POST', '/oauth2/introspect', { headers, body });
    const answer = await bed.authority.handle(request);
    return JSON.parse(String(answer.body));
  }

  it('answers an enforcement point that judges its use, and no other one', async () => {
    const { id, key } = await made();
    const free = derived(key, { scopes: ['read'] });
    const bound = derived(key, { methods: ['GET'] });
    const judges = { judges: 'sub_key_use' };
    const answer = { active: true, jti: id, scope: 'read', mm_sub_key: free.id };
    expect(await introspected(free.text)).toMatchObject(answer);
    expect(await introspected(bound.text, judges)).toMatchObject({ active: true, jti: id });
    expect(await introspected(bound.text)).toEqual({ active: false });
  });
});
