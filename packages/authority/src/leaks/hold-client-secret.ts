/**
 * A leaked client secret, or the token by which a client manages its registration: held back, which
 * can be undone, and ended for good. The tokens that a secret may have bought end with it. What it
 * was stays hashed until it is ended.
 */
import { type ClientId, type Clock, type Entropy, freshId } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { registrationSecretId } from '../clients/registry.ts';
import { revocationStep } from '../revocation/revocation-step.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface SecretDeps {
  readonly store: Pick<Store, 'clients' | 'clientSecrets' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Told of a client after a change of its secrets has been committed. */
  readonly clientChanged: (tenant: Requester['tenant'], clientId: ClientId) => void;
}

/** What is done with the secret: refused from now on, accepted again, or forgotten. */
type Change = 'hold' | 'release' | 'end';

/**
 * @param input.credential `‹client id›/‹secret id›`
 * @returns `gone` where there is no such secret any more; `conflict` where it was changed meanwhile
 * @throws StoreFault: nothing has changed
 */
export async function changeLeakedSecret(
  deps: SecretDeps,
  input: {
    readonly requester: Requester;
    readonly credential: string;
    readonly leak: string;
    readonly change: Change;
  },
): Promise<'done' | 'gone' | 'conflict'> {
  const { requester, credential, leak, change } = input;
  const { tenant, actor } = requester;
  const cut = credential.lastIndexOf('/');
  const [clientId, id] = [credential.slice(0, cut), credential.slice(cut + 1)];
  const at = deps.clock.nowMs();
  const row = await deps.store.clientSecrets.get(tenant, clientId, id);
  if (row === undefined) return 'gone';
  const ended = revocationStep({
    tenant,
    id: freshId(deps.entropy),
    target: { kind: 'client', id: clientId },
    reason: `leak ${leak}`,
    actor: `${actor.kind}:${actor.id}`,
    at,
  });
  const { outcome } = await deps.store.acts.run({
    steps: [
      changeOf(change, row, at),
      // Views of the client that a node has kept are stale from here on.
      {
        do: 'update',
        table: 'clients',
        where: { tenant, clientId },
        set: { version: { add: 1 }, updatedAt: at },
        refused: 'gone',
      },
      // No token was ever bought with one that manages a registration.
      ...(change === 'hold' && id !== registrationSecretId ? [ended] : []),
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: `client.secret_${change}`,
        at,
        object: { kind: 'client', id: clientId },
        why: `leak ${leak}`,
        detail: { secret: id },
      }),
    ),
  });
  if (outcome === 'gone') return 'gone';
  if (outcome !== 'done') return 'conflict';
  deps.clientChanged(tenant, clientId as ClientId);
  return 'done';
}

function changeOf(change: Change, row: Row<'clientSecrets'>, at: number): Step {
  const { tenant, clientId, id, expiresAt, hold } = row;
  const table = 'clientSecrets';
  const where = { tenant, clientId, id };
  if (change === 'end') return { do: 'delete', table, where, refused: 'gone' };
  const set =
    change === 'release'
      ? // Let go already, before a crash: nothing is to be given back.
        { expiresAt: hold === null ? expiresAt : hold.expiresAt, hold: null }
      : // Held again after a crash: the moment that it had before the first time stands.
        { expiresAt: at, hold: hold ?? { expiresAt } };
  return { do: 'update', table, where: { ...where, expiresAt }, set, refused: 'conflict' };
}
