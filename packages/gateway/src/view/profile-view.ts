/** What callers of adaptive limits usually do, as the authority has learned it. */
import {
  type Clock,
  type LimitProfilePage,
  type LimitProfileSource,
  limits,
  type TenantId,
  type Timers,
} from '@mintmark/core';
import { decodeProfile, type Profile } from '@mintmark/detection';
import { type ChangeFollower, followChanges } from './follow-changes.ts';

export interface ProfileView extends ChangeFollower {
  /** @returns undefined: nothing was learned, and the static quota holds */
  find(of: ProfileKey): Profile | undefined;
  readonly size: number;
}

export interface ProfileKey {
  readonly route: string;
  readonly limit: string;
  readonly caller: string;
}

/** Names of routes and limits hold no line break. */
export function profileKey({ route, limit, caller }: ProfileKey): string {
  return `${route}\n${limit}\n${caller}`;
}

export function createProfileView(parts: {
  readonly tenant: TenantId;
  readonly source: LimitProfileSource;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Whether any limit of a route is shadowed or enforced by them. */
  readonly isWanted: () => boolean;
  readonly onFault: (error: unknown) => void;
}): ProfileView {
  const { tenant, source } = parts;
  const profiles = new Map<string, Profile>();
  const follower = followChanges<LimitProfilePage>({
    ...parts,
    read: (from) => source.read({ tenant, ...from }),
    begin: () => profiles.clear(),
    apply({ profiles: changed }) {
      for (const one of changed) {
        const key = profileKey(one);
        const profile = one.profile === null ? undefined : decodeProfile(bytesOf(one.profile));
        profiles.delete(key);
        const hasRoom = profiles.size < limits.adaptiveCallersMax;
        if (profile !== undefined && hasRoom) profiles.set(key, profile);
      }
    },
  });
  return {
    ...follower,
    find: (of) => profiles.get(profileKey(of)),
    get size() {
      return profiles.size;
    },
  };
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'base64url');
}
