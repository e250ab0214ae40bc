/**
 * Which live credentials a question finds: what was agreed to and not redeemed, families of refresh
 * tokens, access tokens, API keys, in that order, which is that in which one becomes another, page
 * by page, so that a preview and the act that follows it see the same. Access tokens that are JWTs
 * have no row: what was issued is read from the audit trail, as far back as the longest life of
 * one. What must never happen: a page that says all was seen where it was not.
 */
import { limits, type TenantId, typedSubject, type UnixMs, type UnixSeconds } from '@mintmark/core';
import { type AuditCursor, searchAudit } from '../audit/search.ts';
import {
  compareAge,
  isAbout,
  itemOfLog,
  itemOfWaiting,
  type Pause,
  waitingRows,
} from '../audit/trail.ts';
import type { Condition } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { Feed } from './feed.ts';
import { type FoundToken, type IssuedToken, readIssuedToken, textsOf } from './issued-token.ts';
import {
  type Unredeemed,
  type UnredeemedPart,
  unredeemedPage,
  unredeemedParts,
} from './unredeemed.ts';

/** What is asked for; every member that is given must hold. */
export interface Selector {
  readonly client?: string | undefined;
  readonly user?: string | undefined;
  readonly scope?: string | undefined;
  readonly audience?: string | undefined;
  /** The grant that gave the token, or began the family. */
  readonly grant?: string | undefined;
  readonly family?: string | undefined;
  readonly token?: string | undefined;
  readonly signingKey?: string | undefined;
  readonly key?: string | undefined;
  /** Owner of a key. */
  readonly owner?: string | undefined;
  readonly environment?: string | undefined;
  /** A member of a key's metadata and its value, as text. */
  readonly tag?: { readonly name: string; readonly value: string } | undefined;
  readonly issuedAfter?: UnixMs | undefined;
  /** Only what was there before this moment: nothing found can grow between two looks. */
  readonly issuedBefore: UnixMs;
}

export interface Found {
  readonly grants: readonly Unredeemed[];
  readonly families: readonly Row<'refreshFamilies'>[];
  readonly tokens: readonly FoundToken[];
  readonly keys: readonly Row<'keys'>[];
}

const parts = [...unredeemedParts, 'families', 'tokens', 'key', 'pat'] as const;

/** Where the next page begins; plain JSON. */
export interface SelectionCursor {
  readonly part: (typeof parts)[number];
  readonly after?: readonly (string | number)[] | undefined;
}

export interface SelectionDeps {
  readonly store: Pick<
    Store,
    | 'auditLog'
    | 'auditPending'
    | 'refreshFamilies'
    | 'keys'
    | 'authorizationCodes'
    | 'deviceGrants'
    | 'backchannelRequests'
  >;
  readonly feed: Pick<Feed, 'refuses' | 'refusesKey'>;
  readonly pause: Pause;
}

/**
 * One page: at most `limits.longReadRows` of one kind, a bounded number looked at.
 *
 * @returns `next` undefined on the last page; a page may be empty and still have a next one
 */
export async function selectPage(
  deps: SelectionDeps,
  input: {
    readonly tenant: TenantId;
    readonly selector: Selector;
    readonly now: UnixMs;
    readonly cursor?: SelectionCursor | undefined;
  },
): Promise<{ readonly found: Found; readonly next: SelectionCursor | undefined }> {
  const cursor = input.cursor ?? firstPage;
  const { part, after } = cursor;
  const looked = await lookAt(deps, { ...input, part, after });
  const next = looked.after === undefined ? parts[parts.indexOf(part) + 1] : part;
  return {
    found: { ...nothing, ...looked.found },
    next: next && { part: next, after: looked.after },
  };
}

/** Where a look at everything begins. */
export const firstPage: SelectionCursor = { part: parts[0] };

const nothing: Found = { grants: [], families: [], tokens: [], keys: [] };

interface Look {
  readonly tenant: TenantId;
  readonly selector: Selector;
  readonly now: UnixMs;
  readonly part: (typeof parts)[number];
  readonly after: SelectionCursor['after'];
}

interface Looked {
  readonly found: Partial<Found>;
  readonly after: SelectionCursor['after'];
}

function lookAt(deps: SelectionDeps, look: Look): Promise<Looked> | Looked {
  switch (look.part) {
    case 'codes':
    case 'devices':
    case 'requests':
      return mayFindFamilies(look.selector) ? unredeemed(deps, look, look.part) : none;
    case 'families':
      return mayFindFamilies(look.selector) ? families(deps, look) : none;
    case 'tokens':
      return mayFindTokens(look.selector) ? tokens(deps, look) : none;
    case 'key':
    case 'pat':
      return mayFindKeys(look.selector) ? keys(deps, look) : none;
  }
}

const none: Looked = { found: {}, after: undefined };

/** What a kind does not have, it cannot be asked by. */
function mayFindFamilies(one: Selector): boolean {
  return mayFindTokens(one) && one.token === undefined && one.signingKey === undefined;
}

function mayFindTokens({ key, owner, environment, tag }: Selector): boolean {
  return [key, owner, environment, tag].every((member) => member === undefined);
}

function mayFindKeys(one: Selector): boolean {
  const { client, audience, grant, family, token, signingKey, user, owner } = one;
  // Both are the owner of a key.
  if (user !== undefined && owner !== undefined && user !== owner) return false;
  return [client, audience, grant, family, token, signingKey].every((other) => other === undefined);
}

async function unredeemed(deps: SelectionDeps, look: Look, part: UnredeemedPart): Promise<Looked> {
  const { tenant, selector } = look;
  const page = await unredeemedPage(deps.store, part, look);
  const grants: Unredeemed[] = [];
  for (const one of page.found) {
    if (!fitsGrant(one, selector)) continue;
    if (!(await deps.feed.refuses(tenant, { ...one, tokenId: one.id, tenant }))) grants.push(one);
  }
  if (page.after !== undefined) await deps.pause();
  return { found: { grants }, after: page.after };
}

function fitsGrant(one: Unredeemed, selector: Selector): boolean {
  const { client, user, grant, family, issuedAfter, issuedBefore } = selector;
  if (client !== undefined && one.clientId !== client) return false;
  if (user !== undefined && one.subject !== user) return false;
  if (grant !== undefined && one.grant !== grant) return false;
  if (family !== undefined && one.family !== family) return false;
  const issuedAt = one.issuedAt * 1000;
  if (issuedAt >= issuedBefore || issuedAt < (issuedAfter ?? 0)) return false;
  return fitsRights(selector, one);
}

async function families(deps: SelectionDeps, look: Look): Promise<Looked> {
  const { tenant, selector, now, after } = look;
  const { user } = selector;
  const rows = await deps.store.refreshFamilies.list({
    where: { tenant, ...(user === undefined ? {} : { subject: user }) },
    ...(user === undefined ? {} : { orderBy: ['tenant', 'subject', 'partition', 'id'] as const }),
    ...(after === undefined ? {} : { after }),
    limit: limits.longReadRows,
  });
  const found: Row<'refreshFamilies'>[] = [];
  for (const row of rows) {
    if (fitsFamily(row, look) && (await isLiveFamily(deps, row, now))) {
      if (selector.grant === undefined || (await hasGrant(deps, row, selector.grant))) {
        found.push(row);
      }
    }
  }
  const last = rows.length < limits.longReadRows ? undefined : rows.at(-1);
  if (last !== undefined) await deps.pause();
  if (last === undefined) return { found: { families: found }, after: undefined };
  const place = [last.partition, last.tenant, last.id];
  const bySubject = [last.tenant, last.subject, last.partition, last.id];
  return { found: { families: found }, after: user === undefined ? place : bySubject };
}

function fitsFamily(row: Row<'refreshFamilies'>, { selector, now }: Look): boolean {
  const { client, family, issuedAfter, issuedBefore } = selector;
  if (row.status !== 'active') return false;
  if (Math.min(row.expiresAtSeconds, row.idleExpiresAtSeconds) * 1000 <= now) return false;
  if (client !== undefined && row.clientId !== client) return false;
  if (family !== undefined && row.family !== family) return false;
  if (row.createdAt >= issuedBefore || row.createdAt < (issuedAfter ?? 0)) return false;
  return fitsRights(selector, { scopes: row.terms['scopes'], audience: row.terms['audience'] });
}

function fitsRights(
  { scope, audience }: Selector,
  rights: { readonly scopes: unknown; readonly audience: unknown },
): boolean {
  if (scope !== undefined && !textsOf(rights.scopes).includes(scope)) return false;
  return audience === undefined || textsOf(rights.audience).includes(audience);
}

async function isLiveFamily(
  { feed }: SelectionDeps,
  row: Row<'refreshFamilies'>,
  now: UnixMs,
): Promise<boolean> {
  const tenant = row.tenant as TenantId;
  const { id: tokenId, clientId, subject, family, position } = row;
  const issuedAt = Math.floor(Math.min(row.createdAt, now) / 1000) as UnixSeconds;
  const targets = { tokenId, clientId, subject, family, position, issuedAt, tenant };
  return !(await feed.refuses(tenant, targets));
}

/** The first token of the family says by which grant it began. */
async function hasGrant(
  { store, pause }: SelectionDeps,
  { tenant, family }: Row<'refreshFamilies'>,
  grant: string,
): Promise<boolean> {
  const related = `family:${family}`;
  // What waits comes first: read after the log, it could have moved there unseen.
  const waiting = (await waitingRows(store, tenant, pause)).filter((row) => isAbout(row, related));
  const orderBy = ['tenant', 'related', 'index'] as const;
  const limit = firstRecordsMax;
  const logged = await store.auditLog.list({ where: { tenant, related }, orderBy, limit });
  const items = [...logged.map(itemOfLog), ...waiting.map(itemOfWaiting).sort(compareAge)];
  const first = items.find(({ leaf }) => leaf?.action === 'token.issue');
  return first?.leaf?.detail?.['grant'] === grant;
}

/** Among the first records of a family is that of its first token. */
const firstRecordsMax = 10;

async function tokens(deps: SelectionDeps, look: Look): Promise<Looked> {
  const { tenant, selector, now, after } = look;
  const oldest = now - (limits.accessTokenTtlSecondsMax + limits.clockSkewSeconds) * 1000;
  const page = await searchAudit(
    deps.store,
    {
      tenant,
      action: 'token.issue',
      from: Math.max(oldest, selector.issuedAfter ?? 0),
      to: selector.issuedBefore - 1,
      ...(selector.token === undefined ? {} : { object: { kind: 'token', id: selector.token } }),
      ...(after === undefined ? {} : { after: readCursor(after) }),
      limit: limits.longReadRows,
    },
    deps.pause,
  );
  const found: FoundToken[] = [];
  for (const { leaf } of page.items) {
    const token = leaf === undefined ? undefined : readIssuedToken(leaf);
    if (token === undefined || token.expiresAt * 1000 <= now) continue;
    if (!fitsToken(token, selector)) continue;
    if (!(await deps.feed.refuses(tenant, { ...token, tokenId: token.id, tenant }))) {
      found.push(token);
    }
  }
  return { found: { tokens: found }, after: page.next && writeCursor(page.next) };
}

function fitsToken(token: IssuedToken, selector: Selector): boolean {
  const { client, user, grant, family, signingKey } = selector;
  if (client !== undefined && token.clientId !== client) return false;
  if (user !== undefined && typedSubject(token.clientId, token.subject) !== user) return false;
  if (grant !== undefined && token.grant !== grant) return false;
  if (family !== undefined && token.family !== family) return false;
  if (signingKey !== undefined && token.signingKey !== signingKey) return false;
  return fitsRights(selector, token);
}

async function keys(deps: SelectionDeps, look: Look): Promise<Looked> {
  const { tenant, selector, now, part: kind, after } = look;
  const owner = selector.owner ?? selector.user;
  const createdAt: Condition = { is: '<', value: selector.issuedBefore };
  const { key: id } = selector;
  const rows = await deps.store.keys.list({
    where: { tenant, kind, createdAt, ...(owner && { owner }), ...(id && { id }) },
    orderBy: ['tenant', owner === undefined ? 'kind' : 'owner', 'createdAt', 'id'],
    ...(after === undefined ? {} : { after }),
    limit: limits.longReadRows,
  });
  const found: Row<'keys'>[] = [];
  for (const row of rows) {
    const targets = { owner: row.owner, tenant, createdAt: row.createdAt as UnixMs };
    if (!fitsKey(row, { selector, now })) continue;
    if (!(await deps.feed.refusesKey(tenant, targets))) found.push(row);
  }
  const last = rows.length < limits.longReadRows ? undefined : rows.at(-1);
  if (last !== undefined) await deps.pause();
  const by = owner === undefined ? last?.kind : last?.owner;
  return {
    found: { keys: found },
    after: last && [last.tenant, String(by), last.createdAt, last.id],
  };
}

function fitsKey(
  row: Row<'keys'>,
  { selector, now }: { readonly selector: Selector; readonly now: UnixMs },
): boolean {
  const { scope, environment, tag, issuedAfter } = selector;
  if (row.status === 'revoked' || (row.expiresAt !== null && row.expiresAt <= now)) return false;
  if (scope !== undefined && !row.scopes.includes(scope)) return false;
  if (environment !== undefined && row.environment !== environment) return false;
  if (row.createdAt < (issuedAfter ?? 0)) return false;
  return tag === undefined || isTagged(row.metadata, tag);
}

/** A value as it stands, or one of a list: `{"team": "pay"}`, `{"tags": ["pay", "ci"]}`. */
function isTagged(
  metadata: Readonly<Record<string, unknown>>,
  { name, value }: { readonly name: string; readonly value: string },
): boolean {
  const held = Object.hasOwn(metadata, name) ? metadata[name] : undefined;
  const values = Array.isArray(held) ? held : held === undefined ? [] : [held];
  return values.some((one) => String(one) === value);
}

function writeCursor(cursor: AuditCursor): readonly (string | number)[] {
  return cursor.by === 'time' ? ['time', cursor.at, cursor.id] : ['index', cursor.index];
}

function readCursor([by, at, id]: readonly (string | number)[]): AuditCursor {
  return by === 'time'
    ? { by: 'time', at: Number(at), id: String(id) }
    : { by: 'index', index: Number(at) };
}
