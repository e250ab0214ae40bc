/**
 * Brings what an export held to the server. Everything is asked for by its own name, so that an
 * import that broke off is simply run again: what is there already is left as it is.
 */
import { ok, type Result } from '@mintmark/core';
import { type Api, pathOf } from '../api/api.ts';
import type { CommandRefusal } from '../command.ts';
import { sendKeys } from '../commands/import-keys.ts';
import type { Item } from '../commands/send.ts';
import { type KeyFormat, type Moved, type MovedThing, type Refused, refuse } from './moved.ts';

export interface Tally {
  imported: number;
  unchanged: number;
}

export interface MoveReport {
  readonly keys: Tally;
  readonly clients: Tally;
  readonly users: Tally;
  readonly roles: Tally;
  readonly groups: Tally;
  readonly refused: readonly Refused[];
  readonly left_out: Readonly<Record<string, number>>;
}

export interface MoveWishes {
  readonly format: KeyFormat;
  /** Looks at what is there, and changes nothing. */
  readonly dryRun: boolean;
  /** Takes the new secret of a client; undefined: nobody would see it. */
  readonly keepSecret: ((clientId: string, secret: string) => void) | undefined;
}

/** @returns what became of each; the server's refusal where it takes nothing at all */
export async function applyMove(
  api: Api,
  moved: Moved,
  wishes: MoveWishes,
): Promise<Result<MoveReport, CommandRefusal>> {
  const fresh = (): Tally => ({ imported: 0, unchanged: 0 });
  const tallies = {
    ...{ keys: fresh(), clients: fresh(), users: fresh() },
    ...{ roles: fresh(), groups: fresh() },
  };
  const done = await moveKeys(api, moved, wishes, tallies.keys);
  if (!done.ok) return done;
  // What comes later names what comes before.
  for (const kind of ['roles', 'groups'] as const) {
    for (const one of moved[kind]) {
      const outcome = await moveNamed(api, kind, { one, wishes });
      if (!outcome.ok) return outcome;
      count(moved, one, outcome.value, tallies[kind]);
    }
  }
  for (const one of moved.clients) {
    const outcome = await moveClient(api, one, wishes);
    if (!outcome.ok) return outcome;
    count(moved, one, outcome.value, tallies.clients);
  }
  for (const one of moved.users) {
    const outcome = await moveUser(api, one, wishes);
    if (!outcome.ok) return outcome;
    count(moved, one, outcome.value, tallies.users);
  }
  const left_out = Object.fromEntries(moved.leftOut);
  return ok({ ...tallies, refused: moved.refused, left_out });
}

type Became = 'imported' | 'unchanged' | { readonly refused: string };

function count(moved: Moved, one: MovedThing, became: Became, tally: Tally): void {
  if (typeof became === 'string') tally[became] += 1;
  else refuse(moved, one.at, one.name, became.refused);
}

async function moveKeys(
  api: Api,
  moved: Moved,
  { format, dryRun }: MoveWishes,
  tally: Tally,
): Promise<Result<undefined, CommandRefusal>> {
  if (moved.keys.length === 0) return ok(undefined);
  if (dryRun) {
    tally.imported = moved.keys.length;
    return ok(undefined);
  }
  const rows = moved.keys.map(({ body }) => JSON.stringify(body));
  const sent = await sendKeys(api, { ...format }, rows);
  if (!sent.ok) return sent;
  tally.imported = sent.value.imported;
  tally.unchanged = sent.value.unchanged;
  for (const { index, reason } of sent.value.conflicts) {
    const one = moved.keys[Number(index)];
    if (one !== undefined) refuse(moved, one.at, one.name, String(reason));
  }
  return ok(undefined);
}

/** A role or a group: one of the name that is there is left, and told where it differs. */
async function moveNamed(
  api: Api,
  kind: 'roles' | 'groups',
  { one, wishes }: { readonly one: MovedThing; readonly wishes: MoveWishes },
): Promise<Result<Became, CommandRefusal>> {
  const path = kind === 'roles' ? pathOf`/v1/roles/${one.name}` : pathOf`/v1/groups/${one.name}`;
  const known = await api.call({ method: 'GET', path });
  // Which scopes a role has is not in the export: somebody has named them since.
  const { scopes: _, ...wanted } = one.body;
  if (known.ok) return ok(compare(wanted, known.value.body));
  if (known.refusal.reason !== 'refused' || known.refusal.status !== 404) return known;
  if (wishes.dryRun) return ok('imported');
  const made = await api.call({ method: 'PUT', path, body: one.body });
  return made.ok ? ok('imported') : refusedAlone(made.refusal);
}

async function moveClient(
  api: Api,
  one: MovedThing,
  { dryRun, keepSecret }: MoveWishes,
): Promise<Result<Became, CommandRefusal>> {
  const path = pathOf`/v1/clients/${one.name}`;
  const known = await api.call({ method: 'GET', path });
  if (known.ok) return ok(compare(one.body, known.value.body));
  if (known.refusal.reason !== 'refused' || known.refusal.status !== 404) return known;
  if (one.needsSecret === true && keepSecret === undefined) {
    return ok({ refused: 'its secret is only a hash: --secrets-file keeps a new one' });
  }
  if (dryRun) return ok('imported');
  const made = await api.call({
    method: 'POST',
    path: '/v1/clients',
    body: one.body,
    creates: true,
  });
  if (!made.ok) return refusedAlone(made.refusal);
  const secret = made.value.body['client_secret'];
  if (one.needsSecret === true && typeof secret === 'string') keepSecret?.(one.name, secret);
  return ok('imported');
}

/** The secret is never shown again, and so cannot be compared. */
function compare(body: Item, present: Item): Became {
  const { client_secret: _, client_secret_hash: __, ...wanted } = body;
  const differs = Object.keys(wanted).filter((name) => {
    const [a, b] = [wanted[name], present[name]].map(plain);
    return a !== b;
  });
  return differs.length === 0
    ? 'unchanged'
    : { refused: `there is another one of this name: ${differs.join(', ')}` };
}

/** Scopes and lists are sets. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value.split(' ').sort().join(' ');
  return JSON.stringify(Array.isArray(value) ? [...value].sort() : value);
}

async function moveUser(
  api: Api,
  one: MovedThing,
  { dryRun }: MoveWishes,
): Promise<Result<Became, CommandRefusal>> {
  const found = await api.list('/v1/users', { username: one.name }, 1);
  if (!found.ok) return found;
  if (found.value.length > 0) return ok('unchanged');
  if (dryRun) return ok('imported');
  const made = await api.call({ method: 'POST', path: '/v1/users', body: one.body, creates: true });
  if (!made.ok) return refusedAlone(made.refusal);
  if (one.disabled !== true) return ok('imported');
  const path = pathOf`/v1/users/${String(made.value.body['id'])}`;
  const ifMatch = made.value.etag;
  const off = await api.call({ method: 'PATCH', path, body: { status: 'disabled' }, ifMatch });
  return off.ok ? ok('imported') : off;
}

/** What is wrong with one thing does not keep the others out; a credential that is none does. */
function refusedAlone(refusal: CommandRefusal): Result<Became, CommandRefusal> {
  if (refusal.reason !== 'refused' || ![409, 422].includes(refusal.status)) {
    return { ok: false, refusal };
  }
  const errors = (refusal.errors ?? []).map((one) => `${one.pointer} ${one.message}`);
  return ok({ refused: [refusal.detail ?? refusal.title, ...errors].join('; ') });
}
