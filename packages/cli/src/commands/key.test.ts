import { describe, expect, it } from 'vitest';
import { json, run, type Sent, startMs } from '../fake-ports.ts';

const made = { id: 'k1', key: 'mm_key_k1secret', name: 'build', scopes: ['a', 'b'] };

describe('mintmark key', () => {
  it('creates a key and says that it is shown once', async () => {
    const line = 'key create --name build --scope a --scope b --expires-in 90d';
    const { out, sent } = await run(line, { server: () => json(201, made) });
    expect(sent[0]).toMatchObject({ method: 'POST', url: 'http://127.0.0.1:8420/v1/keys' });
    const expires_at = new Date(startMs + 90 * 86_400_000).toISOString();
    expect(sent[0]!.body).toMatchObject({ name: 'build', scopes: ['a', 'b'], expires_at });
    expect(sent[0]!.headers.get('idempotency-key')).toMatch(/^[\w-]{24}$/);
    expect(out).toContain('mm_key_k1secret');
    expect(out).toContain('not shown again');
  });

  it('sends purpose, tags, start and metadata', async () => {
    const line = ['key', 'create', '--name', 'b', '--purpose', 'nightly', '--tag', 'ci'];
    const more = ['--tag', 'eu', '--not-before', '2030-01-01T00:00:00Z', '--metadata', '{"a":1}'];
    const { sent } = await run([...line, ...more], { server: () => json(201, made) });
    expect(sent[0]!.body).toMatchObject({
      ...{ purpose: 'nightly', tags: ['ci', 'eu'], not_before: '2030-01-01T00:00:00Z' },
      metadata: { a: 1 },
    });
    expect((await run('key create --name b --metadata {')).exit).toBe(2);
  });

  it('sends countries, uses and credits with their refill', async () => {
    const line = 'key create --name b --country DE --not-country FR --uses 5 --credits 9';
    const { sent } = await run(`${line} --refill week`, { server: () => json(201, made) });
    expect(sent[0]!.body).toMatchObject({
      ...{ allowed_countries: ['DE'], denied_countries: ['FR'] },
      uses: { remaining: 5, refill: { amount: 5, every: 'week' } },
      credits: { remaining: 9, refill: { amount: 9, every: 'week' } },
    });
    expect((await run('key create --name b --uses many')).exit).toBe(2);
    expect((await run('key create --name b --refill day')).exit).toBe(2);
  });

  it('echoes what was given, counters too, and what cannot come to pass', async () => {
    const answer = { ...made, plan: 'gold', tags: ['ci'], recoverable: false, metadata: {} };
    const server = () => json(201, { ...answer, warnings: ['no countries are known'] });
    const line = 'key create --name build --plan gold --tag ci --uses 5 --refill day --credits 9';
    const { out } = await run(line, { server });
    expect(out).toMatch(/plan +gold\n/);
    expect(out).toMatch(/tags +ci\n/);
    expect(out).toMatch(/uses +5, refilled each day\n/);
    expect(out).toMatch(/credits +9, refilled each day\n/);
    expect(out).toContain('no countries are known');
    expect(out).not.toMatch(/recoverable|metadata/);
  });

  it.each([
    [{ refused_as: null }, 'active'],
    [{ refused_as: 'expired' }, 'expired'],
    [{ refused_as: 'expired', successor: 'k2' }, 'rotated out'],
    [{ refused_as: 'not_yet_valid' }, 'not yet valid'],
    [{ status: 'disabled', refused_as: 'disabled' }, 'disabled'],
  ])('shows the state of %j', async (more, state) => {
    const server = () => json(200, { id: 'k1', status: 'active', ...more });
    const { out } = await run('key show k1', { server });
    expect(out).toMatch(new RegExp(`status +${state}\\n`));
  });

  it('changes what is named under the ETag that it read, and takes settings away', async () => {
    const server = (request: Sent) =>
      request.method === 'GET'
        ? json(200, { id: 'k1' }, { etag: '"7"' })
        : json(200, { id: 'k1', name: 'new' });
    const line = 'key update k1 --name new --uses 4 --clear expires plan --without-scopes';
    const { sent, out } = await run(line, { server });
    expect(sent[1]).toMatchObject({ method: 'PATCH', url: 'http://127.0.0.1:8420/v1/keys/k1' });
    expect(sent[1]!.headers.get('if-match')).toBe('"7"');
    expect(sent[1]!.body).toEqual({
      ...{ name: 'new', scopes: [], uses: { remaining: 4 } },
      ...{ expires_at: null, plan: null },
    });
    expect(out).toMatch(/name +new/);
    for (const wrong of ['key update k1', 'key update k1 --clear owner']) {
      expect(await run(wrong, { server })).toMatchObject({ exit: 2, sent: [] });
    }
  });

  it('lets a key break the policy, with a reason, and takes that back', async () => {
    const server = () => json(200, { id: 'k1', acceptance: { reason: 'old till' } });
    const line = ['key', 'accept', 'k1', '--reason', 'old till', '--until', '2030-01-01T00:00:00Z'];
    const { sent, out } = await run(line, { server });
    expect(sent[0]).toMatchObject({
      ...{ method: 'PUT', url: 'http://127.0.0.1:8420/v1/keys/k1/acceptance' },
      body: { reason: 'old till', until: '2030-01-01T00:00:00Z' },
    });
    expect(out).toContain('old till');
    const back = await run('key unaccept k1', { server });
    expect(back.sent[0]).toMatchObject({ method: 'DELETE' });
    expect((await run('key accept k1')).exit).toBe(2);
  });

  it('shows a recoverable key again, with a reason', async () => {
    const server = () => json(200, { id: 'k1', key: 'mm_key_k1again' });
    const { sent, out } = await run('key reveal k1 --reason lost', { server });
    expect(sent[0]).toMatchObject({ method: 'POST', body: { reason: 'lost' } });
    expect(out).toContain('mm_key_k1again');
    expect((await run('key reveal k1')).exit).toBe(2);
    const create = await run('key create --name b --recoverable', { server });
    expect(create.sent[0]!.body).toMatchObject({ recoverable: true });
  });

  it('adds to what a key may spend', async () => {
    const server = () => json(201, { id: 'k1', limits: { credits: { remaining: 12 } } });
    const { sent, out } = await run('key top-up k1 --credits 7', { server });
    expect(sent[0]).toMatchObject({ method: 'POST', body: { credits: 7 } });
    expect(out).toContain('12');
  });

  it('lists what breaks the policy, with its owner', async () => {
    const broken = { ...made, owner: 'team-a', violations: [{ rule: 'expiry_required' }] };
    const { out, sent } = await run('key violations', {
      server: () => json(200, { items: [broken], next: null }),
    });
    expect(sent[0]!.url).toContain('violating=true');
    expect(out).toContain('team-a');
    expect(out).toContain('expiry_required');
  });

  it('prints the answer as it came with --json', async () => {
    const { out } = await run('key create --name build --json', { server: () => json(201, made) });
    expect(JSON.parse(out)).toEqual(made);
  });

  it('refuses two ends of life, and spans that are none', async () => {
    expect((await run('key create --name a --expires-in 1d --expires-at x')).exit).toBe(2);
    expect((await run('key create --name a --expires-in soon')).exit).toBe(2);
    expect((await run('key rotate k1 --overlap later')).exit).toBe(2);
  });

  it('rotates with an overlap in seconds', async () => {
    const server = () => json(201, { id: 'k2', key: 'mm_key_k2', previous_expires_at: 'then' });
    const { out, sent } = await run('key rotate k1 --overlap 1h', { server });
    expect(sent[0]).toMatchObject({ body: { overlap_seconds: 3600 } });
    expect(sent[0]!.url).toContain('/v1/keys/k1/rotate');
    expect(out).toContain('then');
  });

  it('encodes what a person types into a path', async () => {
    const { sent } = await run(['key', 'show', '../clients'], { server: () => json(200, made) });
    expect(sent[0]!.url).toContain('/v1/keys/..%2Fclients');
  });

  it('disables and enables under the ETag that it read', async () => {
    const server = () => json(200, made, { etag: '"7"' });
    const { sent } = await run('key disable k1', { server });
    expect(sent.map((one) => one.method)).toEqual(['GET', 'PATCH']);
    expect(sent[1]!.headers.get('if-match')).toBe('"7"');
    expect(sent[1]!.body).toEqual({ status: 'disabled' });
    const enabled = await run('key enable k1', { server });
    expect(enabled.sent[1]!.body).toEqual({ status: 'active' });
  });

  it('does not edit what it could not read', async () => {
    const server = () => json(404, { code: 'not_found', title: 'There is no such thing' });
    const { exit, sent } = await run('key disable k1', { server });
    expect(exit).toBe(1);
    expect(sent).toHaveLength(1);
  });

  it.each(['quarantine', 'release'])('%ss with a reason', async (act) => {
    const held = { ...made, quarantine: { reason: 'leaked', at: 'now', by: 'admin_key:root' } };
    const { sent, out } = await run(`key ${act} k1 --reason leaked`, {
      server: () => json(200, held),
    });
    expect(sent[0]!.url).toContain(`/v1/keys/k1/${act}`);
    expect(sent[0]!.body).toEqual({ reason: 'leaked' });
    expect(out).toContain('leaked');
    expect((await run(`key ${act} k1`)).exit).toBe(2);
  });

  it('revokes with a reason', async () => {
    const server = () => json(200, { id: 'r1', effective_at: 'now' });
    const { sent, out } = await run('key revoke k1 --reason leaked', { server });
    expect(sent[0]!.body).toEqual({ target: { kind: 'key', id: 'k1' }, reason: 'leaked' });
    expect(out).toContain('revoked');
  });

  it('verifies a key from standard input: exit 0 for active, 1 for refused', async () => {
    const answer = (active: boolean) => (request: Sent) => {
      expect(request.body).toMatchObject({ key: 'mm_key_x' });
      return json(200, { active, code: active ? 'ok' : 'expired' });
    };
    const good = await run('key verify', { server: answer(true), input: 'mm_key_x\n' });
    expect(good).toMatchObject({ exit: 0 });
    const bad = await run('key verify', { server: answer(false), input: 'mm_key_x\n' });
    expect(bad.exit).toBe(1);
    expect(bad.out).toContain('refused: expired');
    expect((await run('key verify')).exit).toBe(2);
  });
});
