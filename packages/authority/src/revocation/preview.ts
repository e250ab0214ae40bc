/**
 * What a revocation would end: counts, examples, whom it concerns. It changes nothing. Every figure
 * is of credentials that were live and there at one moment; where the bound on what may be looked
 * at cut it, it says so. The token of a preview lets the act that follows refuse where more would
 * end than was shown.
 */
import { limits, type TenantId, type UnixMs } from '@mintmark/core';
import type { FoundToken } from './issued-token.ts';
import {
  type Found,
  type SelectionCursor,
  type SelectionDeps,
  type Selector,
  selectPage,
} from './selection.ts';

/** Of each kind, how many. */
export interface Counts {
  /** Agreed to, and not redeemed yet. */
  readonly grants: number;
  readonly tokens: number;
  readonly families: number;
  readonly keys: number;
}

export interface ClientConcerned {
  readonly clientId: string;
  tokens: number;
  families: number;
  /** Tokens that it got for itself: it can get others by itself. */
  own: number;
  readonly audiences: Set<string>;
}

export interface Preview {
  readonly at: UnixMs;
  readonly counts: Counts;
  /** False where there was more than may be looked at: then the counts are at least these. */
  readonly complete: boolean;
  readonly clients: readonly ClientConcerned[];
  /** Owners of keys, and how many of each. */
  readonly owners: ReadonlyMap<string, number>;
  readonly examples: Found;
  /** Of tokens with `openid` among their scopes: people signed in with them. */
  readonly signIns: number;
  /** Unix seconds: whoever checks JWTs by himself alone accepts some until then. */
  readonly lastJwtEndsAt: number | undefined;
}

const examplesMax = 5;

/** Clients and owners that a preview tells apart; the others are in the counts alone. */
const concernedMax = 1_000;

/** @throws StoreFault */
export async function preview(
  deps: SelectionDeps,
  input: { readonly tenant: TenantId; readonly selector: Selector; readonly now: UnixMs },
): Promise<Preview> {
  const tally = createTally();
  let cursor: SelectionCursor | undefined;
  let pages = 0;
  do {
    const { found, next } = await selectPage(deps, { ...input, cursor });
    tally.add(found);
    cursor = next;
    pages++;
  } while (cursor !== undefined && pages < limits.revocationPreviewPagesMax);
  return tally.done({ at: input.now, complete: cursor === undefined });
}

function createTally() {
  const clients = new Map<string, ClientConcerned>();
  const owners = new Map<string, number>();
  const counts = { grants: 0, tokens: 0, families: 0, keys: 0 };
  const examples = {
    grants: [] as Found['grants'][number][],
    families: [] as Found['families'][number][],
    tokens: [] as FoundToken[],
    keys: [] as Found['keys'][number][],
  };
  let signIns = 0;
  let lastJwtEndsAt: number | undefined;

  function clientOf(clientId: string): ClientConcerned | undefined {
    const known = clients.get(clientId);
    if (known !== undefined || clients.size >= concernedMax) return known;
    const fresh = { clientId, tokens: 0, families: 0, own: 0, audiences: new Set<string>() };
    clients.set(clientId, fresh);
    return fresh;
  }

  function addToken(token: FoundToken): void {
    counts.tokens++;
    if (token.scopes.includes('openid')) signIns++;
    if (token.format === 'jwt') lastJwtEndsAt = Math.max(lastJwtEndsAt ?? 0, token.expiresAt);
    const client = clientOf(token.clientId);
    if (client === undefined) return;
    client.tokens++;
    if (token.subject === token.clientId) client.own++;
    for (const audience of token.audience) client.audiences.add(audience);
  }

  return {
    add(found: Found): void {
      found.tokens.forEach(addToken);
      counts.grants += found.grants.length;
      for (const { clientId } of found.grants) clientOf(clientId);
      for (const { clientId } of found.families) {
        counts.families++;
        const client = clientOf(clientId);
        if (client !== undefined) client.families++;
      }
      for (const { owner } of found.keys) {
        counts.keys++;
        if (owners.has(owner) || owners.size < concernedMax) {
          owners.set(owner, (owners.get(owner) ?? 0) + 1);
        }
      }
      for (const kind of ['grants', 'families', 'tokens', 'keys'] as const) {
        const room = examplesMax - examples[kind].length;
        examples[kind].push(...(found[kind].slice(0, Math.max(0, room)) as never[]));
      }
    },
    done: (end: Pick<Preview, 'at' | 'complete'>): Preview => ({
      ...end,
      ...{ counts, owners, examples, signIns, lastJwtEndsAt },
      clients: [...clients.values()].sort((a, b) => b.tokens - a.tokens),
    }),
  };
}
