/**
 * Reads a feed at its source: one answer of a list or of CrowdSec, all pages of a collection. Every
 * answer is bounded before it is looked at; what is private is reached only where the operator's
 * configuration names its origin.
 */
import {
  defaultTenant,
  err,
  isJsonObject,
  type JsonValue,
  letOthersRun,
  limits,
  NetworkFault,
  ok,
  parseJson,
  type Result,
  type TenantId,
  type Timers,
  type UnixSeconds,
  utf8Decode,
} from '@mintmark/core';
import {
  type ListRead,
  type ListRefusal,
  readCrowdsecStream,
  readPlainList,
  readTaxiiEnvelope,
} from '@mintmark/detection';
import type { GuardedClient, OutboundResponse } from '@mintmark/net';
import type { FeedDefinition } from './feed-definition.ts';
import type { Progress } from './progress.ts';

export interface FetchPorts {
  /** For URLs that tenants chose: public addresses only. */
  readonly outbound: Pick<GuardedClient, 'send'>;
  /** For origins that the operator's configuration names; private ones among them. */
  readonly inside: {
    readonly client: Pick<GuardedClient, 'send'>;
    readonly origins: readonly string[];
  };
  readonly timers: Pick<Timers, 'after'>;
}

export interface FetchedList {
  readonly kind: 'whole' | 'changes' | 'unchanged';
  readonly reads: readonly ListRead[];
  /** For the next reading. */
  readonly etag: string | undefined;
  readonly addedAfter: string | undefined;
}

/** What an operator is told; it holds no secret. */
export type FetchRefusal = { readonly reason: 'not_read'; readonly message: string };

interface Asked {
  readonly tenant: TenantId;
  readonly feed: FeedDefinition;
  readonly secret: string | undefined;
  readonly progress: Progress;
  readonly isWhole: boolean;
  readonly now: UnixSeconds;
}

/** @returns refusal: not_read, in the operator's words, whatever the cause outside was */
export async function fetchList(
  ports: FetchPorts,
  asked: Asked,
): Promise<Result<FetchedList, FetchRefusal>> {
  try {
    switch (asked.feed.kind) {
      case 'plain':
        return await fetchPlain(ports, asked);
      case 'crowdsec':
        return await fetchCrowdsec(ports, asked);
      case 'taxii':
        return await fetchTaxii(ports, asked);
    }
  } catch (fault) {
    if (fault instanceof NetworkFault) return refuse(fault.message);
    throw fault;
  }
}

function refuse(message: string): Result<never, FetchRefusal> {
  return err({ reason: 'not_read', message });
}

async function fetchPlain(
  ports: FetchPorts,
  asked: Asked,
): Promise<Result<FetchedList, FetchRefusal>> {
  const { feed, progress, isWhole } = asked;
  const known = isWhole || progress.etag === undefined ? {} : { 'if-none-match': progress.etag };
  const answer = await ask(ports, asked, { url: feed.url, headers: known });
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  const nothing = { addedAfter: undefined, etag: progress.etag };
  if (status === 304) return ok({ kind: 'unchanged', reads: [], ...nothing });
  if (status !== 200) return answered(status);
  const text = utf8Decode(body);
  if (text === undefined) return refuse('the list is no UTF-8 text');
  const reads: ListRead[] = [];
  for (const part of inParts(text)) {
    const read = readPlainList(part);
    if (!read.ok) return refuse(read.refusal.message);
    reads.push(read.value);
    await letOthersRun(ports.timers);
  }
  const listed = reads.some(({ added }) => added.length > 0);
  // A page that says that somebody is to sign in would otherwise empty the list.
  if (!listed && reads.some(({ passedOver }) => passedOver.count > 0)) {
    return refuse('not one line of it is an address');
  }
  return ok({ kind: 'whole', reads, addedAfter: undefined, etag: answer.value.header('etag') });
}

const partChars = 32 * 1024;

/** Whole lines: the time that a list of a million takes is not taken from others in one turn. */
function* inParts(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const line = text.indexOf('\n', start + partChars);
    const end = line === -1 ? text.length : line + 1;
    yield text.slice(start, end);
    start = end;
  }
}

async function fetchCrowdsec(
  ports: FetchPorts,
  asked: Asked,
): Promise<Result<FetchedList, FetchRefusal>> {
  const { feed, secret = '', isWhole, now } = asked;
  const base = feed.url.replace(/\/+$/, '');
  const url = `${base}/v1/decisions/stream?startup=${isWhole}`;
  const answer = await ask(ports, asked, { url, headers: { 'x-api-key': secret } });
  if (!answer.ok) return answer;
  if (answer.value.status !== 200) return answered(answer.value.status);
  const value = jsonOf(answer.value);
  const read = value === undefined ? notJson : readCrowdsecStream(value, now);
  if (!read.ok) return refuse(read.refusal.message);
  const kind = isWhole ? 'whole' : 'changes';
  return ok({ kind, reads: [read.value], etag: undefined, addedAfter: undefined });
}

async function fetchTaxii(
  ports: FetchPorts,
  asked: Asked,
): Promise<Result<FetchedList, FetchRefusal>> {
  const { feed, isWhole, now, progress } = asked;
  const since = isWhole ? undefined : progress.addedAfter;
  const base = `${feed.url.replace(/\/+$/, '')}/objects/`;
  const headers = { accept: 'application/taxii+json;version=2.1' };
  const reads: ListRead[] = [];
  let addedAfter = since;
  let next: string | undefined;
  for (let page = 0; page < limits.threatListPagesMax; page++) {
    const query = new URLSearchParams({ limit: '1000', 'match[type]': 'indicator' });
    // What is revoked comes as the newest version of an indicator: the default of TAXII 2.1 §3.4.
    if (since !== undefined) query.set('added_after', since);
    if (next !== undefined) query.set('next', next);
    const answer = await ask(ports, asked, { url: `${base}?${query}`, headers });
    if (!answer.ok) return answer;
    if (answer.value.status !== 200) return answered(answer.value.status);
    const value = jsonOf(answer.value);
    const read = value === undefined ? notJson : readTaxiiEnvelope(value, now);
    if (!read.ok) return refuse(read.refusal.message);
    reads.push(read.value.list);
    addedAfter = answer.value.header('x-taxii-date-added-last') ?? addedAfter;
    next = read.value.next;
    if (!read.value.more) {
      const kind = isWhole ? 'whole' : 'changes';
      return ok({ kind, reads, etag: undefined, addedAfter });
    }
    if (next === undefined) return refuse('there is more, and it does not say where');
  }
  return refuse(`the collection has more than ${limits.threatListPagesMax} pages`);
}

const notJson: Result<never, ListRefusal> = err({
  reason: 'malformed_list',
  message: 'the answer is no JSON',
});

function answered(status: number): Result<never, FetchRefusal> {
  return refuse(`the source answered ${status}`);
}

function jsonOf({ body }: OutboundResponse): JsonValue | undefined {
  const text = utf8Decode(body);
  const parsed = text === undefined ? undefined : parseJson(text, { depthMax: 32 });
  return parsed?.ok === true && isJsonObject(parsed.value) ? parsed.value : undefined;
}

async function ask(
  { outbound, inside }: FetchPorts,
  { tenant, feed, secret }: Asked,
  request: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
): Promise<Result<OutboundResponse, FetchRefusal>> {
  const { origin, host } = new URL(request.url);
  // What the operator reaches from here is nothing for his tenants to ask.
  const isInside = tenant === defaultTenant && inside.origins.includes(origin);
  const answer = await (isInside ? inside.client : outbound).send({
    url: request.url,
    headers: { ...credentialOf(feed, secret), ...request.headers },
    bytesMax: limits.threatListBytesMax,
    timeoutMs: limits.threatFetchTimeoutMs,
  });
  if (answer.ok) return answer;
  const { refusal } = answer;
  switch (refusal.reason) {
    case 'address_not_allowed':
      return refuse(
        `${host} has no public address: name ${origin} in threats.private_origins of the ` +
          'configuration, where it is meant',
      );
    case 'https_required':
      return refuse(`${host} is to be asked by https`);
    case 'body_too_large':
      return refuse(`the answer is larger than ${limits.threatListBytesMax} bytes`);
    case 'malformed_url':
      return refuse('the URL cannot be asked');
  }
}

function credentialOf(
  { kind, user }: FeedDefinition,
  secret: string | undefined,
): Readonly<Record<string, string>> {
  if (secret === undefined || kind === 'crowdsec') return {};
  if (user === undefined) return { authorization: `Bearer ${secret}` };
  const text = Buffer.from(`${user}:${secret}`, 'utf8').toString('base64');
  return { authorization: `Basic ${text}` };
}
