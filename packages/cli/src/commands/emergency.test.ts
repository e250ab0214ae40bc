import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const concerned = {
  complete: true,
  counts: { access_tokens: 7, refresh_families: 0, api_keys: 0 },
  clients: [
    {
      ...{ client_id: 'shop', access_tokens: 7, refresh_families: 0 },
      ...{ audiences: [], recovers: 'by_signing_in' },
    },
  ],
};

const seen = {
  ...{ kid: 'k1', algorithm: 'ES256', status: 'active', signs: true, owners: [] },
  ...concerned,
  breaks: ['whoever keeps the key set trusts the key for up to 1800 s more'],
};

const done = { revocation: 'r1', replacement: 'k2', owners_told: 1, ...concerned };

const server = ({ method }: { readonly method: string }) =>
  json(200, method === 'GET' ? seen : done);

describe('mintmark emergency signing-key', () => {
  it('says what breaks, then ends it', async () => {
    const { sent, out } = await run('emergency signing-key k1 --reason stolen', { server });
    expect(sent.map(({ method }) => method)).toEqual(['GET', 'POST']);
    expect(sent[1]!.body).toEqual({ reason: 'stolen' });
    const first = out.indexOf('1800 s more');
    expect(first).toBeGreaterThan(0);
    expect(out.indexOf('ended, with all that it signed')).toBeGreaterThan(first);
    expect(out).toContain('people sign in again at: shop');
  });

  it('changes nothing on a dry run', async () => {
    const { sent, out } = await run('emergency signing-key k1 --dry-run', { server });
    expect(sent).toHaveLength(1);
    expect(out).toContain('7');
  });

  it('needs a reason', async () => {
    expect((await run('emergency signing-key k1', { server })).exit).toBe(2);
  });
});
