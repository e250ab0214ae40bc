/** `/v1/threat-feeds`: whose lists of addresses are believed; `/v1/threats`: what they name. */
import { err, feedHttp, limits, ok, type ThreatSource } from '@mintmark/core';
import { formatNetworkKey } from '@mintmark/detection';
import { z } from 'zod';
import type { Store } from '../../store/store.ts';
import type { Row } from '../../store/tables.ts';
import {
  deleteFeed,
  type FeedPorts,
  findFeed,
  type PutFeedRefusal,
  putFeed,
  refreshFeed,
} from '../../threats/change-feed.ts';
import { definitionOf, type FeedRow, feedName, feedSchema } from '../../threats/feed-definition.ts';
import { progressOf } from '../../threats/progress.ts';
import { lookUpThreats } from '../../threats/read-threats.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import {
  line,
  momentOut,
  pageOf,
  queryInteger,
  renderMoment,
  renderMomentOrNull,
} from './wire-schema.ts';

export type ThreatPorts = FeedPorts & {
  readonly store: Pick<Store, 'threatFeeds' | 'threatBlocks' | 'numberings' | 'acts'>;
  readonly clock: Parameters<typeof lookUpThreats>[0]['clock'];
  readonly source: ThreatSource;
};

const group = 'threat feeds';
const path = '/v1/threat-feeds';
const onePath = `${path}/{name}`;
const params = z.strictObject({ name: feedName });

const body = feedSchema
  .extend({
    name: feedName.optional(),
    secret: line({ min: 1, max: 4_096 })
      .nullable()
      .optional()
      .describe('Kept sealed and never shown; left out: stays as it is; null: there is none'),
  })
  .meta({ id: 'ThreatFeedSettings' });

const progress = z.strictObject({
  attempted_at: momentOut.nullable(),
  succeeded_at: momentOut.nullable(),
  failures: z.int().describe('In a row; 0 where the last reading was good'),
  fault: z.string().nullable(),
  next_at: momentOut,
  counts_until: momentOut
    .nullable()
    .describe('Nothing in it counts any more from then on; null: it was never read'),
  listed: z.int().describe('Blocks on the list, as far as readings tell'),
  added: z.int().describe('By the last reading'),
  removed: z.int(),
  refused: z.int().describe('By the rules: too wide, private, protected'),
  passed_over: z.int().describe('What could not be read, or names no address'),
  examples: z.array(z.strictObject({ text: z.string(), message: z.string() })),
});

const shown = z
  .strictObject({
    ...feedSchema.shape,
    ...{ name: z.string(), has_secret: z.boolean(), updated_at: momentOut, progress },
  })
  .meta({ id: 'ThreatFeed' });

const threat = z
  .strictObject({
    feed: z.string(),
    network: z.string().describe('The address or block that the list names'),
    reason: z.string().describe('In the words of the source'),
    until: momentOut,
  })
  .meta({ id: 'Threat' });

export function threatFeedEndpoints(ports: ThreatPorts): readonly PreparedEndpoint[] {
  return [
    ...[list(ports), show(ports), put(ports), remove(ports), refresh(ports)],
    ...[lookUp(ports), readPage(ports)],
  ];
}

function render(row: FeedRow): Readonly<Record<string, unknown>> {
  const { listed, added, removed, refused, ...of } = progressOf(row);
  return {
    ...{ name: row.name, ...definitionOf(row), has_secret: row.sealedSecret !== null },
    updated_at: renderMoment(row.updatedAt),
    progress: {
      ...{
        attempted_at: renderMomentOrNull(of.attemptedAt),
        succeeded_at: renderMomentOrNull(of.succeededAt),
      },
      ...{ failures: of.failures, fault: of.fault, next_at: renderMoment(row.dueAt) },
      counts_until:
        row.countsUntilSeconds === 0 ? null : renderMoment(row.countsUntilSeconds * 1000),
      ...{ listed, added, removed, refused, passed_over: of.passedOver, examples: of.examples },
    },
  };
}

function list(ports: ThreatPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path,
    operation: 'listThreatFeeds',
    group,
    summary: 'Lists sources of listed addresses, by name, with how their reading goes',
    permission: 'threat_feeds:read',
    paged: true,
    answers: { 200: { description: 'A page of feeds.', schema: pageOf(shown) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.threatFeeds.list({
        where: { tenant, deletedAt: null },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown: items, next } = cutPage(page, rows, (last) => [last.tenant, last.name]);
      return ok({ status: 200, body: { items: items.map(render) }, next });
    },
  });
}

function show(ports: ThreatPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: onePath,
    operation: 'showThreatFeed',
    group,
    summary: 'Shows a source of listed addresses, and how its reading goes',
    permission: 'threat_feeds:read',
    params,
    answers: { 200: { description: 'The feed.', schema: shown } },
    async handle({ tenant, params: { name } }) {
      const row = await findFeed(ports, { tenant, name });
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: render(row), version: row.version });
    },
  });
}

function put(ports: ThreatPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: onePath,
    operation: 'putThreatFeed',
    group,
    summary: 'Writes a source of listed addresses: makes it, or replaces it as a whole',
    description:
      'Replacing needs `If-Match`. It is read at once. What a listed address may still do is ' +
      'said by each route.',
    permission: 'threat_feeds:write',
    params,
    body,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: shown },
      201: { description: 'Made.', schema: shown },
    },
    problems: ['wrong_state'],
    async handle({ requester, params: { name }, body: given, ifMatch }) {
      const { name: named = name, secret, ...definition } = given;
      if (named !== name) return err(misnamed);
      const written = await putFeed(ports, {
        ...{ requester, name, definition, secret },
        isSeen: ifMatch && ((version) => isMatching(ifMatch, version)),
      });
      if (!written.ok) return err(putProblem(written.refusal));
      const { row, created } = written.value;
      return ok({ status: created ? 201 : 200, body: render(row), version: row.version });
    },
  });
}

const misnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/name', message: 'is not the name in the path' }],
};

function putProblem(refusal: PutFeedRefusal): Problem {
  switch (refusal.reason) {
    case 'malformed': {
      const { pointer, message } = refusal;
      return { code: 'invalid_body', errors: [{ pointer, message }] };
    }
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.threatFeedsMax} feeds` };
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
  }
}

function remove(ports: ThreatPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: onePath,
    operation: 'deleteThreatFeed',
    group,
    summary: 'Believes a source no more: nothing that it lists counts from then on',
    permission: 'threat_feeds:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    async handle({ requester, params: { name }, ifMatch }) {
      const removed = await deleteFeed(ports, {
        ...{ requester, name },
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      return removed.ok ? ok({ status: 204 }) : err({ code: removed.refusal.reason });
    },
  });
}

function refresh(ports: ThreatPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: `${onePath}/refresh`,
    operation: 'refreshThreatFeed',
    group,
    summary: 'Has a source read within a second, and as a whole',
    permission: 'threat_feeds:write',
    params,
    answers: { 202: { description: 'It will be read.', schema: shown } },
    async handle({ requester, params: { name } }) {
      const asked = await refreshFeed(ports, { requester, name });
      if (!asked.ok) return err({ code: asked.refusal.reason });
      return ok({ status: 202, body: render(asked.value), version: asked.value.version });
    },
  });
}

function renderThreat({ feed, network, reason, untilSeconds }: Row<'threatBlocks'>) {
  const until = renderMoment(untilSeconds * 1000);
  return { feed, network: formatNetworkKey(network), reason, until };
}

function lookUp(ports: ThreatPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/threats',
    operation: 'lookUpThreats',
    group,
    summary: 'Says which lists name an address, why, and until when',
    permission: 'threat_feeds:read',
    query: z.strictObject({ address: line({ min: 2, max: 64 }) }),
    answers: {
      200: {
        description: 'The blocks that hold it, the narrowest first.',
        schema: z.strictObject({ items: z.array(threat) }),
      },
    },
    async handle({ tenant, query }) {
      const found = await lookUpThreats(ports, { tenant, address: query.address });
      if (found === undefined) {
        const errors = [{ pointer: 'address', message: 'is no IP address' }];
        return err({ code: 'invalid_request', errors });
      }
      return ok({ status: 200, body: { items: found.map(renderThreat) } });
    },
  });
}

const block = z.strictObject({ feed: z.string(), network: z.string(), until: z.int() });

function readPage({ source }: ThreatPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: feedHttp.threatsPath,
    operation: 'readThreats',
    group: 'feed',
    summary: 'What changed on lists of addresses after a number, for gateways',
    permission: 'feed:read',
    query: z.strictObject({
      after: queryInteger({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      place: line({ min: 1, max: 255 }).optional(),
    }),
    answers: {
      200: {
        description: 'Blocks in the order of their numbers, and where they go on.',
        schema: z.strictObject({
          newest: z.int(),
          feeds: z.array(z.strictObject({ name: z.string(), until: z.int() })),
          blocks: z.array(block),
          next: z.string().optional(),
        }),
      },
    },
    async handle({ tenant, query: { after, place: cursor } }) {
      const page = await source.read({ tenant, after, cursor });
      return ok({ status: 200, text: JSON.stringify(page) });
    },
  });
}
