/**
 * /account/tokens: a person's personal access tokens. What one may have is offered from what the
 * person may at this moment; the text of a new one leaves once. A token outlives the session, so
 * that whoever makes one signed in lately. What must never happen: a token that another page, or
 * another session, has made.
 */
import type { HttpRequest, HttpResponse, TenantId, UnixMs } from '@mintmark/core';
import {
  type CreatePatRefusal,
  createPat,
  type PatPorts,
  patNow,
  patPolicyOf,
  patsOf,
} from '../apikeys/personal-token.ts';
import { findSeat, isFreshSeat, type Seat } from '../authorization/flow.ts';
import { formToken } from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import { type RevokeDeps, revoke } from '../revocation/revoke.ts';
import { rightsOf } from '../roles/rights.ts';
import type { Store } from '../store/store.ts';
import { signInFirst } from './account.ts';
import type { Form } from './form.ts';
import {
  basePath,
  isOwnForm,
  type PageDeps,
  readPageForm,
  seeOther,
  wordsOf,
} from './interaction.ts';
import type { MessageName, Words } from './pages/messages.ts';
import {
  newTokenPage,
  type TokenChoice,
  type TokensView,
  tokensPage,
} from './pages/tokens-page.ts';
import { readVisitor } from './visitor.ts';

export interface TokensDeps extends PatPorts {
  readonly store: PatPorts['store'] & Pick<Store, 'usage'>;
  readonly clock: RevokeDeps['clock'];
  /** Resources that the tenant has. */
  readonly resources: (tenant: TenantId) => Promise<ReadonlySet<string>>;
}

const purpose = { kind: 'account', page: 'tokens' } as const;

interface At {
  readonly tenant: TenantId;
  readonly seat: Seat;
  readonly visitor: Visitor;
  readonly words: Words;
}

/** What a form can offer: its parameters are bounded. */
const scopesShownMax = 60;
const resourcesShownMax = 30;
const daysOffered = [7, 30, 90, 180, 366];
const dayMs = 86_400_000;

export async function handleTokensPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const cookies = readVisitor(deps, tenant, request);
  const { visitor } = cookies;
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (seat === undefined) return signInFirst(deps, { tenant, request, cookies });
  return show(deps, { tenant, seat, visitor, words: wordsOf(request, []) });
}

export async function handleTokensForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { form } = read;
  const cookies = readVisitor(deps, tenant, request);
  const { visitor } = cookies;
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (seat === undefined) return signInFirst(deps, { tenant, request, cookies });
  const at = { tenant, seat, visitor, words: wordsOf(request, []) };
  if (!isOwnForm(form, visitor, aboutTokens(seat))) return show(deps, at, 'formExpired');
  const ended = form.get('revoke');
  if (ended !== undefined) return endOwn(deps, at, ended);
  // Also what the button asks for that stands there in place of the form.
  if (!isFreshSeat(deps.flow, seat)) {
    return signInFirst(deps, { tenant, request, cookies, purpose });
  }
  return make(deps, at, form);
}

/** Another person's id ends nothing. */
async function endOwn(deps: PageDeps, at: At, id: string): Promise<HttpResponse> {
  const { tokens } = deps;
  const row = await tokens.store.keys.get(at.tenant, id);
  if (row?.kind === 'pat' && row.owner === at.seat.user.id) {
    const target = { kind: 'key', id } as const;
    await revoke(tokens, { requester: requesterOf(at), target, reason: 'ended by its user' });
  }
  return seeOther(placeOf(deps, at));
}

async function make(deps: PageDeps, at: At, form: Form): Promise<HttpResponse> {
  const { tokens } = deps;
  const name = (form.get('name') ?? '').replace(/\p{C}/gu, ' ').trim().slice(0, 200);
  const days = Number(form.get('days'));
  if (name === '' || !daysOffered.includes(days)) return show(deps, at, 'tokenIncomplete');
  const { maxLifeSeconds } = await patPolicyOf(tokens.store, at.tenant);
  const end = tokens.clock.nowMs() + Math.min(days * dayMs, maxLifeSeconds * 1000);
  const chosen = (kind: string, max: number) =>
    Array.from({ length: max }, (_, i) => form.get(`${kind}_${i}`)).filter(
      (one) => one !== undefined,
    );
  const scopes = chosen('scope', scopesShownMax);
  const resources = chosen('resource', resourcesShownMax);
  if (scopes.length === 0) return show(deps, at, 'tokenIncomplete');
  const made = await createPat(tokens, {
    requester: requesterOf(at),
    userId: at.seat.user.id,
    settings: {
      ...{ name, scopes },
      audience: resources.length === 0 ? null : resources,
      expiresAt: (Math.floor(end / 1000) * 1000) as UnixMs,
    },
  });
  if (!made.ok) return show(deps, at, problemOf(made.refusal));
  const view = { back: placeOf(deps, at), name, text: made.value.text };
  return deps.renderPage(at.words, newTokenPage(at.words, view));
}

function problemOf({ reason }: CreatePatRefusal): MessageName {
  switch (reason) {
    case 'too_many':
      return 'tooManyTokens';
    case 'not_a_maker':
      return 'tokensNone';
    default:
      // What was offered is not there any more: the page shows what is.
      return 'formExpired';
  }
}

async function show(deps: PageDeps, at: At, problem?: MessageName): Promise<HttpResponse> {
  const { words } = at;
  const view: TokensView = {
    action: placeOf(deps, at),
    back: `${basePath(deps, at.tenant)}/account`,
    token: formToken(at.visitor.browser, aboutTokens(at.seat)),
    problem: problem === undefined ? undefined : words.say(problem),
    pats: await patViews(deps, at),
    choice: await choiceOf(deps, at),
    isFresh: isFreshSeat(deps.flow, at.seat),
  };
  return deps.renderPage(words, tokensPage(words, view));
}

/** Those that have not ended, newest first. */
async function patViews({ tokens }: PageDeps, { tenant, seat }: At): Promise<TokensView['pats']> {
  const { store, clock } = tokens;
  const now = clock.nowMs();
  const rows = await patsOf(store, tenant, seat.user.id);
  const views = await Promise.all(
    rows.map(async (row) => {
      const { scopes, expiresAt, awaitsApproval } = await patNow(store, row);
      const usage = await store.usage.get(tenant, 'key', row.id);
      const state = awaitsApproval ? 'waiting' : 'good';
      return {
        ...{ id: row.id, name: row.name, scopes, status: row.status },
        state: row.status === 'active' ? state : 'stopped',
        expiresAt: expiresAt * 1000,
        lastUsedAt: usage?.lastUsedAt,
      } as const;
    }),
  );
  return views.filter(({ status, expiresAt }) => status !== 'revoked' && expiresAt > now);
}

async function choiceOf(
  { tokens }: PageDeps,
  { tenant, seat }: At,
): Promise<TokenChoice | undefined> {
  const [rights, policy, resources] = await Promise.all([
    rightsOf(tokens.store, tenant, seat.user.id),
    patPolicyOf(tokens.store, tenant),
    tokens.resources(tenant),
  ]);
  const { allowedScopes, makers, maxLifeSeconds, requiresApproval } = policy;
  const scopes = [...rights.scopes].filter((scope) => allowedScopes?.includes(scope) ?? true);
  const isMaker = makers === null || makers.some((role) => rights.roles.has(role));
  if (!isMaker || scopes.length === 0) return undefined;
  const within = daysOffered.filter((days) => days * 86_400 <= maxLifeSeconds);
  return {
    scopes: scopes.sort().slice(0, scopesShownMax),
    resources: [...resources].sort().slice(0, resourcesShownMax),
    // Where the policy allows less than a week, a week is cut to it.
    days: within.length === 0 ? daysOffered.slice(0, 1) : within,
    requiresApproval,
  };
}

function requesterOf({ tenant, seat, visitor }: At) {
  const { address, userAgent } = visitor;
  return { tenant, actor: { kind: 'user', id: seat.user.id } as const, address, userAgent };
}

function placeOf(deps: PageDeps, { tenant }: At): string {
  return `${basePath(deps, tenant)}/account/tokens`;
}

/** Of this session alone: the page of who was here before is good for nothing. */
function aboutTokens(seat: Seat): string {
  return `tokens ${seat.session.id}`;
}
