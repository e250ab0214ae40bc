/**
 * What a verdict means for a proxy that forwards in our place. What it is to change of a request is
 * the difference between that request and the one that our own proxy would have sent, so that both
 * tell an upstream the same.
 */
import type { CredentialField, HttpResponse } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import type { Allowed, Answered } from '../decide/decide.ts';
import { upstreamHeaders } from '../forward/headers.ts';
import { withLimitFields } from '../limits/limited-reply.ts';
import { crossOriginFields, withCrossOrigin } from '../routes/cors.ts';

/** A verdict, with the headers by which an upstream knows the gateway, if the route has any. */
export type Judged = Answered | JudgedAllowed;

interface JudgedAllowed extends Allowed {
  readonly presents: readonly CredentialField[];
}

export type Ruling = Passed | Answer;

/** The proxy may send the request on, so changed. */
export interface Passed {
  readonly kind: 'passed';
  /** Path and query that were judged, and are to be sent on. */
  readonly target: string;
  /** Headers that take the place of whatever the client sent: lower-case names, values in turn. */
  readonly set: readonly string[];
  /** Lower-case names of headers that the upstream must not see. */
  readonly remove: readonly string[];
  /** For the answer to the client: lower-case names, values in turn. */
  readonly answerFields: readonly string[];
  readonly verdict: Allowed;
}

/** The proxy gives this answer, and sends nothing on. */
export interface Answer {
  readonly kind: 'answer';
  readonly response: HttpResponse;
}

/** Removed whether they came or not: a proxy that adds one of its own would give it away. */
const credentialNames = ['authorization', 'x-api-key', 'dpop'] as const;

/**
 * What every proxy says by itself, of the connection to its upstream and of its client. Whether it
 * overwrites what the client said there is its configuration's business: see docs/other-proxies.md.
 */
const proxysOwn: ReadonlySet<string> = new Set([
  ...['host', 'via', 'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['content-length', 'expect', 'proxy-connection', 'x-forwarded-for', 'x-forwarded-proto'],
]);

/** @param proxySays further headers, in lower case, that this kind of proxy sets by itself */
export function ruleOf(
  request: StreamRequest,
  verdict: Judged,
  proxySays: ReadonlySet<string> = new Set(),
): Ruling {
  const { cors, fields } = verdict;
  const origins = cors === undefined ? [] : crossOriginFields(cors, request.header('origin'));
  if (verdict.kind === 'answered') {
    const response = withCrossOrigin(withLimitFields(verdict.response, fields), origins);
    return { kind: 'answer', response };
  }
  const { path } = verdict.matched;
  return {
    kind: 'passed',
    target: request.query === undefined ? path : `${path}?${request.query}`,
    ...changesOf(request, verdict, proxySays),
    answerFields: [...fields, ...origins],
    verdict,
  };
}

function changesOf(
  request: StreamRequest,
  { matched, identity, tenant, decision, presents }: JudgedAllowed,
  proxySays: ReadonlySet<string>,
): Pick<Passed, 'set' | 'remove'> {
  const as = { route: matched.route, identity, tenant, decision, presents };
  const came = byName(request.rawHeaders);
  const sent = byName(upstreamHeaders(request, as));
  const isProxys = (name: string): boolean => proxysOwn.has(name) || proxySays.has(name);
  const set: string[] = [];
  for (const [name, value] of sent) {
    if (saidByForwarding.has(name) || isProxys(name)) continue;
    // Ours are said even where the client guessed them: a proxy removes what we do not name.
    const isSaid = name.startsWith('x-mintmark-') || came.get(name) !== value;
    // Some proxies take an empty value for none, and would leave the client's.
    if (isSaid && value !== '') set.push(name, value);
  }
  const remove: string[] = credentialNames.filter((name) => !sent.has(name));
  for (const name of came.keys()) {
    const stays = (sent.get(name) ?? '') !== '' && !saidByForwarding.has(name);
    const known = stays || isProxys(name) || (remove as readonly string[]).includes(name);
    if (!known) remove.push(name);
  }
  return { set, remove };
}

/** What our own proxy says of itself, which is not the one that forwards. */
const saidByForwarding: ReadonlySet<string> = new Set(['forwarded', 'x-forwarded-host']);

function byName(rawHeaders: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const earlier = found.get(name);
    const value = rawHeaders[i + 1]!;
    found.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return found;
}
