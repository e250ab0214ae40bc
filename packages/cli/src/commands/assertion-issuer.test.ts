import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const github = {
  name: 'github',
  issuer: 'https://token.actions.githubusercontent.com',
  algorithms: ['RS256'],
  rules: [{ subject: 'repo:acme/app:ref:refs/heads/main', clients: ['deploy'] }],
};

describe('mintmark assertion-issuer', () => {
  it('lists who may vouch for whom', async () => {
    const server = () => json(200, { items: [github, { name: 'bare' }], next: null });
    const { out } = await run('assertion-issuer list', { server });
    expect(out).toMatch(/github +https:\/\/token\.actions\.githubusercontent\.com +RS256 +1/);
    expect(out).toMatch(/bare .*0/);
  });

  it('shows one as it can be applied again', async () => {
    const { out } = await run('assertion-issuer show github', { server: () => json(200, github) });
    expect(JSON.parse(out)).toEqual(github);
  });

  it('deletes the version that it has seen', async () => {
    const server = ({ method }: { method: string }) =>
      method === 'GET' ? json(200, github, { etag: '"3"' }) : new Response(null, { status: 204 });
    const { exit, out, sent } = await run('assertion-issuer delete github', { server });
    expect([exit, out]).toEqual([0, 'deleted github\n']);
    expect(sent[1]?.headers.get('if-match')).toBe('"3"');
  });

  it('says that there is none', async () => {
    const server = () => json(404, { code: 'not_found', title: 'There is no such thing' });
    expect((await run('assertion-issuer delete gone', { server })).exit).toBe(1);
  });
});
