/**
 * What this node knows of the tenants whose credentials it takes: its own, whose routes it serves,
 * and those that these routes name. Each has a view of its own with a lease of its own, so that
 * nothing is ever judged by what is known of another. A tenant is followed from the moment that a
 * route names it until none does.
 */
import type { FeedSource, TenantId } from '@mintmark/core';
import type { VerifyParts } from '../verify/verify.ts';
import { type FeedFollower, type FollowParts, followFeed } from './follow-feed.ts';
import type { StatusView } from './status-view.ts';

/** One tenant, as credentials of it are judged. */
export interface TenantScope {
  readonly tenant: TenantId;
  readonly view: StatusView;
  readonly verify: VerifyParts;
}

export interface TenantViews {
  readonly home: TenantScope;
  /** @returns undefined for a tenant that is not followed: nothing of it is good here */
  of(tenant: TenantId | undefined): TenantScope | undefined;
  /** Follows these beside the node's own, and no others. */
  retain(tenants: ReadonlySet<TenantId>): void;
  /** Lets go of what has ended in any of them. */
  expire(): void;
  /** Follows the node's own feed; resolves with its first snapshot. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createTenantViews(
  parts: Omit<FollowParts, 'view' | 'tenant' | 'source'> & { readonly feed: FeedSource },
  input: { readonly home: TenantId; readonly scopeOf: (tenant: TenantId) => TenantScope },
): TenantViews {
  const home = input.scopeOf(input.home);
  const others = new Map<TenantId, { scope: TenantScope; follower: FeedFollower }>();
  let follower: FeedFollower | undefined;

  function follow({ tenant, view }: TenantScope): FeedFollower {
    return followFeed({ ...parts, source: parts.feed, tenant, view });
  }

  return {
    home,
    of(tenant) {
      if (tenant === undefined || tenant === home.tenant) return home;
      return others.get(tenant)?.scope;
    },
    retain(tenants) {
      for (const [tenant, other] of others) {
        if (tenants.has(tenant)) continue;
        others.delete(tenant);
        void other.follower.stop();
      }
      for (const tenant of tenants) {
        if (tenant === home.tenant || others.has(tenant)) continue;
        const scope = input.scopeOf(tenant);
        others.set(tenant, { scope, follower: follow(scope) });
      }
    },
    expire() {
      home.view.expire();
      for (const { scope } of others.values()) scope.view.expire();
    },
    start() {
      follower = follow(home);
      return follower.ready;
    },
    async stop() {
      const followers = [...others.values()].map((other) => other.follower);
      others.clear();
      await Promise.all([follower?.stop(), ...followers.map((one) => one.stop())]);
    },
  };
}
