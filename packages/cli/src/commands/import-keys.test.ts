import { limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { json, run, type Sent } from '../fake-ports.ts';

interface Page {
  readonly format: unknown;
  readonly keys: readonly { readonly hash: string }[];
}

/** Imports everything but keys whose hash is `bad`. */
function server({ body }: Sent): Response {
  const { keys } = body as Page;
  const conflicts = keys.flatMap((key, index) =>
    key.hash === 'bad' ? [{ index, reason: 'malformed_hash' }] : [],
  );
  return json(200, { imported: keys.length - conflicts.length, unchanged: 0, conflicts });
}

const lines = (hashes: readonly string[]) =>
  hashes.map((hash) => JSON.stringify({ hash })).join('\n');

describe('mintmark key import', () => {
  it('sends the rows with the format of the other system', async () => {
    const line = 'key import - --prefix ak_ --separator . --hashed secret';
    const { exit, sent, out } = await run(line, { server, input: `${lines(['a', 'b'])}\n` });
    expect(exit).toBe(0);
    expect(sent[0]!.body).toEqual({
      format: { prefix: 'ak_', separator: '.', hashed: 'secret' },
      keys: [
        { scopes: [], hash: 'a' },
        { scopes: [], hash: 'b' },
      ],
    });
    expect(out).toMatch(/imported +2/);
  });

  it('sends pages no longer than the server takes, in rows and in bytes', async () => {
    const many = Array.from({ length: limits.importKeysMax + 1 }, () => 'h');
    const byRows = await run('key import -', { server, input: lines(many) });
    expect(byRows.sent.map((one) => (one.body as Page).keys.length)).toEqual([
      limits.importKeysMax,
      1,
    ]);
    const large = Array.from({ length: 5 }, () => 'h'.repeat(limits.importBodyBytesMax / 4));
    const byBytes = await run('key import -', { server, input: lines(large) });
    for (const { body } of byBytes.sent) {
      expect(JSON.stringify(body).length).toBeLessThanOrEqual(limits.importBodyBytesMax);
    }
    expect(byBytes.sent.length).toBeGreaterThan(1);
  });

  it('tells conflicts by their place in the whole file, and exits 1', async () => {
    const many = Array.from({ length: limits.importKeysMax }, () => 'h');
    const { exit, out } = await run('key import - --json', {
      server,
      input: lines([...many, 'h', 'bad']),
    });
    expect(exit).toBe(1);
    expect(JSON.parse(out).conflicts).toEqual([
      { index: limits.importKeysMax + 1, reason: 'malformed_hash' },
    ]);
    const text = await run('key import -', { server, input: lines(['bad']) });
    expect(text.out).toContain('malformed_hash');
  });

  it('refuses what is not one object a line, naming the line', async () => {
    for (const input of ['{"hash":"a"}\nnonsense', '{"hash":"a"}\n[1]']) {
      const { exit, err, sent } = await run('key import -', { server, input });
      expect(exit).toBe(2);
      expect(err).toContain('line 2');
      expect(sent).toEqual([]);
    }
    expect((await run('key import -', { server, input: '\n' })).exit).toBe(2);
  });

  it('says which file it cannot read', async () => {
    const { exit, err } = await run('key import ./no-such-file', { server });
    expect(exit).toBe(3);
    expect(err).toContain('file_unreadable');
  });

  it('stops where the server refuses a page', async () => {
    const refusing = () => json(422, { code: 'invalid_body', title: 'Wrong', errors: [] });
    expect((await run('key import -', { server: refusing, input: lines(['a']) })).exit).toBe(1);
  });
});
