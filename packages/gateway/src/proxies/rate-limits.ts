/**
 * Limits of routes for a proxy that asks for them alone, and says who is asking. It is believed, as
 * a trusted proxy is; what it names that is not known here is not let through.
 */
import { type CredentialKind, err, limits, ok, type Result } from '@mintmark/core';
import { type Counting, limitedOf } from '../limits/route-limiter.ts';
import type { Limited, LimitRefusal, NamedCharge, Spender } from '../limits/spender.ts';
import type { CompiledRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import type { StatusView } from '../view/status-view.ts';
import type { TenantViews } from '../view/tenant-views.ts';
import type { Descriptor } from './envoy-rate-limit.ts';

export interface RateLimitParts {
  readonly spender: Spender;
  readonly view: Pick<StatusView, 'routes' | 'freshness'>;
  readonly counting: Counting;
  /** Whose credentials a route takes; undefined while nothing is known of that tenant. */
  readonly scopeOf: TenantViews['of'];
}

export interface RateLimited {
  /** For each descriptor what was spent of its limits. */
  readonly statuses: readonly (readonly SpentLimit[])[];
  /** Names in lower case and values in turn. */
  readonly fields: readonly string[];
  readonly refusal: LimitRefusal | undefined;
}

export interface SpentLimit {
  readonly name: string;
  readonly quota: number;
  /** Undefined for a quota of the calendar. */
  readonly windowSeconds: number | undefined;
  readonly isAllowed: boolean;
  readonly remaining: number;
  readonly resetMs: number;
}

export type RateLimitRefusal =
  /** A descriptor without `route`, or of a route that is not there. */
  | 'unknown_route'
  /** A limit counts by what the descriptor does not say. */
  | 'incomplete'
  /** There is no view, or the limits cannot be asked. */
  | 'unavailable';

/** Spends for all descriptors or for none. */
export async function spendDescriptors(
  parts: RateLimitParts,
  descriptors: readonly Descriptor[],
): Promise<Result<RateLimited, RateLimitRefusal>> {
  if (parts.view.freshness().kind === 'absent') return err('unavailable');
  const asked: Limited[] = [];
  for (const descriptor of descriptors) {
    const limited = askedBy(parts, descriptor);
    if (!limited.ok) return limited;
    asked.push(limited.value);
  }
  const merged = mergedOf(asked);
  if (merged.charges.length === 0) {
    return ok({ statuses: asked.map(() => []), fields: [], refusal: undefined });
  }
  const spent = await parts.spender.spend(merged);
  const { refusal, fields, looks } = spent;
  if (refusal?.reason === 'limits_unavailable') return err('unavailable');
  const lookOf = new Map(merged.charges.map(({ key }, place) => [key, looks[place]]));
  const statuses = asked.map(({ charges }) =>
    charges.flatMap((charge) => spentLimit(charge, lookOf.get(charge.key))),
  );
  return ok({ statuses, fields, refusal });
}

function spentLimit(
  { name, rule }: NamedCharge,
  look: Pick<SpentLimit, 'isAllowed' | 'remaining' | 'resetMs'> | undefined,
): SpentLimit[] {
  // Nothing is known of it where it is let through without a count.
  if (look === undefined) return [];
  const windowSeconds = rule.kind === 'calendar' ? undefined : rule.windowMs / 1000;
  const { isAllowed, remaining, resetMs } = look;
  return [{ name, quota: rule.quota, windowSeconds, isAllowed, remaining, resetMs }];
}

function askedBy(
  { view, counting, scopeOf }: RateLimitParts,
  { entries, hits }: Descriptor,
): Result<Limited, RateLimitRefusal> {
  const route = view.routes.routes.find(({ name }) => name === entries['route']);
  if (route === undefined) return err('unknown_route');
  const identity = identityOf(entries);
  // Envoy's own word for it, which it does not let one choose.
  const address = entries['address'] ?? entries['remote_address'];
  if (route.limits.some(({ by }) => needs(by, { identity, address }))) return err('incomplete');
  const scope = scopeOf(route.tenant);
  // Its plans are not known then.
  if (scope === undefined || scope.view.freshness().kind === 'absent') return err('unavailable');
  const { tenant } = scope;
  const { plans } = scope.view;
  const limited = limitedOf({ route, tenant, identity, address: address ?? '', plans }, counting);
  return ok({ ...limited, charges: limited.charges.map((charge) => multiplied(charge, hits)) });
}

/** A cost that only the response tells is what the proxy says of it. */
function multiplied(charge: NamedCharge, hits: number): NamedCharge {
  const cost = charge.isReserved ? hits : charge.cost * hits;
  return { ...charge, cost: Math.min(cost, limits.limitCostMax), isReserved: false };
}

function needs(
  by: CompiledRoute['limits'][number]['by'],
  who: { readonly identity: Identity | undefined; readonly address: string | undefined },
): boolean {
  if (by === 'route' || by === 'tenant') return false;
  const isAddress = by === 'address' || who.identity === undefined;
  return isAddress && who.address === undefined;
}

/** As the check's dynamic metadata names it; undefined for who has no credential. */
function identityOf(entries: Descriptor['entries']): Identity | undefined {
  const { subject, credential_id: credentialId, client, credential_kind: kind, plan } = entries;
  if (subject === undefined || credentialId === undefined) return undefined;
  const of = kindOf(kind);
  return {
    ...{ kind: of, credentialId, subject, clientId: client, scopes: [], audience: undefined },
    ...{ expiresAt: undefined, binding: undefined, plan, asked: undefined, targets: undefined },
  };
}

function kindOf(kind: string | undefined): Extract<CredentialKind, 'jwt' | 'opaque' | 'api_key'> {
  return kind === 'opaque' || kind === 'api_key' ? kind : 'jwt';
}

/** One spending: what two descriptors have in common costs both, and the strictest word holds. */
function mergedOf(asked: readonly Limited[]): Limited {
  const charges = new Map<string, NamedCharge>();
  for (const charge of asked.flatMap((one) => one.charges)) {
    const earlier = charges.get(charge.key);
    const cost = charge.cost + (earlier?.cost ?? 0);
    charges.set(charge.key, { ...charge, cost });
  }
  const downs = asked.map(({ onDown }) => onDown);
  const onDown = (['closed', 'local'] as const).find((one) => downs.includes(one)) ?? 'open';
  const mode = asked.some((one) => one.mode === 'strict') ? 'strict' : 'fast';
  return { charges: [...charges.values()], mode, onDown };
}
