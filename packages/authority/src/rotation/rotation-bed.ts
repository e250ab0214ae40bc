/** Rotations over a store in memory: real keys, clients, acts and sealing; a made-up target. */
import {
  type ClientId,
  type DecisionEvent,
  defaultTenant,
  err,
  manualClock,
  ok,
  seededEntropy,
  type UnixMs,
} from '@mintmark/core';
import { createKey } from '../apikeys/create-key.ts';
import { noKeyPolicy } from '../apikeys/key-policy.ts';
import { createRecorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import { clientRules } from '../clients/client-rules.ts';
import { createClient } from '../clients/registry.ts';
import { openMemoryCustody } from '../custody/memory.ts';
import { createPeppers } from '../custody/peppers.ts';
import { createSealer } from '../custody/sealer.ts';
import { createKeyring } from '../keyring/keyring.ts';
import type { KeyringSettings } from '../keyring/schedule.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { createUsageCounter, secretUseId } from '../usage/usage-counter.ts';
import type { DeliveryFailure, DeliveryTarget, Parcel, Place } from './delivery/delivery.ts';
import { createProgramWatch } from './program-watch.ts';
import { putRotation } from './put-rule.ts';
import { rotatableClientSecret } from './rotatable-client-secret.ts';
import { rotatableKey } from './rotatable-key.ts';
import { rotatableKeyPair } from './rotatable-key-pair.ts';
import { createRotations, type RotationDeps } from './rotations.ts';
import type { RotationRule } from './rule.ts';
import { createSigningUses } from './signing-uses.ts';

export const bedStartMs = 1_790_000_000_000;

/** A key signs for ten days, and is published a minute before; a token lives for five. */
const bedSigning: KeyringSettings = {
  algorithms: ['ES256'],
  encryptedRequests: true,
  rotateEverySeconds: 864_000,
  publishAheadSeconds: 60,
  tokenTtlSecondsMax: 300,
};

export const requester: Requester = {
  tenant: defaultTenant,
  actor: { kind: 'admin_key', id: 'root' },
};

const nothing = (): void => {};

/** What tests turn and look at. */
function watched() {
  return {
    delivered: [] as { readonly parcel: Parcel; readonly place: Place }[],
    faults: [] as unknown[],
    state: {
      failure: undefined as DeliveryFailure | undefined,
      /** Called before each act; may throw, as a process that dies there. */
      beforeAct: nothing,
      afterAct: nothing,
    },
  };
}

type Watched = ReturnType<typeof watched>;

function shelf({ delivered, state }: Watched): DeliveryTarget {
  return {
    tenants: [defaultTenant],
    judge: ({ at }) => (at === 'nowhere' ? 'there is no such place' : undefined),
    async deliver(parcel, place) {
      if (state.failure !== undefined) return err(state.failure);
      delivered.push({ parcel, place });
      return ok(undefined);
    },
  };
}

/** Acts that tell before and after each. */
function watchedActs(store: Store, { state }: Watched): Store['acts'] {
  return {
    async run(act) {
      state.beforeAct();
      const done = await store.acts.run(act);
      state.afterAct();
      return done;
    },
  };
}

async function makingOf(store: Store) {
  const clock = manualClock(bedStartMs);
  const entropy = seededEntropy(7);
  const custody = openMemoryCustody({ entropy, clock });
  const sealer = createSealer({ custody, store, entropy, clock });
  const peppers = await createPeppers({ custody, store, entropy, clock });
  const recorder = createRecorder({ sealer, entropy, clock });
  const keyPolicy = () => noKeyPolicy;
  const signingUses = createSigningUses();
  const keyring = await createKeyring({
    ...{ store, sealer, recorder, clock, entropy, settings: bedSigning },
    signed: signingUses.note,
  });
  const usage = createUsageCounter({ store, clock });
  const programWatch = createProgramWatch({ store, usage });
  return {
    ...{ keyring, signingUses, usage, programWatch },
    sealer,
    peppers,
    recorder,
    clock,
    entropy,
    prefix: 'mm',
    keyPolicy,
  };
}

type Making = Awaited<ReturnType<typeof makingOf>>;

function openProcess(store: Store, making: Making, seen: Watched) {
  const { sealer, recorder, clock, entropy } = making;
  const through: Store = { ...store, acts: watchedActs(store, seen) };
  const parts = { ...making, store: through };
  const pairs = { ...parts, settings: bedSigning };
  const rotatables: RotationDeps['rotatables'] = {
    key: rotatableKey({ ...parts, ended: async () => false }),
    client_secret: rotatableClientSecret({ ...parts, changed: () => undefined }),
    signing_key: rotatableKeyPair(pairs, 'signing_key'),
    encryption_key: rotatableKeyPair(pairs, 'encryption_key'),
  };
  const targets = new Map([['shelf', shelf(seen)]]);
  const deps: RotationDeps = {
    ...{ store: through, sealer, recorder, clock, entropy, targets, rotatables },
    ...{ signingUses: making.signingUses, programWatch: making.programWatch },
    onFault: (fault) => seen.faults.push(fault),
  };
  return { deps, rotations: createRotations(deps) };
}

export async function rotationBed(store: Store = openMemoryStore()) {
  const making = await makingOf(store);
  const { clock, sealer, recorder } = making;
  const seen = watched();
  const first = openProcess(store, making, seen);
  return {
    ...{ store, clock, sealer, keyring: making.keyring, ...seen, ...first },
    /** Another process over the same store, by a connection of its own where one is given. */
    open: (through: Store = store) => openProcess(through, making, seen),
    ...credentialsOf(store, making),
    ...usesOf(making),
    async put(name: string, rule: Partial<RotationRule> & Pick<RotationRule, 'target'>) {
      const known = await store.rotationRules.get(defaultTenant, name);
      const { targets, rotatables } = first.deps;
      return putRotation(
        { store, recorder, clock, targets, rotatables },
        {
          ...{ requester, name },
          rule: { overlap_seconds: 100, deliver_to: [{ to: 'shelf', at: name }], ...rule },
          mayHold: () => true,
          isSeen: known && (() => true),
        },
      );
    },
    /** The newest run of a rule. */
    async run(rule: string) {
      const where = { tenant: defaultTenant, rule };
      const query = { where, orderBy: ['startedAt', 'id'], descending: true, limit: 1 } as const;
      return (await store.rotationRuns.list(query))[0];
    },
    /** What the owner was told so far, in order. */
    async told() {
      const rows = await store.notices.list({ limit: 100 });
      const sorted = rows.toSorted((a, b) => a.createdAt - b.createdAt);
      return sorted.map(
        ({ kind, facts }) => `${kind.slice('rotation.'.length)} ${facts['rotation']}`,
      );
    },
    /** Rounds, a second apart. */
    async pass(seconds: number, rotations = first.rotations) {
      for (let i = 0; i < seconds; i++) {
        clock.advanceMs(1_000);
        await rotations.work();
      }
    },
  };
}

function credentialsOf(store: Store, making: Making) {
  return {
    async addKey({ expiresAt }: { readonly expiresAt?: number } = {}) {
      const settings = { name: 'ci', owner: 'team', scopes: ['read'] };
      const given = { requester, settings: { ...settings, expiresAt: expiresAt as UnixMs } };
      const made = await createKey({ ...making, store }, given);
      if (!made.ok) throw new Error(made.refusal.reason);
      return made.value.row.id;
    },
    async addClient() {
      const rules = clientRules.parse({
        ...{ name: 'app', owner: 'team', grantTypes: ['client_credentials'], scopes: [] },
        ...{ authMethod: 'client_secret_basic', audiences: [], resources: [], metadata: {} },
        ...{ accessTokenFormat: 'jwt', accessTokenTtlSeconds: 60, accessTokenAlgorithm: 'ES256' },
      });
      const registry = { ...making, store, changed: () => {}, prepareKey: async () => undefined };
      const made = await createClient(registry, requester, { rules });
      if (!made.ok) throw new Error(made.refusal.reason);
      return made.value.client.clientId;
    },
  };
}

/** Uses, as gateways and the token endpoint count them. */
function usesOf({ clock, usage, programWatch }: Making) {
  return {
    async useKey(
      id: string,
      {
        rotated = false,
        address = '192.0.2.7',
      }: { readonly rotated?: boolean; readonly address?: string } = {},
    ) {
      const event: DecisionEvent = {
        ...{ tenant: defaultTenant, at: clock.nowMs(), node: 'n', route: 'r' },
        ...{ credential: 'api_key', credentialId: id, authenticated: true, rotated },
        ...{ verdict: 'allow', reason: 'ok', address },
      } as DecisionEvent;
      usage.accept([event]);
      programWatch.accept(event);
      await usage.flush();
    },
    async useSecret(clientId: ClientId, secretId: string, { overlap = false } = {}) {
      const id = secretUseId(clientId, secretId);
      usage.noteSecret({ tenant: defaultTenant, id, at: clock.nowMs(), overlap });
      await usage.flush();
    },
  };
}
