/** Secrets of clients, as rotations see them: the client stays, and has two secrets for a while. */
import type { ClientId, TenantId } from '@mintmark/core';
import { clientOf } from '../clients/client.ts';
import { usesSecret } from '../clients/client-rules.ts';
import {
  planSecretRotation,
  type RegistryDeps,
  registrationSecretId,
} from '../clients/registry.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { secretUseId } from '../usage/usage-counter.ts';
import { judgeDelivered } from './judge-delivered.ts';
import type { ExtendInput, PlanInput, Planned, PlanRefusal, Rotatable } from './rotatable.ts';

export type RotatableSecretPorts = Omit<RegistryDeps, 'prepareKey'> & {
  readonly store: Pick<Store, 'usage'>;
};

type SecretRow = Row<'clientSecrets'>;

export function rotatableClientSecret(ports: RotatableSecretPorts): Rotatable {
  const { store } = ports;
  return {
    kind: 'client_secret',
    judge: judgeDelivered,
    async look(tenant, id) {
      const row = await store.clients.get(tenant, id);
      if (row === undefined) return undefined;
      const client = clientOf(row);
      if (!usesSecret(client)) return undefined;
      const newest = newestOf(await secretsOf(ports, tenant, id));
      const createdAt = newest?.createdAt ?? client.createdAt;
      return { id, owner: client.owner, createdAt, expiresAt: newest?.expiresAt ?? null };
    },
    async ownerOf(tenant, id) {
      const row = await store.clients.get(tenant, id);
      return row && clientOf(row).owner;
    },
    plan: (input) => plan(ports, input),
    async stateOf(tenant, { target, successor }) {
      const secrets = await secretsOf(ports, tenant, target);
      if (!secrets.some(({ id }) => id === successor)) return 'ended';
      const usage = await store.usage.get(tenant, 'client_secret', secretUseId(target, successor));
      return usage === undefined ? 'unused' : 'used';
    },
    async overlapUses(tenant, { target, predecessor }) {
      const id = secretUseId(target, predecessor);
      const during = await store.usage.get(tenant, 'client_secret_overlap', id);
      const { allowed: count = 0, lastUsedAt: lastAt = null, lastAddress = null } = during ?? {};
      return { count, lastAt, lastAddress };
    },
    extend: (input) => extend(ports, input),
    changed: (tenant, target) => ports.changed(tenant, target as ClientId),
  };
}

async function secretsOf(
  { store }: RotatableSecretPorts,
  tenant: TenantId,
  clientId: string,
): Promise<readonly SecretRow[]> {
  const rows = await store.clientSecrets.list({ where: { tenant, clientId }, limit: 100 });
  return rows.filter(({ id }) => id !== registrationSecretId);
}

/** The one that was made last and ends last. */
function newestOf(rows: readonly SecretRow[]): SecretRow | undefined {
  const standing = rows.filter(({ expiresAt }) => expiresAt === null);
  const candidates = standing.length > 0 ? standing : rows;
  return candidates.reduce<SecretRow | undefined>(
    (newest, row) => (newest === undefined || row.createdAt > newest.createdAt ? row : newest),
    undefined,
  );
}

async function plan(ports: RotatableSecretPorts, input: PlanInput): Promise<Planned | PlanRefusal> {
  const { requester, id, overlapSeconds, detail } = input;
  const before = newestOf(await secretsOf(ports, requester.tenant, id));
  const clientId = id as ClientId;
  const planned = await planSecretRotation(ports, requester, { clientId, overlapSeconds, detail });
  if (!planned.ok) {
    return planned.refusal.reason === 'client_not_found'
      ? { reason: 'not_found' }
      : { reason: 'not_active', status: 'without a secret' };
  }
  const { client, secret, secretId, previousExpiresAt, steps, audit } = planned.value;
  if (client.status !== 'active') return { reason: 'not_active', status: client.status };
  // One that was held back has ended already: its successor has the overlap all the same.
  const ownEnd = before?.expiresAt ?? null;
  const endsAtMax = ownEnd !== null && ownEnd > ports.clock.nowMs() ? ownEnd : null;
  return {
    predecessor: before?.id ?? '',
    successor: secretId,
    target: id,
    owner: client.owner,
    secret,
    predecessorEndsAt: Math.min(endsAtMax ?? previousExpiresAt, previousExpiresAt),
    predecessorEndsAtMax: endsAtMax,
    steps,
    audit,
  };
}

async function extend(
  ports: RotatableSecretPorts,
  { tenant, run, endsAt, now }: ExtendInput,
): ReturnType<Rotatable['extend']> {
  const client = await ports.store.clients.get(tenant, run.target);
  const secrets = await secretsOf(ports, tenant, run.target);
  const isThere = secrets.some(({ expiresAt }) => expiresAt === run.endsAt);
  if (client === undefined || !isThere || run.endsAt <= now) return undefined;
  const where = { tenant, clientId: run.target };
  const ending = { ...where, expiresAt: run.endsAt };
  const steps: readonly Step[] = [
    {
      do: 'update',
      table: 'clients',
      where: { ...where, version: client.version },
      set: { version: client.version + 1, updatedAt: now },
      refused: 'changed',
    },
    // All that this rotation ends, and none that somebody else has given another end.
    {
      do: 'update',
      table: 'clientSecrets',
      where: ending,
      set: { expiresAt: endsAt },
      refused: 'changed',
    },
  ];
  return steps;
}
