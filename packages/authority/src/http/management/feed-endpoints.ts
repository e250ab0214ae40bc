/**
 * What gateways that run apart ask of the authority: the status feed, and room for the decisions
 * they made. The encoding is core's (`wire/feed-http.ts`), so that both ends read one page.
 */
import {
  type DecisionEvent,
  type DecisionSink,
  err,
  type FeedSnapshot,
  type FeedSource,
  feedHttp,
  feedProofPayload,
  letOthersRun,
  limits,
  ok,
  type Signer,
  type TenantId,
  type Timers,
} from '@mintmark/core';
import { assembleJws, jwsSigningInput } from '@mintmark/tokens';
import { z } from 'zod';
import { nodeName } from '../../revocation/node-name.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { line, momentMax, queryInteger, scope } from './wire-schema.ts';

export interface FeedEndpointDeps {
  readonly feed: FeedSource;
  readonly signer: (tenant: TenantId) => Promise<Signer>;
  readonly timers: Pick<Timers, 'after'>;
  readonly decisions: DecisionSink;
}

const position = queryInteger({ min: 0, max: Number.MAX_SAFE_INTEGER });

const entries = z.array(z.looseObject({ type: z.string(), position: z.int() }));
const nextKeys = z.string().optional().describe('Where the keys go on');
const heartbeat = { tenant: z.string(), epoch: z.string(), head: z.int(), entries };

export function feedEndpoints(deps: FeedEndpointDeps): readonly PreparedEndpoint[] {
  return [
    readSnapshot(deps),
    readKeys(deps),
    readDelta(deps),
    acceptDecisions(deps),
    recordDecision(deps),
  ];
}

/** In parts: the JSON of a million revocations would keep every other request waiting. */
async function encodeSnapshot(
  { entries, ...head }: FeedSnapshot,
  timers: Pick<Timers, 'after'>,
): Promise<Uint8Array> {
  const parts = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"entries":[`)];
  for (let start = 0; start < entries.length; start += limits.longReadRows) {
    if (start > 0) await letOthersRun(timers);
    const part = entries.slice(start, start + limits.longReadRows);
    const text = part.map((entry) => JSON.stringify(entry)).join(',');
    parts.push(Buffer.from(start > 0 ? `,${text}` : text));
  }
  parts.push(Buffer.from(']}'));
  return Buffer.concat(parts);
}

function readSnapshot({ feed, timers }: FeedEndpointDeps): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: feedHttp.snapshotPath,
    operation: 'readFeedSnapshot',
    group: 'feed',
    summary: 'Everything that a gateway must know now',
    permission: 'feed:read',
    answers: {
      200: {
        description: 'Revocations, keys, signing keys and routes, and the position to go on from.',
        schema: z.looseObject({ ...heartbeat, issuer: z.string(), nextKeys }),
      },
    },
    async handle({ tenant }) {
      const snapshot = await feed.snapshot(tenant);
      return ok({ status: 200, text: await encodeSnapshot(snapshot, timers) });
    },
  });
}

function readKeys({ feed }: FeedEndpointDeps): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: feedHttp.keysPath,
    operation: 'readFeedKeys',
    group: 'feed',
    summary: 'Goes on with the keys of a snapshot',
    description: 'A gateway reads them beside the deltas, which are as new or newer.',
    permission: 'feed:read',
    query: z.strictObject({
      epoch: line({ min: 1, max: 64 }),
      after: line({ min: 1, max: 255 }),
    }),
    answers: {
      200: {
        description: 'Keys, and from where to go on, where there are more.',
        schema: z.looseObject({ tenant: z.string(), epoch: z.string(), entries, nextKeys }),
      },
    },
    problems: ['feed_resync'],
    async handle({ tenant, query }) {
      const page = await feed.keys({ tenant, ...query });
      if (page === 'resync') return err({ code: 'feed_resync' });
      return ok({ status: 200, text: JSON.stringify(page) });
    },
  });
}

function readDelta({ feed, signer }: FeedEndpointDeps): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: feedHttp.deltaPath,
    operation: 'readFeed',
    group: 'feed',
    summary: 'What came after a position',
    description:
      'Waits up to a second for something to come. Asking acknowledges everything up to `after`, ' +
      'in the name of this node of this credential and of no other. ' +
      'The answer is signed, over the nonce too, in `Mintmark-Feed-Signature`.',
    permission: 'feed:read',
    query: z.strictObject({
      epoch: line({ min: 1, max: 64 }),
      after: position,
      node: line({ min: 1, max: 64 }),
      nonce: line({ min: 16, max: 128 }),
    }),
    answers: {
      200: {
        description: 'Entries in order; none is a heartbeat.',
        schema: z.looseObject({ ...heartbeat, after: z.int() }),
      },
    },
    problems: ['feed_resync'],
    async handle({ tenant, requester, query }) {
      const { epoch, after, node, nonce } = query;
      const name = nodeName(node, requester.actor);
      const delta = await feed.delta({ tenant, epoch, after, node: name });
      if (delta === 'resync') return err({ code: 'feed_resync' });
      const text = JSON.stringify(delta);
      const proof = { tenant, epoch: delta.epoch, head: delta.head, body: text, node, nonce };
      const key = await signer(tenant);
      const header = { typ: feedHttp.signatureType, alg: key.algorithm, kid: key.kid };
      const signingInput = jwsSigningInput(header, feedProofPayload(proof));
      const signature = await key.sign(Buffer.from(signingInput, 'latin1'));
      const headers = { [feedHttp.signatureHeader]: assembleJws(signingInput, signature) };
      return ok({ status: 200, text, headers });
    },
  });
}

const decision = z.object({
  type: z.literal('decision'),
  // What cannot be written as a date (RFC 3339 §5.6) could not be shown with its key.
  at: z.int().min(0).max(momentMax),
  node: z.string().max(128),
  tenant: z.string().max(64),
  route: z.string().max(256).optional(),
  method: z.string().max(32),
  path: z.string().max(512),
  address: line({ min: 0, max: 64 }),
  credential: z.enum(['none', 'jwt', 'opaque', 'api_key', 'admin_key', 'malformed']),
  credentialId: line({ min: 1, max: 128 }).optional(),
  authenticated: z.boolean(),
  rotated: z.boolean().optional(),
  subKey: z
    .object({
      id: z.string().max(32),
      label: line({ min: 1, max: limits.subKeyLabelCharsMax }).optional(),
    })
    .optional(),
  subject: z.string().max(255).optional(),
  clientId: z.string().max(255).optional(),
  needed: z.array(scope).max(limits.scopesMax).optional(),
  verdict: z.enum(['allow', 'deny']),
  reason: z.string().max(64),
  threat: z.object({ feed: z.string().max(64), network: z.string().max(40) }).optional(),
  degraded: z.boolean(),
  judgedMicros: z.number().min(0),
});

function acceptDecisions({ decisions }: FeedEndpointDeps): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: feedHttp.decisionsPath,
    operation: 'acceptDecisions',
    group: 'feed',
    summary: 'Takes the decisions of a gateway, to be counted',
    permission: 'decisions:write',
    body: z.strictObject({ events: z.array(decision).max(limits.decisionBatchMax) }),
    answers: { 204: { description: 'Taken.' } },
    async handle({ tenant, body }) {
      // A gateway speaks for its own tenant and for no other.
      await decisions.accept(
        body.events.map((event) => ({ ...event, tenant }) as unknown as DecisionEvent),
      );
      return ok({ status: 204 });
    },
  });
}

function recordDecision({ decisions }: FeedEndpointDeps): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: feedHttp.auditedDecisionsPath,
    operation: 'recordDecision',
    group: 'feed',
    summary: 'Puts a decision of a gateway into the audit trail, before the answer',
    permission: 'decisions:write',
    body: z.strictObject({ event: decision }),
    answers: { 204: { description: 'It stands in the audit trail.' } },
    async handle({ tenant, body }) {
      await decisions.record({ ...body.event, tenant } as unknown as DecisionEvent);
      return ok({ status: 204 });
    },
  });
}
