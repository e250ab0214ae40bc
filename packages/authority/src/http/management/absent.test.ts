import { describe, expect, it } from 'vitest';
import { absence } from './absent.ts';

describe('absence', () => {
  it.each([
    ['/v1/keys/{id}', { id: '0b9x' }, 'no key "0b9x"'],
    ['/v1/keys/{id}/sub-keys', { id: 'k' }, 'no key "k"'],
    ['/v1/keys/bulk/{id}/run', { id: 'b' }, 'no bulk change "b"'],
    ['/v1/custody/keys/{id}', { id: 'r' }, 'no root key "r"'],
    ['/v1/policies/{name}', { name: 'office' }, 'no policy "office"'],
    [
      '/v1/policies/{name}/versions/{version}',
      { name: 'office', version: '9' },
      'no policy "office", version "9"',
    ],
    ['/v1/audit/history/{kind}/{id}', { kind: 'signing_key', id: 'x' }, 'no signing key "x"'],
    ['/v1/keys', {}, undefined],
  ])('of %s says which is not there', (path, params, words) => {
    expect(absence(path, params)).toBe(words);
  });

  it('repeats no token or secret that somebody took for an id, or for a kind', () => {
    const token = `mm_key_${'a'.repeat(17)}${'s'.repeat(39)}`;
    expect(absence('/v1/keys/{id}', { id: token })).toBe('no key "mm_key_a…"');
    const secret = 'Tz5rWvN8xQbM3kHpG7jDyCf2sLe9uAo6';
    const both = { kind: secret, id: secret };
    expect(absence('/v1/limits/{kind}/{id}', both)).toBe('no Tz5rWvN8… "Tz5rWvN8…"');
  });
});
