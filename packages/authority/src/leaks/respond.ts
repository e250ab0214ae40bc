/**
 * What becomes of a leaked credential: held back at once, its owner told, revoked after the time
 * that the policy gives, unless somebody lets it go. Each step is an act of its own with its
 * record, then one act notes it in the leak's row. *A crash between the two leaves the row due, and
 * the next round does the step again, which changes nothing where it is done.*
 */
import { type Clock, limits, rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import { type Notice, noticeStep } from '../alerts/tell-owner.ts';
import type { KeyRow } from '../apikeys/key-change.ts';
import { quarantineKey } from '../apikeys/quarantine-key.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { type RevokeDeps, revoke } from '../revocation/revoke.ts';
import type { LeakKind, LeakStatus } from '../store/leak-tables.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { changeLeakedSecret, type SecretDeps } from './hold-client-secret.ts';
import { leakPolicyOf } from './leak-policy.ts';

export type LeakRow = Row<'leaks'>;

export interface RespondDeps extends RevokeDeps, SecretDeps {
  readonly store: RevokeDeps['store'] & SecretDeps['store'] & Pick<Store, 'leaks' | 'leakPolicies'>;
  /** `kept`: it is the last key that can make administrators. */
  readonly endAdminKey: (requester: Requester, id: string) => Promise<'ended' | 'gone' | 'kept'>;
  /** Told of a key or a client whose credential is held back now; may be told again. */
  readonly held: (credential: {
    readonly tenant: TenantId;
    readonly kind: 'key' | 'client_secret';
    readonly id: string;
  }) => Promise<unknown>;
}

/** What was done, in a word, and what the leak is now. */
interface Done {
  readonly step: string;
  readonly outcome: string;
  readonly status: LeakStatus;
}

/**
 * Does what is due now, if anything is.
 *
 * @returns the row as it is afterwards
 * @throws StoreFault; then the row stays due
 */
export async function respondToLeak(deps: RespondDeps, row: LeakRow): Promise<LeakRow> {
  const tenant = row.tenant as TenantId;
  const requester: Requester = { tenant, actor: { kind: 'system', id: 'leaks' } };
  const { policy } = await leakPolicyOf(deps.store, tenant);
  if (row.status === 'held' && row.dueAt !== null && row.dueAt <= deps.clock.nowMs()) {
    return note(deps, requester, { row, done: await end(deps, requester, row), dueAt: null });
  }
  if (row.status !== 'open') return row;
  const done =
    policy.mode === 'dry_run'
      ? ({ step: 'dry_run', outcome: wouldDo(row), status: 'observed' } as const)
      : await hold(deps, requester, row);
  // Somebody changes the key again and again: the next round tries it anew.
  if (done === undefined) return row;
  if (done.status === 'held') await tellHeld(deps, tenant, row);
  const after = policy.revoke_after_seconds;
  const isBound = done.status === 'held' && after !== null;
  const dueAt = isBound ? deps.clock.nowMs() + after * 1000 : null;
  return note(deps, requester, { row, done, dueAt });
}

/** Before it is noted: where this is cut off, the next round tells it again. */
async function tellHeld(deps: RespondDeps, tenant: TenantId, row: LeakRow): Promise<void> {
  const { kind, credential } = row;
  if (kind === 'key') await deps.held({ tenant, kind, id: credential });
  // `‹client id›/‹secret id›`: the client is what rotates.
  const clientId = credential.slice(0, credential.lastIndexOf('/'));
  if (kind === 'client_secret') await deps.held({ tenant, kind, id: clientId });
}

function wouldDo({ kind }: LeakRow): string {
  return kind === 'key' || isOfClient(kind) ? 'would_hold' : 'would_revoke';
}

/** Kept beside its client, and held back there. */
export function isOfClient(kind: LeakKind): boolean {
  return kind === 'client_secret' || kind === 'registration_token';
}

/** Stops it within this call: by the gentlest way that its kind has. */
async function hold(
  deps: RespondDeps,
  requester: Requester,
  row: LeakRow,
): Promise<Done | undefined> {
  const { id: leak, kind, credential } = row;
  const reason = `leak ${leak}`;
  switch (kind) {
    case 'key': {
      const held = await quarantineKey(deps, {
        requester,
        id: credential,
        reason: { code: reason },
      });
      if (held.ok) return { step: 'quarantine', outcome: 'done', status: 'held' };
      if (held.refusal.reason === 'conflict') return undefined;
      const isHeld = held.refusal.reason === 'already_quarantined';
      const status = isHeld ? 'held' : 'ended';
      return { step: 'quarantine', outcome: held.refusal.reason, status };
    }
    case 'client_secret':
    case 'registration_token': {
      const outcome = await changeLeakedSecret(deps, {
        requester,
        credential,
        leak,
        change: 'hold',
      });
      if (outcome === 'conflict') return undefined;
      return { step: 'hold', outcome, status: outcome === 'done' ? 'held' : 'ended' };
    }
    case 'admin_key': {
      const outcome = await deps.endAdminKey(requester, credential);
      const status = outcome === 'ended' ? 'revoked' : outcome === 'kept' ? 'kept' : 'ended';
      return { step: 'revoke', outcome, status };
    }
    case 'sub_key':
      return revoked(deps, requester, { kind: 'sub_key', id: credential, reason });
    case 'access_token':
      return revoked(deps, requester, { kind: 'token', id: credential, reason });
    case 'refresh_token':
      return revoked(deps, requester, { kind: 'family', id: credential, reason });
  }
}

async function revoked(
  deps: RespondDeps,
  requester: Requester,
  what: {
    readonly kind: 'token' | 'family' | 'key' | 'sub_key';
    readonly id: string;
    readonly reason: string;
  },
): Promise<Done> {
  const { kind, id, reason } = what;
  const done = await revoke(deps, { requester, target: { kind, id }, reason });
  return done.ok
    ? { step: 'revoke', outcome: 'done', status: 'revoked' }
    : { step: 'revoke', outcome: done.refusal.reason, status: 'ended' };
}

/** Its time is over, and nobody has let it go. */
async function end(deps: RespondDeps, requester: Requester, row: LeakRow): Promise<Done> {
  const { id: leak, kind, credential } = row;
  if (isOfClient(kind)) {
    const outcome = await changeLeakedSecret(deps, { requester, credential, leak, change: 'end' });
    return { step: 'revoke', outcome, status: outcome === 'done' ? 'revoked' : 'ended' };
  }
  const key: KeyRow | undefined = await deps.store.keys.get(requester.tenant, credential);
  if (key?.status !== 'quarantined' && key?.status !== 'revoked') {
    return { step: 'revoke', outcome: 'released_before', status: 'released' };
  }
  return revoked(deps, requester, { kind: 'key', id: credential, reason: `leak ${leak}` });
}

/** Writes down what was done; where another round was first, what that one wrote stays. */
async function note(
  { store, recorder, clock }: RespondDeps,
  requester: Requester,
  input: { readonly row: LeakRow; readonly done: Done; readonly dueAt: number | null },
): Promise<LeakRow> {
  const { row, done, dueAt } = input;
  const { tenant, id, version } = row;
  const at = clock.nowMs();
  const { step, outcome, status } = done;
  const set = {
    status,
    steps: [...row.steps, { step, outcome, at }],
    dueAt,
    updatedAt: at,
    version: version + 1,
  };
  await store.acts.run({
    steps: [
      { do: 'update', table: 'leaks', where: { tenant, id, version }, set, refused: 'changed' },
      ...(toldOf.includes(status) ? [noticeStep(noticeOf({ ...row, ...set }), at)] : []),
    ],
    audit: await recorder.record(
      eventBy(requester, {
        action: 'leak.respond',
        at,
        object: { kind: 'leak', id },
        related: aboutOf(row),
        detail: { step, outcome, status },
      }),
    ),
  });
  return (await store.leaks.get(tenant, id)) ?? { ...row, ...set };
}

/** What an owner has to hear of. */
const toldOf: readonly LeakStatus[] = ['held', 'revoked', 'observed', 'kept'];

const whatIsCalled: Readonly<Record<LeakKind, string>> = {
  key: 'API key',
  sub_key: 'sub-key',
  admin_key: 'admin key',
  client_secret: 'client secret',
  registration_token: 'registration token',
  access_token: 'access token',
  refresh_token: 'refresh token',
};

function noticeOf(row: LeakRow): Notice {
  const { tenant, id, kind, credential, name, owner, status, dueAt, sightings } = row;
  const about = aboutOf(row);
  return {
    tenant: tenant as TenantId,
    kind: 'leak.found',
    occasion: `${id}/${status}`,
    owner,
    about:
      about.kind === 'key' || about.kind === 'admin_key' ? about : { kind: 'client', id: name },
    facts: {
      what: whatIsCalled[kind],
      name,
      id: credential,
      seen_at: sightings[0]?.url ?? null,
      state: status,
      revoke_at: dueAt === null ? null : rfc3339(dueAt as UnixMs),
    },
  };
}

/** The credential, as its own history is kept. */
export function aboutOf({ kind, credential }: Pick<LeakRow, 'kind' | 'credential'>) {
  switch (kind) {
    case 'key':
      return { kind: 'key', id: credential } as const;
    case 'sub_key':
      return { kind: 'key', id: credential.split('.', 1)[0]! } as const;
    case 'admin_key':
      return { kind: 'admin_key', id: credential } as const;
    case 'client_secret':
    case 'registration_token':
      return { kind: 'client', id: credential.slice(0, credential.lastIndexOf('/')) } as const;
    case 'access_token':
      return { kind: 'token', id: credential } as const;
    case 'refresh_token':
      return { kind: 'family', id: credential } as const;
  }
}

/** Goes on with leaks whose time has come. */
export function createLeakRounds(deps: RespondDeps & { readonly clock: Pick<Clock, 'nowMs'> }): {
  step(): Promise<void>;
} {
  return {
    async step() {
      const due = await deps.store.leaks.list({
        where: { dueAt: { is: '<=', value: deps.clock.nowMs() } },
        orderBy: ['dueAt'],
        limit: limits.leaksPerRound,
      });
      for (const row of due) await respondToLeak(deps, row);
    },
  };
}
