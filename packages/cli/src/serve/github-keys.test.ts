import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { authorityConfigOf } from './authority-config.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mintmark-github-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function keysOf(leaks: Record<string, string>) {
  return authorityConfigOf(configSchema.parse({ leaks }), 'http://127.0.0.1:8420').githubKeys;
}

function published(curve: string): string {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const key = publicKey.export({ type: 'spki', format: 'pem' });
  return JSON.stringify({ public_keys: [{ key_identifier: 'a', key, is_current: true }] });
}

describe('keys of GitHub', () => {
  it('come from a URL, from a file, or not at all', () => {
    expect(keysOf({})).toBeUndefined();
    const github_keys_url = 'https://keys.example/x';
    expect(keysOf({ github_keys_url })).toEqual({ url: github_keys_url });
    const file = join(folder, 'keys.json');
    writeFileSync(file, published('P-256'));
    const pinned = keysOf({ github_keys_url, github_keys_file: file });
    expect(pinned && 'pinned' in pinned && [...pinned.pinned.keys()]).toEqual(['a']);
  });

  it.each([
    ['is not there', undefined],
    ['is no JSON', '{'],
    ['holds something else', '{"keys":[]}'],
    ['holds no key', '{"public_keys":[]}'],
    ['holds keys of another kind', published('P-384')],
  ])('are refused where the file %s', (_what, text) => {
    const file = join(folder, 'keys.json');
    if (text !== undefined) writeFileSync(file, text);
    expect(() => keysOf({ github_keys_file: file })).toThrow(/holds no keys/);
  });
});
