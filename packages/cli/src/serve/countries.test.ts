import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigFault, type Timers } from '@mintmark/core';
import { afterAll, describe, expect, it } from 'vitest';
import { writeMmdb } from './conformance/write-mmdb.ts';
import { openCountries } from './countries.ts';

const folder = mkdtempSync(join(tmpdir(), 'mintmark-countries-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const networks = {
  '192.0.2.0/24': { country: { iso_code: 'DE', names: { en: 'Germany' } } },
  '198.51.100.0/25': { country_code: 'FR' },
  '203.0.113.0/24': { continent: { code: 'EU' } },
  '2001:db8::/32': { country: { iso_code: 'CH' } },
};

let files = 0;
function written(content: Uint8Array | string): string {
  const file = join(folder, `${files++}.mmdb`);
  writeFileSync(file, content);
  return file;
}

async function opened(file: string | undefined) {
  const told: string[] = [];
  const log = {
    info: (message: string) => void told.push(message),
    error: (message: string) => void told.push(`error: ${message}`),
  };
  let run = (): void => undefined;
  const timers = {
    every(_ms: number, work: () => void) {
      run = work;
      return () => void told.push('closed');
    },
  } as unknown as Timers;
  return { ...(await openCountries(file, { timers, log: log as never })), told, tick: () => run() };
}

describe('the country of an address', () => {
  it.each([
    ['192.0.2.7', 'DE'],
    ['::ffff:192.0.2.7', 'DE'],
    ['198.51.100.1', 'FR'],
    ['198.51.100.200', undefined],
    ['203.0.113.1', undefined],
    ['2001:db8::1', 'CH'],
    ['2001:db9::1', undefined],
    ['10.0.0.1', undefined],
    ['no address', undefined],
    ['', undefined],
  ])('of %j is %j', async (address, country) => {
    const { countryOf } = await opened(written(writeMmdb(networks)));
    expect(countryOf?.(address)).toBe(country);
  });

  it('is not known without a file', async () => {
    const { countryOf, refresh, close, told } = await opened(undefined);
    await refresh();
    close();
    expect([countryOf, told]).toEqual([undefined, []]);
  });

  it.each([
    ['is not there', () => join(folder, 'none')],
    ['is something else', () => written('a text')],
    ['is empty', () => written('')],
  ])('cannot be told from a file that %s', async (_, file) => {
    const failed = await opened(file()).catch((fault: unknown) => fault);
    expect(failed).toBeInstanceOf(ConfigFault);
    expect(failed).toMatchObject({ code: 'geo_database_unusable' });
  });

  it('follows the file, and keeps what it has where the new one is broken', async () => {
    const file = written(writeMmdb(networks));
    const { countryOf, refresh, told, close } = await opened(file);
    await refresh();
    expect(told).toEqual([]);
    writeFileSync(file, writeMmdb({ '192.0.2.0/24': { country: { iso_code: 'AT' } } }));
    await refresh();
    expect(countryOf?.('192.0.2.7')).toBe('AT');
    writeFileSync(file, 'half a file');
    await refresh();
    expect(countryOf?.('192.0.2.7')).toBe('AT');
    expect(told).toEqual(['the database of countries was read again', 'error: geo database']);
    close();
    expect(told.at(-1)).toBe('closed');
  });
});
