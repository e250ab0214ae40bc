/**
 * The country of an address, from a database file of the operator's in MaxMind's format (MMDB). The
 * file is read whole and read again when it changes. Neighbours: `serve.ts` and `gateway-apart.ts`
 * hand the look-up to the products. What must never happen: a request that waits for the disk, or a
 * broken file in place of a good one.
 */
import { type Stats, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  ConfigFault,
  type CountryOf,
  formatAddress,
  limits,
  parseAddress,
  type Timers,
} from '@mintmark/core';
import { type CountryResponse, Reader } from 'mmdb-lib';
import type { Log } from './log.ts';

export interface Countries {
  /** Undefined: there is no database. */
  readonly countryOf: CountryOf | undefined;
  /** Looks whether the file has changed, and reads it then. A file that is none is logged. */
  refresh(): Promise<void>;
  close(): void;
}

/** What databases of countries hold: MaxMind's and DB-IP's nest it, others do not. */
interface Found {
  readonly country?: { readonly iso_code?: string };
  readonly country_code?: string;
}

/**
 * @param file undefined: no country is known, and keys that name countries are refused
 * @throws ConfigFault `geo_database_unusable`
 */
export async function openCountries(
  file: string | undefined,
  ports: { readonly timers: Timers; readonly log: Pick<Log, 'info' | 'error'> },
): Promise<Countries> {
  if (file === undefined) {
    return { countryOf: undefined, refresh: async () => undefined, close: () => undefined };
  }
  const { timers, log } = ports;
  let seen = stampOf(file);
  let reader = await readDatabase(file);
  async function refresh(path: string): Promise<void> {
    try {
      const stamp = stampOf(path);
      if (stamp === seen) return;
      reader = await readDatabase(path);
      seen = stamp;
      log.info('the database of countries was read again');
    } catch (fault) {
      // What was read before goes on being asked: half a copy must not lock everybody out.
      log.error('geo database', fault);
    }
  }
  const stop = timers.every(limits.geoRefreshMs, () => void refresh(file));
  return { countryOf: (text) => lookUp(reader, text), refresh: () => refresh(file), close: stop };
}

function lookUp(reader: Reader<CountryResponse>, text: string): string | undefined {
  // One spelling, IPv4 inside IPv6 included; anything else is nowhere.
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  const found = reader.get(formatAddress(address)) as Found | null;
  const code = found?.country?.iso_code ?? found?.country_code;
  return typeof code === 'string' && /^[A-Z]{2}$/.test(code) ? code : undefined;
}

async function readDatabase(file: string): Promise<Reader<CountryResponse>> {
  try {
    const reader = new Reader<CountryResponse>(await readFile(file));
    // Fails here, and not at the first request, where the tree is cut off.
    reader.get('192.0.2.1');
    return reader;
  } catch (cause) {
    throw unusable(file, cause);
  }
}

function stampOf(file: string): string {
  try {
    const { mtimeMs, size, ino }: Stats = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (cause) {
    throw unusable(file, cause);
  }
}

function unusable(file: string, cause: unknown): ConfigFault {
  return new ConfigFault('geo_database_unusable', `${file} is no database of countries`, {
    cause,
    hint: 'geo.database names a file in MaxMind’s format (.mmdb) that this user may read',
  });
}
