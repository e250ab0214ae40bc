/**
 * Several programs that share one key: by the address of each use of the successor it is known
 * which of them have it. Each process looks out for those of the rotations that are open, and its
 * counts are written with all others.
 */
import { createRangeSet, type DecisionEvent, limits, parseAddress } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { UsageCounter } from '../usage/usage-counter.ts';
import { keptWhileOpen, type Progress, type Run, runOf } from './run.ts';

export interface ProgramWatch {
  /** Reads which rotations are open. @throws StoreFault */
  refresh(): Promise<void>;
  /** Notes whose use it was, where it was of a successor that is looked out for. */
  accept(event: DecisionEvent): void;
}

interface Watched {
  readonly name: string;
  readonly calls: (address: string) => boolean;
}

export function createProgramWatch({
  store,
  usage,
}: {
  readonly store: Pick<Store, 'rotationRuns'>;
  readonly usage: Pick<UsageCounter, 'noteProgram'>;
}): ProgramWatch {
  /** By the successor's id. */
  let watched = new Map<string, readonly Watched[]>();

  return {
    async refresh() {
      const rows = await store.rotationRuns.list({
        where: { expiresAtSeconds: keptWhileOpen },
        orderBy: ['expiresAtSeconds'],
        limit: limits.rotationsWatchedMax,
      });
      watched = new Map(rows.map(runOf).flatMap(watchedBy));
    },
    accept({ tenant, credential, credentialId: id, authenticated, verdict, address, at }) {
      if (watched.size === 0 || credential !== 'api_key' || id === undefined) return;
      if (!authenticated || verdict !== 'allow') return;
      for (const { name, calls } of watched.get(id) ?? []) {
        if (calls(address)) usage.noteProgram({ tenant, id: programUseId(id, name), at });
      }
    },
  };
}

function watchedBy({ status, progress }: Run): readonly (readonly [string, readonly Watched[]])[] {
  const { programs = [] } = progress.terms;
  if (programs.length === 0 || status === 'ending') return [];
  return [[progress.successor, programs.map(watchOf)]];
}

function watchOf({ name, addresses }: NonNullable<Progress['terms']['programs']>[number]): Watched {
  const ranges = createRangeSet(addresses);
  // They were read when the rule was written.
  if (!ranges.ok) return { name, calls: () => false };
  return {
    name,
    calls(text) {
      const address = parseAddress(text);
      return address !== undefined && ranges.value.contains(address);
    },
  };
}

/** By which it is kept that a program has used the successor. */
function programUseId(successor: string, program: string): string {
  return `${successor}.${program}`;
}

/** Names of the programs that have not used the successor yet. @throws StoreFault */
export async function programsWaiting(
  store: Pick<Store, 'usage'>,
  tenant: string,
  { successor, terms }: Progress,
): Promise<readonly string[]> {
  const waiting: string[] = [];
  for (const { name } of terms.programs ?? []) {
    const id = programUseId(successor, name);
    if ((await store.usage.get(tenant, 'rotation_program', id)) === undefined) waiting.push(name);
  }
  return waiting;
}
