/**
 * Replaces how a key's secret is kept, at the moment when the key has just been proven: an imported
 * hash by our own, an old pepper by the current one. Of two first users one rehashes; for the other
 * everything is already as it should be.
 */
import type { Recorder } from '../audit/record.ts';
import type { KeyPorts, KeyRow } from './key-change.ts';
import { keyEvent, keyFeedStep } from './key-change.ts';
import { pepperedColumns, type SecretColumns, secretColumns } from './key-secret.ts';

export type RehashPorts = Pick<KeyPorts, 'peppers' | 'sealer' | 'clock'> & {
  readonly store: Pick<KeyPorts['store'], 'acts'>;
  readonly recorder: Recorder;
};

/** Whether the row is kept in another way than new ones are. */
export function needsRehash(ports: Pick<KeyPorts, 'peppers'>, row: KeyRow): boolean {
  return (
    row.hashScheme !== 'pepper' ||
    row.pepperVersion !== ports.peppers.current().version ||
    (row.derivationKey === null && mayDerive(row))
  );
}

/**
 * Of an imported key nobody knows how its secret was chosen: what is public of it could be a test
 * for guesses. Admin keys are for people and machines that ask the authority anyway.
 */
function mayDerive(row: KeyRow): boolean {
  return row.kind !== 'admin' && row.importFormat === null;
}

/**
 * @param secret proven to be the row's
 * @returns `already_done` where somebody else was first
 * @throws StoreFault, CustodyFault; then the row is as before, and the next use tries again
 */
export async function rehashKey(
  ports: RehashPorts,
  row: KeyRow,
  secret: string,
): Promise<'done' | 'already_done'> {
  const now = ports.clock.nowMs();
  const tenant = row.tenant as Parameters<typeof pepperedColumns>[1]['tenant'];
  const input = { tenant, id: row.id, secret };
  const columns = await columnsOf(ports, row, input);
  const system = { tenant, actor: { kind: 'system', id: 'rehash' } } as const;
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'keys',
        // The version stays: nothing that anybody sees or edits has changed. Imports have no
        // pepper, so that this tells them from what is rehashed already. Of two that bring a key
        // its derivation key at once, both write the same.
        where: {
          tenant: row.tenant,
          id: row.id,
          pepperVersion: row.pepperVersion,
        },
        set: columns,
        refused: 'already_done',
      },
      ...(row.kind === 'admin' ? [] : [keyFeedStep(row.tenant, [row], now)]),
    ],
    audit: await ports.recorder.record({
      ...keyEvent(system, row, {
        action: 'key.rehash',
        at: now,
        detail: { from: row.hashScheme, to: columns.hashScheme },
      }),
    }),
  });
  return outcome === 'done' ? 'done' : 'already_done';
}

async function columnsOf(
  ports: RehashPorts,
  row: KeyRow,
  input: Parameters<typeof secretColumns>[1],
): Promise<SecretColumns> {
  if (row.kind === 'admin') return pepperedColumns(ports.peppers, input);
  const columns = await secretColumns(ports, input);
  return mayDerive(row) ? columns : { ...columns, derivationKey: null };
}
