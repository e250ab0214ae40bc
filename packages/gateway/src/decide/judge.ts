/**
 * What is judged anew at every request, and again while an answer lasts: expiry, revocation and
 * status; then whether the route lets the identity in. Pure: a view, an identity and the time.
 */
import {
  acrReaches,
  isAcrValue,
  isAllowedCountry,
  namesCountries,
  parseAddress,
  type RevocationIndex,
  type UnixSeconds,
} from '@mintmark/core';
import {
  judgeSubKeyNow,
  judgeSubKeyUse,
  narrowScopes,
  type VerifiedSubKey,
} from '@mintmark/tokens';
import type { InvalidCredential, Refusal } from '../refusal.ts';
import type { CompiledRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import type { HeldKey } from '../view/key-table.ts';
import type { StatusView } from '../view/status-view.ts';

/** A key by its entry in the view: status, end of its owner, expiry, address, country. */
export function judgeKey(
  held: HeldKey,
  at: { readonly view: StatusView; readonly address: string; readonly now: UnixSeconds },
): Refusal | undefined {
  const { view, addresses } = held;
  if (view.status !== 'active') return invalid(view.status);
  const { now: personal } = at.view.holder(held);
  if (personal?.awaitsApproval === true) return invalid('awaiting_approval');
  if (at.view.revocations?.refusesKey(held.targets) !== undefined) return invalid('revoked');
  const expiresAt = personal?.expiresAt ?? view.expiresAt;
  if (expiresAt !== undefined && at.now >= expiresAt) return invalid('expired');
  if (view.notBefore !== undefined && at.now < view.notBefore) return invalid('not_yet_valid');
  if (addresses !== 'any') {
    const address = parseAddress(at.address);
    const inside = addresses !== 'none' && address !== undefined && addresses.contains(address);
    if (!inside) return { reason: 'address_not_allowed' };
  }
  // Looked up only where the key asks.
  if (!namesCountries(view)) return undefined;
  const isAllowed = isAllowedCountry(view, at.view.countryOf(at.address));
  return isAllowed ? undefined : { reason: 'country_not_allowed' };
}

function invalid(detail: InvalidCredential): Refusal {
  return { reason: 'invalid_credential', detail };
}

/**
 * Whether an identity that was proven before still stands.
 *
 * @returns the refusal, or undefined while it does
 */
export function judgeStatus(
  identity: Identity,
  at: { readonly view: StatusView; readonly address: string; readonly now: UnixSeconds },
): Refusal | undefined {
  const { view, now } = at;
  const { revocations } = view;
  if (revocations === undefined) return { reason: 'status_absent' };
  if (view.isDisabled) return invalid('disabled');
  // Before expiry: what lasts beyond its token's expiry ends all the same when that is revoked.
  const { targets } = identity;
  if (targets !== undefined && revocations.refuses(targets) !== undefined) {
    return invalid('revoked');
  }
  if (identity.expiresAt !== undefined && now >= identity.expiresAt) return invalid('expired');
  if (targets !== undefined) return undefined;
  return judgeKeyStatus(identity, { ...at, revocations }) ?? judgeSubKey(identity.subKey, at);
}

function judgeKeyStatus(
  identity: Identity,
  at: Parameters<typeof judgeKey>[1] & { readonly revocations: RevocationIndex },
): Refusal | undefined {
  const { view, revocations } = at;
  const held = view.key(identity.credentialId);
  if (held !== undefined) return judgeKey(held, at);
  // Not in the view: what the authority said holds, unless the key was revoked since.
  const { asked } = identity;
  if (asked === undefined) return invalid('revoked');
  const revoked = revocations.position('key', identity.credentialId) > asked.position;
  return revoked || revocations.refusesKey(asked) !== undefined ? invalid('revoked') : undefined;
}

/** What was derived from a key, beside the key: time and address of each link, and its end. */
function judgeSubKey(
  subKey: VerifiedSubKey | undefined,
  { view, address, now }: Parameters<typeof judgeKey>[1],
): Refusal | undefined {
  if (subKey === undefined) return undefined;
  const { links, targets } = subKey;
  const isRevoked = targets.some((id) => (view.revocations?.position('sub_key', id) ?? 1) > 0);
  if (isRevoked) return invalid('revoked');
  const denial = judgeSubKeyNow(links, { now, address });
  if (denial === undefined) return undefined;
  return denial === 'address_not_allowed' ? { reason: denial } : invalid(denial);
}

/** Whether a key has still the scopes of its route: an edit may have taken some away meanwhile. */
export function hasScopesStill(
  { route, identity }: { readonly route: CompiledRoute; readonly identity: Identity | undefined },
  view: StatusView,
): boolean {
  if (identity === undefined || identity.targets !== undefined) return true;
  const held = view.key(identity.credentialId);
  if (held === undefined) return true;
  const { scopes: left } = view.holder(held).identity;
  const scopes = narrowScopes(left, identity.subKey?.links ?? []);
  return route.scopes.every((scope) => scopes.includes(scope));
}

/**
 * Whether the route lets the identity in.
 *
 * @param at.audience what tokens must name where the route names nothing else
 */
export function judgeRoute(
  identity: Identity | undefined,
  at: {
    readonly route: CompiledRoute;
    readonly address: string;
    readonly audience: string;
    readonly method: string;
    /** As it is forwarded. */
    readonly path: string;
    /** When the request came. */
    readonly now: UnixSeconds;
  },
): Refusal | undefined {
  const { route, address } = at;
  if (route.addresses !== undefined && !route.addresses.contains(address)) {
    return { reason: 'address_not_allowed' };
  }
  if (identity === undefined) {
    return route.credential === 'required' ? { reason: 'no_credential' } : undefined;
  }
  const audience = route.audience ?? at.audience;
  // RFC 9068 §4: a resource server refuses what was not made for it.
  if (identity.audience !== undefined && !identity.audience.includes(audience)) {
    return invalid('wrong_audience');
  }
  if (identity.subKey !== undefined) {
    const { method, path } = at;
    const use = { audience, route: route.name, method, path };
    const detail = judgeSubKeyUse(identity.subKey.links, use);
    if (detail !== undefined) return { reason: 'restricted', detail };
  }
  for (const scope of route.scopes) {
    if (!identity.scopes.includes(scope)) {
      return { reason: 'insufficient_scope', scopes: route.scopes };
    }
  }
  return judgeSignIn(identity, route, at.now);
}

/** RFC 9470 §3: after all else, as a sign-in would help with nothing else. */
function judgeSignIn(
  { acr, authTime }: Identity,
  { stepUp }: CompiledRoute,
  now: UnixSeconds,
): Refusal | undefined {
  if (stepUp === undefined) return undefined;
  const { acrValues, maxAgeSeconds } = stepUp;
  const isStrong =
    acrValues === undefined ||
    (isAcrValue(acr) && acrValues.some((wanted) => acrReaches(acr, wanted)));
  const isRecent =
    maxAgeSeconds === undefined || (authTime !== undefined && now - authTime <= maxAgeSeconds);
  return isStrong && isRecent ? undefined : { reason: 'insufficient_authentication', ...stepUp };
}
