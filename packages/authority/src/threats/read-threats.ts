/** What lists name: page by page for gateways, and for people who ask about one address. */
import {
  type Clock,
  limits,
  nowSeconds,
  parseAddress,
  type TenantId,
  type ThreatPage,
  type ThreatSource,
  type UnixSeconds,
} from '@mintmark/core';
import { networkKey } from '@mintmark/detection';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

interface ReadPorts {
  readonly store: Pick<Store, 'threatFeeds' | 'threatBlocks' | 'numberings'>;
  readonly clock: Clock;
}

export function createThreatSource(ports: ReadPorts): ThreatSource {
  return { read: (input) => readPage(ports, input) };
}

async function readPage(
  { store }: ReadPorts,
  input: Parameters<ThreatSource['read']>[0],
): Promise<ThreatPage> {
  const { tenant } = input;
  // Before the rows: what is written meanwhile has a higher number, and is told the next time.
  const newest = (await store.numberings.get(tenant, 'threats'))?.newest ?? 0;
  const feeds = await store.threatFeeds.list({
    where: { tenant },
    limit: limits.threatFeedsMax * 2,
  });
  const place = input.cursor === undefined ? undefined : placeOf(input.cursor);
  const rows = await store.threatBlocks.list({
    where: { tenant, number: { is: '>', value: input.after } },
    orderBy: ['tenant', 'number', 'feed', 'network'],
    ...(place === undefined ? {} : { after: [tenant, ...place] }),
    limit: limits.threatPageBlocksMax,
  });
  const last = rows.at(-1);
  const isFull = rows.length === limits.threatPageBlocksMax && last !== undefined;
  return {
    newest,
    feeds: feeds
      .filter(({ deletedAt }) => deletedAt === null)
      .map(({ name, countsUntilSeconds: until }) => ({ name, until: until as UnixSeconds })),
    blocks: rows.map(({ feed, network, untilSeconds: until }) => {
      return { feed, network, until: until as UnixSeconds };
    }),
    ...(isFull ? { next: [last.number, last.feed, last.network].join(' ') } : {}),
  };
}

/** Whatever else stands there is behind nothing: the first page comes again. */
function placeOf(cursor: string): readonly [number, string, string] | undefined {
  const [number, feed, network] = cursor.split(' ');
  const at = Number(number);
  if (!Number.isSafeInteger(at) || feed === undefined || network === undefined) return undefined;
  return [at, feed, network];
}

/** @returns what lists the address now, the narrowest block first; undefined: it is no address */
export async function lookUpThreats(
  { store, clock }: ReadPorts,
  of: { readonly tenant: TenantId; readonly address: string },
): Promise<readonly Row<'threatBlocks'>[] | undefined> {
  const address = parseAddress(of.address);
  if (address === undefined) return undefined;
  const { tenant } = of;
  const now = nowSeconds(clock);
  const found: Row<'threatBlocks'>[] = [];
  const width = address.family === 4 ? 32 : 128;
  for (let bits = width; bits >= 1; bits--) {
    const host = BigInt(width - bits);
    const first = (BigInt(address.value) >> host) << host;
    const rows = await store.threatBlocks.list({
      where: { tenant, network: networkKey(address.family, first, bits) },
      orderBy: ['tenant', 'network', 'feed'],
      limit: limits.threatFeedsMax * 2,
    });
    found.push(...rows.filter(({ untilSeconds }) => untilSeconds > now));
  }
  return found;
}
