/** Writes an issuer whose assertions are grants: makes it, or replaces it as a whole. */
import { type Clock, err, limits, ok, type Result, type TenantId } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { type AssertionIssuer, assertionIssuerFault } from '../federation/assertion-issuer.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export type AssertionIssuerRow = Row<'assertionIssuers'>;

export interface AssertionIssuerPorts {
  readonly store: Pick<Store, 'assertionIssuers' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly issuerOf: (tenant: TenantId) => string;
}

export type PutAssertionIssuerRefusal =
  | { readonly reason: 'malformed'; readonly pointer: string; readonly message: string }
  /** There is one of the name, and the requester did not say which version he has seen. */
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  /** Another name stands for the issuer. */
  | { readonly reason: 'issuer_taken' }
  | { readonly reason: 'too_many' };

/** @param input.isSeen whether the requester has seen this version; undefined: he expects none */
export async function putAssertionIssuer(
  ports: AssertionIssuerPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly definition: AssertionIssuer;
    readonly isSeen: ((version: number) => boolean) | undefined;
  },
): Promise<
  Result<{ readonly row: AssertionIssuerRow; readonly created: boolean }, PutAssertionIssuerRefusal>
> {
  const { requester, name, definition } = input;
  const { tenant } = requester;
  const { issuer } = definition;
  const fault = assertionIssuerFault(definition, ports.issuerOf(tenant));
  if (fault !== undefined) return err({ reason: 'malformed', ...fault });
  const known = await ports.store.assertionIssuers.get(tenant, name);
  const refusal = await refusalOf(ports, { ...input, known });
  if (refusal !== undefined) return err(refusal);
  const now = ports.clock.nowMs();
  const version = (known?.version ?? 0) + 1;
  const row: AssertionIssuerRow = { tenant, name, issuer, definition, updatedAt: now, version };
  const { outcome } = await ports.store.acts.run({
    steps: [
      known === undefined
        ? { do: 'insert', table: 'assertionIssuers', row, refused: 'version_mismatch' }
        : replace(row, known),
    ],
    audit: await ports.recorder.record(
      eventBy(requester, {
        action: known === undefined ? 'assertion_issuer.create' : 'assertion_issuer.update',
        at: now,
        object: { kind: 'assertion_issuer', id: name },
        detail: { issuer, version },
      }),
    ),
  });
  if (outcome !== 'done') return err({ reason: 'version_mismatch' });
  return ok({ row, created: known === undefined });
}

async function refusalOf(
  ports: AssertionIssuerPorts,
  input: {
    readonly requester: Requester;
    readonly definition: AssertionIssuer;
    readonly known: AssertionIssuerRow | undefined;
    readonly isSeen: ((version: number) => boolean) | undefined;
  },
): Promise<PutAssertionIssuerRefusal | undefined> {
  const { known, isSeen, definition, requester } = input;
  const { tenant } = requester;
  if (known !== undefined) {
    if (isSeen === undefined) return { reason: 'version_unknown' };
    if (!isSeen(known.version)) return { reason: 'version_mismatch' };
    if (known.issuer === definition.issuer) return undefined;
    // Whoever trusts a name must not find another behind it one day.
    const message = 'is fixed; delete this one and make another';
    return { reason: 'malformed', pointer: '/issuer', message };
  }
  if (isSeen !== undefined) return { reason: 'version_mismatch' };
  const { issuer } = definition;
  const same = await ports.store.assertionIssuers.count({ tenant, issuer });
  if (same > 0) return { reason: 'issuer_taken' };
  const count = await ports.store.assertionIssuers.count({ tenant });
  return count >= limits.assertionIssuersMax ? { reason: 'too_many' } : undefined;
}

function replace(row: AssertionIssuerRow, known: AssertionIssuerRow): Step {
  const { tenant, name, definition, updatedAt, version } = row;
  return {
    do: 'update',
    table: 'assertionIssuers',
    where: { tenant, name, version: known.version },
    set: { definition, updatedAt, version },
    refused: 'version_mismatch',
  };
}
