import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const shown = { name: 'billing', scheme: 'header', header: 'x-api-key', updated_at: '2026-11-22' };

describe('mintmark upstream-credential', () => {
  it('lists and shows them', async () => {
    const listed = await run('upstream-credential list', {
      server: () => json(200, { items: [shown], next: null }),
    });
    expect(listed.out).toMatch(/billing +header +x-api-key/);
    const one = await run('upstream-credential show billing', { server: () => json(200, shown) });
    expect(JSON.parse(one.out)).toEqual(shown);
  });

  it('keeps one, with a secret that stands on no command line and in no answer', async () => {
    const line = 'upstream-credential create billing --scheme header --header x-api-key --secret -';
    const { exit, sent, out, err } = await run(line, {
      server: () => json(201, shown),
      input: 'canary-secret\n',
    });
    expect(exit).toBe(0);
    expect(sent[0]).toMatchObject({ method: 'POST' });
    expect(sent[0]!.body).toEqual({
      ...{ name: 'billing', scheme: 'header', header: 'x-api-key', secret: 'canary-secret' },
    });
    expect(out + err).not.toContain('canary');
  });

  it.each([
    ['', { scheme: 'bearer' }],
    [' --secret -', { scheme: 'bearer', secret: 'new' }],
  ])('replaces one%s', async (more, body) => {
    const { exit, sent } = await run(`upstream-credential replace billing --scheme bearer${more}`, {
      server: () => json(200, shown, { etag: '"1"' }),
      input: 'new\n',
    });
    expect(exit).toBe(0);
    expect(sent.at(-1)).toMatchObject({ method: 'PUT', body });
  });

  it('says that there is no secret, and asks nobody', async () => {
    const line = 'upstream-credential create billing --scheme bearer --secret -';
    const { exit, sent } = await run(line, { server: () => json(201, shown), input: '' });
    expect([exit, sent.length]).toEqual([2, 0]);
    const again = 'upstream-credential replace billing --scheme bearer --secret -';
    const replaced = await run(again, { server: () => json(200, shown), input: '' });
    expect([replaced.exit, replaced.sent.length]).toEqual([2, 0]);
  });

  it('deletes one', async () => {
    const { out } = await run('upstream-credential delete billing', {
      server: ({ method }) =>
        method === 'GET' ? json(200, shown, { etag: '"1"' }) : new Response(null, { status: 204 }),
    });
    expect(out).toContain('deleted billing');
  });
});
