/** What was learned, page by page, for gateways. */
import { base64urlEncode, type LimitProfileSource, limits } from '@mintmark/core';
import type { Store } from '../store/store.ts';

export function createProfileSource({
  store,
}: {
  readonly store: Pick<Store, 'limitBaselines' | 'numberings'>;
}): LimitProfileSource {
  return {
    async read({ tenant, after, cursor }) {
      // Before the rows: what is written meanwhile has a higher number, and is told the next time.
      const newest = (await store.numberings.get(tenant, 'limits'))?.newest ?? 0;
      const place = cursor === undefined ? undefined : placeOf(cursor);
      const rows = await store.limitBaselines.list({
        where: { tenant, number: { is: '>', value: after } },
        orderBy: ['tenant', 'number', 'route', 'limitName', 'caller'],
        ...(place === undefined ? {} : { after: [tenant, ...place] }),
        limit: limits.adaptiveProfilePageMax,
      });
      const last = rows.at(-1);
      const isFull = rows.length === limits.adaptiveProfilePageMax && last !== undefined;
      return {
        newest,
        profiles: rows.map(({ route, limitName: limit, caller, profile }) => {
          const text = profile === null ? null : base64urlEncode(profile);
          return { route, limit, caller, profile: text };
        }),
        ...(isFull ? { next: cursorOf(last) } : {}),
      };
    },
  };
}

type Place = readonly [number: number, route: string, limit: string, caller: string];

function cursorOf(last: {
  readonly number: number;
  readonly route: string;
  readonly limitName: string;
  readonly caller: string;
}): string {
  return JSON.stringify([last.number, last.route, last.limitName, last.caller]);
}

/** Whatever else stands there is behind nothing: the first page comes again. */
function placeOf(cursor: string): Place | undefined {
  try {
    const place: unknown = JSON.parse(cursor);
    if (!Array.isArray(place) || place.length !== 4) return undefined;
    const [number, ...names] = place;
    const isPlace = Number.isSafeInteger(number) && names.every((one) => typeof one === 'string');
    return isPlace ? (place as unknown as Place) : undefined;
  } catch {
    return undefined;
  }
}
