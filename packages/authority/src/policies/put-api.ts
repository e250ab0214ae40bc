/** Writes an API: what can be done at the routes that name it. Gateways learn of it by the feed. */
import {
  type ApiView,
  type Clock,
  err,
  type JsonObject,
  limits,
  ok,
  type Result,
} from '@mintmark/core';
import { type ApiRefusal, parseApi } from '@mintmark/policy';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { IsSeen } from './policy-row.ts';

export interface ApiPorts {
  readonly store: Pick<Store, 'apis' | 'routes' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type PutApiRefusal =
  | { readonly reason: 'malformed'; readonly refusal: ApiRefusal }
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  | { readonly reason: 'too_many' };

/** @throws StoreFault, CustodyFault */
export async function putApi(
  ports: ApiPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly wire: JsonObject;
    readonly isSeen: IsSeen;
  },
): Promise<Result<{ readonly row: Row<'apis'>; readonly created: boolean }, PutApiRefusal>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const parsed = parseApi(input.wire);
  if (!parsed.ok) return err({ reason: 'malformed', refusal: parsed.refusal });
  const known = await ports.store.apis.get(tenant, name);
  if (known === undefined) {
    // A version was seen, so there was one: somebody deleted it since.
    if (isSeen !== undefined) return err({ reason: 'version_mismatch' });
    const count = await ports.store.apis.count({ tenant });
    if (count >= limits.apisMax) return err({ reason: 'too_many' });
  } else if (isSeen === undefined) {
    return err({ reason: 'version_unknown' });
  } else if (!isSeen(known.version)) {
    return err({ reason: 'version_mismatch' });
  }
  const updatedAt = ports.clock.nowMs();
  const api = parsed.value;
  const version = (known?.version ?? 0) + 1;
  const row = { tenant, name, api, updatedAt, version };
  const refused = 'version_mismatch';
  const step: Step =
    known === undefined
      ? { do: 'insert', table: 'apis', row, refused }
      : {
          ...{ do: 'update', table: 'apis', set: { api, updatedAt, version }, refused },
          where: { tenant, name, version: known.version },
        };
  const action = known === undefined ? 'api.create' : 'api.update';
  const done = await change(ports, { requester, name, action, api, step });
  return done ? ok({ row, created: known === undefined }) : err({ reason: 'version_mismatch' });
}

export type DeleteApiRefusal = { readonly reason: 'not_found' | 'version_mismatch' | 'in_use' };

/**
 * Takes an API away that no route names: a gateway refuses what it cannot tell the operation of.
 *
 * @throws StoreFault, CustodyFault
 */
export async function deleteApi(
  ports: ApiPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, DeleteApiRefusal>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const known = await ports.store.apis.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const routes = await ports.store.routes.list({ where: { tenant }, limit: limits.routesMax });
  if (routes.some(({ route }) => route['api'] === name)) return err({ reason: 'in_use' });
  const where = { tenant, name, version: known.version };
  const step: Step = { do: 'delete', table: 'apis', where, refused: 'version_mismatch' };
  const done = await change(ports, { requester, name, action: 'api.delete', api: null, step });
  return done ? ok(undefined) : err({ reason: 'version_mismatch' });
}

async function change(
  ports: ApiPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly action: 'api.create' | 'api.update' | 'api.delete';
    readonly api: ApiView | null;
    readonly step: Step;
  },
): Promise<boolean> {
  const { requester, name, action, api, step } = input;
  const at = ports.clock.nowMs();
  const { tenant } = requester;
  const object = { kind: 'api', id: name } as const;
  const entries = [{ type: 'api', name, ...(api === null ? { api } : {}) }] as const;
  const { outcome } = await ports.store.acts.run({
    steps: [step, { do: 'feed', tenant, at, entries }],
    audit: await ports.recorder.record(eventBy(requester, { action, at, object })),
  });
  return outcome === 'done';
}
