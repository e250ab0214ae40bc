/**
 * Searches for other programs (AuthZEN Authorization API 1.0, §8): which subjects, resources or
 * actions would be permitted. Found is what is known here: entities of the enforced policies, our
 * own active users, actions that policies name. Each is judged as an evaluation would judge it, and
 * none of that is kept: a search decides nothing. What must never happen: a search that holds up
 * everybody else, however much there is to look through.
 */
import { hash } from 'node:crypto';
import {
  base64urlDecode,
  canonicalJson,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  letOthersRun,
  limits,
  ok,
  parseJson,
  type Result,
  type TenantId,
  type Timers,
  utf8Decode,
} from '@mintmark/core';
import {
  EntityUid,
  isTypeName,
  type JudgedPolicy,
  type JudgedVersion,
  judgePolicies,
  parsePolicies,
} from '@mintmark/policy';
import type { Store } from '../store/store.ts';
import { type EvaluatePorts, requestOf } from './evaluate-access.ts';
import {
  type Evaluation,
  type EvaluationRefusal,
  readAction,
  readEntity,
  readValues,
} from './read-evaluation.ts';

export interface SearchPorts extends Pick<EvaluatePorts, 'policies' | 'clock' | 'rights'> {
  readonly users: Pick<Store['users'], 'list'>;
  readonly timers: Pick<Timers, 'after'>;
}

export type SearchedFor = 'subject' | 'resource' | 'action';

export interface Found {
  /** In AuthZEN's form. */
  readonly results: readonly JsonObject[];
  /** For the next page; empty where there is nothing behind this one. */
  readonly nextToken: string;
}

/** @throws StoreFault where policies or users cannot be read */
export async function searchAccess(
  ports: SearchPorts,
  input: { readonly tenant: TenantId; readonly what: SearchedFor; readonly body: JsonObject },
): Promise<Result<Found, EvaluationRefusal>> {
  const { tenant, what, body } = input;
  const question = readQuestion(what, body);
  if (!question.ok) return question;
  const page = readPage(what, body);
  if (!page.ok) return page;
  const { limit, after } = page.value;
  const policies = await ports.policies.of(tenant);
  const deciding = policies.flatMap(({ enforced }) => (enforced === undefined ? [] : [enforced]));
  const results: JsonObject[] = [];
  let looked = 0;
  let last = after;
  for await (const place of candidates(
    ports,
    { tenant, what, question: question.value, deciding },
    after,
  )) {
    if (results.length >= limit || looked >= limits.searchedAtOnce) {
      return ok({ results, nextToken: tokenOf(what, { body, limit, after: last }) });
    }
    const asked = question.value.of(place.id);
    if (await isPermitted(ports, { tenant, policies, asked })) {
      results.push(
        what === 'action' ? { name: place.id } : { type: question.value.type, id: place.id },
      );
    }
    last = place;
    looked++;
    if (looked % limits.searchedInOneTurn === 0) await letOthersRun(ports.timers);
  }
  return ok({ results, nextToken: '' });
}

async function isPermitted(
  ports: SearchPorts,
  of: {
    readonly tenant: TenantId;
    readonly policies: readonly JudgedPolicy[];
    readonly asked: Evaluation;
  },
): Promise<boolean> {
  const { tenant, policies, asked } = of;
  const request = await requestOf(ports, tenant, asked);
  const at = { use: 'evaluation', resourceType: request.resource.type } as const;
  return judgePolicies(policies, at, () => request)?.verdict === 'allow';
}

/** A search with one member open. */
interface Question {
  /** Of what is searched; of actions `Action`. */
  readonly type: string;
  of(id: string): Evaluation;
}

/** An `id` of what is searched is ignored (§8.4.1, §8.5.1), and so are its properties. */
function readQuestion(what: SearchedFor, body: JsonObject): Result<Question, EvaluationRefusal> {
  const context = readValues(body['context'], '/context');
  if (!context.ok) return context;
  const subject =
    what === 'subject' ? readOpen(body, 'subject') : readEntity(body['subject'], '/subject');
  if (!subject.ok) return subject;
  const resource =
    what === 'resource' ? readOpen(body, 'resource') : readEntity(body['resource'], '/resource');
  if (!resource.ok) return resource;
  const action =
    what === 'action' ? ok({ uid: new EntityUid('Action', '') }) : readAction(body['action']);
  if (!action.ok) return action;
  const whole = {
    ...{ principal: subject.value, action: { uid: action.value.uid }, resource: resource.value },
    context: context.value,
  };
  const member = what === 'subject' ? 'principal' : what;
  const { type } = whole[member].uid;
  return ok({ type, of: (id) => ({ ...whole, [member]: { uid: new EntityUid(type, id) } }) });
}

function readOpen(
  body: JsonObject,
  name: 'subject' | 'resource',
): Result<{ readonly uid: EntityUid }, EvaluationRefusal> {
  const { type } = isJsonObject(body[name]) ? body[name] : {};
  if (typeof type === 'string' && isTypeName(type)) return ok({ uid: new EntityUid(type, '') });
  return err({ pointer: `/${name}/type`, message: 'is no name of a type: letters, digits, _' });
}

/** Where a search stands: in what policies know, or behind that in our users. */
interface Place {
  readonly among: 'known' | 'users';
  readonly id: string;
}

interface Universe {
  readonly tenant: TenantId;
  readonly what: SearchedFor;
  readonly question: Question;
  readonly deciding: readonly JudgedVersion[];
}

async function* candidates(
  { users }: SearchPorts,
  { tenant, what, question: { type }, deciding }: Universe,
  after: Place | undefined,
): AsyncGenerator<Place> {
  const known = new Set(deciding.flatMap((version) => idsOf(version, what, type)));
  if (after?.among !== 'users') {
    const behind = [...known].sort().filter((id) => after === undefined || id > after.id);
    for (const id of behind) yield { among: 'known', id };
  }
  if (what !== 'subject' || type !== 'User') return;
  let last = after?.among === 'users' ? after.id : undefined;
  for (;;) {
    const rows = await users.list({
      where: { tenant },
      ...(last === undefined ? {} : { after: [tenant, last] }),
      limit: limits.pageItemsMax,
    });
    for (const { id, status } of rows) {
      if (status === 'active' && !known.has(id)) yield { among: 'users', id };
    }
    last = rows.at(-1)?.id;
    if (last === undefined || rows.length < limits.pageItemsMax) return;
  }
}

function idsOf(version: JudgedVersion, what: SearchedFor, type: string): readonly string[] {
  if (!version.view.uses.includes('evaluation')) return [];
  const ids = [...version.entities].flatMap(({ uid }) => (uid.type === type ? [uid.id] : []));
  return what === 'action' ? [...ids, ...actionsOf(version)] : ids;
}

/** By version, which never changes. */
const actionNames = new WeakMap<JudgedVersion, readonly string[]>();

/** Actions that the heads of policies name. */
function actionsOf(version: JudgedVersion): readonly string[] {
  const known = actionNames.get(version);
  if (known !== undefined) return known;
  const parsed = parsePolicies(version.view.cedar);
  const names = (parsed.ok ? parsed.value.policies : []).flatMap(({ action }) => {
    if (action.kind === 'any') return [];
    return action.kind === 'equal' ? [action.uid.id] : action.uids.map(({ id }) => id);
  });
  actionNames.set(version, names);
  return names;
}

interface Page {
  readonly limit: number;
  readonly after: Place | undefined;
}

/** §8.2.1: what was asked first must be asked again; a limit may be left out then. */
function readPage(what: SearchedFor, body: JsonObject): Result<Page, EvaluationRefusal> {
  const page = body['page'] ?? {};
  if (!isJsonObject(page)) return err({ pointer: '/page', message: 'is not an object' });
  const { token, limit } = page;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && Number(limit) >= 0)) {
    return err({ pointer: '/page/limit', message: 'is a whole number, zero or more' });
  }
  if (token === undefined || token === '') {
    const most = Math.min(Number(limit ?? limits.searchResultsDefault), limits.searchedAtOnce);
    return ok({ limit: most, after: undefined });
  }
  const read = readToken(token);
  const isSame = read?.question === nameOf(what, body);
  if (read === undefined || !isSame || (limit !== undefined && limit !== read.limit)) {
    return err({ pointer: '/page/token', message: 'is of another search, or none of ours' });
  }
  return ok(read);
}

function tokenOf(what: SearchedFor, of: Page & { readonly body: JsonObject }): string {
  const { body, limit, after } = of;
  const said = { question: nameOf(what, body), limit, after: after ?? null };
  return Buffer.from(JSON.stringify(said)).toString('base64url');
}

/** Whoever may search may go on from where he likes: nothing in it is believed but the place. */
function readToken(token: JsonValue): (Page & { readonly question: string }) | undefined {
  const bytes = typeof token === 'string' ? base64urlDecode(token) : undefined;
  const text = bytes && utf8Decode(bytes);
  if (text === undefined) return undefined;
  const said = parseJson(text, { depthMax: 3, membersMax: 16 });
  if (!said.ok || !isJsonObject(said.value)) return undefined;
  const { question, limit, after = null } = said.value;
  const isPage = typeof question === 'string' && Number.isSafeInteger(limit);
  const isBounded = isPage && Number(limit) >= 0 && Number(limit) <= limits.searchedAtOnce;
  const place = isJsonObject(after) ? placeOf(after) : undefined;
  if (!isBounded || (after !== null && place === undefined)) return undefined;
  return { question, limit: Number(limit), after: place };
}

function placeOf({ among, id }: JsonObject): Place | undefined {
  if ((among !== 'known' && among !== 'users') || typeof id !== 'string') return undefined;
  return { among, id };
}

function nameOf(what: SearchedFor, { subject, action, resource, context }: JsonObject): string {
  const asked = { what, subject, action, resource, context } as JsonObject;
  const present = Object.entries(asked).filter(([, value]) => value !== undefined);
  return hash('sha256', canonicalJson(Object.fromEntries(present)), 'base64url');
}
