import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const seen = {
  preview: 'P',
  at: '2026-11-22T08:00:00.000Z',
  complete: false,
  counts: { access_tokens: 7, refresh_families: 2, api_keys: 1 },
  clients: [
    {
      ...{ client_id: 'ci', access_tokens: 7, refresh_families: 2 },
      ...{ audiences: ['https://api.example'], recovers: 'by_signing_in' },
    },
  ],
  owners: [{ owner: 'pay', api_keys: 1 }],
  examples: { access_tokens: [], refresh_families: [], api_keys: [] },
  breaks: ['7 access tokens are refused from then on'],
  undo: 'cannot be undone: for a reason',
};

const done = { id: 'r1', effective_at: 'now', feed_position: 3, state: 'done' };

const server = ({ url }: { readonly url: string }) =>
  json(200, url.endsWith('/preview') ? seen : done);

describe('mintmark revoke', () => {
  it('shows what would end and ends nothing', async () => {
    const { sent, out, exit } = await run('revoke --client ci --preview', { server });
    expect(exit).toBe(0);
    expect(sent).toHaveLength(1);
    expect(sent[0]!.url).toContain('/v1/revocations/preview');
    expect(sent[0]!.body).toEqual({ target: { kind: 'client', id: 'ci' } });
    for (const said of ['7 access tokens are refused', 'by_signing_in', '1 keys of pay', 'least']) {
      expect(out).toContain(said);
    }
  });

  it('ends what a query finds after showing it, with what was shown', async () => {
    const line = 'revoke --query client=ci,scope=orders:write,tag.team=pay --yes --reason leaked';
    const { sent, out } = await run(line, { server });
    const query = { client: 'ci', scope: 'orders:write', tag: { name: 'team', value: 'pay' } };
    expect(sent.map(({ body }) => body)).toEqual([
      { query },
      { query, reason: 'leaked', preview: 'P' },
    ]);
    expect(out).toContain('7 access tokens are refused');
    expect(out).toContain('revoked');
  });

  it('ends nothing of a query without --yes', async () => {
    const { sent, err, exit } = await run('revoke --query client=ci --reason x', { server });
    expect(exit).toBe(2);
    expect(sent).toHaveLength(1);
    expect(err).toContain('nothing was ended');
  });

  it.each(['', 'client', 'colour=red', 'client=a,client=b', 'tag.=x', 'tag.a=1,tag.b=2'])(
    'refuses the query %j',
    async (query) => {
      const args = ['revoke', '--query', query, '--preview'];
      expect((await run(args.join(' '), { server })).exit).toBe(2);
    },
  );

  it('refuses --before beside a query', async () => {
    const line = 'revoke --query client=ci --before 2026-01-01T00:00:00Z --preview';
    expect((await run(line, { server })).exit).toBe(2);
  });

  it('takes back what was disabled with a revocation', async () => {
    const enabled = { enabled: { kind: 'client', id: 'ci' }, at: 'now' };
    const answers = () => json(200, enabled);
    const { sent, out } = await run('revoke --undo r1 --reason requested', { server: answers });
    expect(sent[0]!.url).toContain('/v1/revocations/r1/undo');
    expect(sent[0]!.body).toEqual({ reason: 'requested' });
    expect(out).toContain('client ci is enabled again');
    expect((await run('revoke --undo r1', { server })).exit).toBe(2);
  });
});
