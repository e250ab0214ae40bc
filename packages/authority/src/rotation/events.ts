/**
 * What happened that rules may name. The act that did it left a row; here rules are asked, and the
 * row goes. *A crash between the two asks them again: a credential may rotate twice, none is left
 * out.*
 */
import { limits, type TenantId } from '@mintmark/core';
import { type RotationEvent, type RotationScope, scopeOf } from '../store/rotation-event-row.ts';
import type { RotationDeps } from './rotations.ts';
import { type RuleRow, ruleOf } from './rule.ts';

export interface Triggering {
  readonly tenant: TenantId;
  readonly event: RotationEvent;
  readonly about: RotationScope;
}

/** Asks the rules about what waits. @throws StoreFault */
export async function drainEvents(deps: RotationDeps): Promise<void> {
  const rows = await deps.store.rotationEvents.list({ limit: limits.rotationsAtOnce });
  for (const row of rows) {
    const { tenant, event, about, count } = row;
    await trigger(deps, {
      ...{ tenant: tenant as TenantId, event: event as RotationEvent, about: scopeOf(row) },
    });
    // What happened again meanwhile stays.
    const where = { tenant, event, about, count } as const;
    await deps.store.acts.run({
      steps: [{ do: 'delete', table: 'rotationEvents', where }],
      audit: null,
    });
  }
}

/**
 * Those rules begin with the next round that name the event and what it is about. Safe to repeat.
 *
 * @returns their names
 * @throws StoreFault
 */
export async function trigger(deps: RotationDeps, input: Triggering): Promise<readonly string[]> {
  if (input.about.kind !== 'installation') return triggerIn(deps, input);
  const begun: string[] = [];
  let last: string | undefined;
  do {
    const after = last === undefined ? {} : { after: [last] };
    const rows = await deps.store.tenants.list({ ...after, limit: limits.pageItemsMax });
    for (const { tenant } of rows) {
      const about = { kind: 'all' } as const;
      begun.push(...(await triggerIn(deps, { ...input, tenant: tenant as TenantId, about })));
    }
    last = rows.length < limits.pageItemsMax ? undefined : rows.at(-1)?.tenant;
  } while (last !== undefined);
  return begun;
}

async function triggerIn(
  deps: RotationDeps,
  { tenant, event, about }: Triggering,
): Promise<readonly string[]> {
  const begun: string[] = [];
  let after: readonly [string, string] | undefined;
  for (;;) {
    const rows = await deps.store.rotationRules.list({
      where:
        about.kind === 'credential'
          ? { tenant, targetKind: about.of, targetId: about.id }
          : { tenant },
      ...(after !== undefined && { after }),
      limit: limits.pageItemsMax,
    });
    for (const row of rows) {
      if (await concerns(deps, row, { event, about })) {
        await ask(deps, row, event);
        begun.push(row.name);
      }
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limits.pageItemsMax) return begun;
    after = [last.tenant, last.name];
  }
}

async function concerns(
  deps: RotationDeps,
  row: RuleRow,
  { event, about }: Pick<Triggering, 'event' | 'about'>,
): Promise<boolean> {
  const rule = ruleOf(row);
  if (!(rule.on ?? []).includes(event)) return false;
  if (about.kind !== 'owner') return true;
  const found = await deps.rotatables[rule.target.kind].look(row.tenant as TenantId, row.targetId);
  return found?.owner === about.owner;
}

/** Whatever the row's version: an event must not be lost to somebody's edit. */
export async function ask(
  { store, clock }: Pick<RotationDeps, 'store' | 'clock'>,
  { tenant, name }: RuleRow,
  cause: string,
): Promise<void> {
  const where = { tenant, name } as const;
  await store.acts.run({
    steps: [
      { do: 'update', table: 'rotationRules', where, set: { cause, version: { add: 1 } } },
      // While a run is open, its end begins the next.
      {
        do: 'update',
        table: 'rotationRules',
        where: { ...where, runId: null },
        set: { dueAt: clock.nowMs() },
      },
    ],
    audit: null,
  });
}
