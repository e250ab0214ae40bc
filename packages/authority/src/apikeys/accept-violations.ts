/**
 * Lets a key be as it is although it breaks its tenant's policy: on the record, with a reason, for
 * the rules that it breaks now and no other, and for a time where one is given. What must never
 * happen: an edit that widens the key by it: each is judged by the policy alone.
 */
import { err, ok, type Result, rfc3339, type UnixMs } from '@mintmark/core';
import { type Reason, saidWhy } from '../audit/reason.ts';
import type { Requester } from '../audit/requester.ts';
import type { Acceptance } from '../store/key-tables.ts';
import { isPlainKey, type KeyPorts, type KeyRow, keyEvent, unchanged } from './key-change.ts';
import { judgeByPolicy, type KeyViolation } from './key-policy.ts';

type Ports = Pick<KeyPorts, 'store' | 'recorder' | 'clock' | 'keyPolicy'>;

export type AcceptRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'revoked' }
  | { readonly reason: 'nothing_broken' }
  | { readonly reason: 'until_in_past' }
  /** It was changed while this was asked. */
  | { readonly reason: 'conflict' };

/** Which of the violations still want mending: those that nobody accepted, or no longer. */
export function openViolations(
  violations: readonly KeyViolation[],
  { acceptance }: Pick<KeyRow, 'acceptance'>,
  now: UnixMs,
): readonly KeyViolation[] {
  if (acceptance === null || (acceptance.until !== null && acceptance.until <= now)) {
    return violations;
  }
  return violations.filter(({ rule }) => !acceptance.rules.includes(rule));
}

/**
 * @param input.until when it wants mending again; undefined: it stays accepted
 * @throws StoreFault: nothing has changed
 */
export async function acceptViolations(
  ports: Ports,
  input: {
    readonly requester: Requester;
    readonly id: string;
    readonly reason: Reason;
    readonly until: UnixMs | undefined;
  },
): Promise<Result<KeyRow, AcceptRefusal>> {
  const { requester, id, reason, until } = input;
  const row = await ports.store.keys.get(requester.tenant, id);
  if (!isPlainKey(row)) return err({ reason: 'not_found' });
  if (row.status === 'revoked') return err({ reason: 'revoked' });
  const violations = await judgeByPolicy(ports, row);
  if (violations.length === 0) return err({ reason: 'nothing_broken' });
  const at = ports.clock.nowMs();
  if (until !== undefined && until <= at) return err({ reason: 'until_in_past' });
  const { kind, id: actor } = requester.actor;
  const acceptance: Acceptance = {
    rules: [...new Set(violations.map(({ rule }) => rule))],
    reason: reason.note ?? reason.code,
    ...{ at, by: `${kind}:${actor}`, until: until ?? null },
  };
  return write(ports, requester, {
    row,
    acceptance,
    event: {
      ...saidWhy(reason),
      detail: {
        rules: acceptance.rules,
        ...(until === undefined ? {} : { until: rfc3339(until) }),
      },
    },
  });
}

/** What it breaks wants mending from now on. Harmless where nothing was accepted. */
export async function withdrawAcceptance(
  ports: Ports,
  { requester, id }: { readonly requester: Requester; readonly id: string },
): Promise<Result<KeyRow, AcceptRefusal>> {
  const row = await ports.store.keys.get(requester.tenant, id);
  if (!isPlainKey(row)) return err({ reason: 'not_found' });
  if (row.acceptance === null) return ok(row);
  return write(ports, requester, { row, acceptance: null, event: { detail: { withdrawn: true } } });
}

async function write(
  { store, recorder, clock }: Ports,
  requester: Requester,
  change: {
    readonly row: KeyRow;
    readonly acceptance: Acceptance | null;
    readonly event: Omit<Parameters<typeof keyEvent>[2], 'action' | 'at'>;
  },
): Promise<Result<KeyRow, AcceptRefusal>> {
  const { row, acceptance, event } = change;
  const at = clock.nowMs();
  const set = { acceptance, updatedAt: at, version: row.version + 1 };
  const { outcome } = await store.acts.run({
    steps: [{ do: 'update', table: 'keys', where: unchanged(row), set, refused: 'changed' }],
    audit: await recorder.record(keyEvent(requester, row, { action: 'key.accept', at, ...event })),
  });
  return outcome === 'done' ? ok({ ...row, ...set }) : err({ reason: 'conflict' });
}
