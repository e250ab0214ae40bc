/** `/v1/revocations/preview`, and what holds the act that follows to what was shown. */
import {
  letOthersRun,
  limits,
  ok,
  type Result,
  type TenantId,
  type Timers,
  type UnixMs,
} from '@mintmark/core';
import { z } from 'zod';
import type { UndoDeps } from '../../admin/undo-revocation.ts';
import type { Reason } from '../../audit/reason.ts';
import type { Requester } from '../../audit/requester.ts';
import type { Sealer } from '../../custody/sealer.ts';
import type { EmergencyRefusal } from '../../keyring/keyring.ts';
import { type Preview, preview } from '../../revocation/preview.ts';
import {
  hashOfQuestion,
  isWithin,
  readPreviewToken,
  writePreviewToken,
} from '../../revocation/preview-token.ts';
import type { RevokeDeps } from '../../revocation/revoke.ts';
import type { QueryRunDeps } from '../../revocation/revoke-query.ts';
import type { Selector } from '../../revocation/selection.ts';
import type { Alongside } from '../../store/act.ts';
import type { Store } from '../../store/store.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import type { Problem } from './problem.ts';
import {
  before,
  previewAnswer,
  query,
  renderPreview,
  selectorOf,
  selectorOfQuery,
  target,
} from './revocation-wire.ts';

export type RevocationPorts = RevokeDeps &
  Omit<QueryRunDeps, 'store' | 'pause' | 'sealer'> &
  Omit<UndoDeps, 'store'> & {
    readonly store: RevokeDeps['store'] &
      QueryRunDeps['store'] &
      UndoDeps['store'] &
      Pick<Store, 'nodes' | 'installation'>;
    readonly sealer: Pick<Sealer, 'seal' | 'open'>;
    readonly timers: Pick<Timers, 'after'>;
    /** Ends a signing key with all that it signed, putting another in its place. */
    readonly endSigningKey: (input: {
      readonly requester: Requester;
      readonly kid: string;
      readonly reason: Reason;
      readonly alongside: Alongside<{ readonly revocation: string }>;
    }) => Promise<Result<{ readonly revocation: string }, EmergencyRefusal>>;
  };

/** What a revocation and its preview are asked by. */
export const askedMembers = { target: target.optional(), query: query.optional(), before };

export const oneOf = 'name either a target or a query';

/** What looking for credentials needs. */
export function runDeps(ports: RevocationPorts): QueryRunDeps {
  return { ...ports, pause: () => letOthersRun(ports.timers) };
}

/** Undefined where no more would end than was shown, or nobody asked. */
export async function beyondPreview(
  ports: RevocationPorts,
  input: {
    readonly tenant: TenantId;
    readonly body: WhatIsAsked & { readonly preview?: string | undefined };
    readonly now: UnixMs;
  },
): Promise<Problem | undefined> {
  const { tenant, body, now } = input;
  if (body.preview === undefined) return undefined;
  const seen = readPreviewToken(body.preview);
  if (seen === undefined || seen.at > now || seen.asked !== hashOfQuestion(askedIn(body))) {
    return { code: 'invalid_request', detail: 'the preview is of something else' };
  }
  if (now - seen.at > limits.revocationPreviewMs) {
    return { code: 'preview_outdated', detail: 'the preview is too old: look again' };
  }
  if (!seen.complete) return undefined;
  const found = await preview(runDeps(ports), {
    tenant,
    now,
    selector: selectorFor(body, tenant, seen.at),
  });
  if (isWithin(found.counts, seen.counts)) return undefined;
  return { code: 'preview_outdated', detail: 'more would end than the preview showed: look again' };
}

interface WhatIsAsked {
  readonly target?: z.output<typeof target> | undefined;
  readonly query?: z.output<typeof query> | undefined;
  readonly before?: UnixMs | undefined;
}

function askedIn({ target: named, query: given, before: moment }: WhatIsAsked): unknown {
  return [named, given, moment];
}

function selectorFor(body: WhatIsAsked, tenant: TenantId, at: UnixMs): Selector {
  if (body.query !== undefined) return selectorOfQuery(body.query, at);
  const { target: named } = body;
  if (named === undefined) throw new Error('the schema lets neither through');
  const issuedBefore = Math.min(body.before ?? at, at) as UnixMs;
  return selectorOf(named, { tenant, issuedBefore });
}

export function previewEndpoint(ports: RevocationPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/revocations/preview',
    operation: 'previewRevocation',
    group: 'revocations',
    summary: 'Says what a revocation would end, and ends nothing',
    description:
      'Counts what is live and was there at this moment. Access tokens are counted from the ' +
      'records of their issuing.',
    permission: 'revocations:write',
    body: z
      .strictObject(askedMembers)
      .refine((body) => (body.target === undefined) !== (body.query === undefined), oneOf)
      .meta({ id: 'PreviewRevocation' }),
    answers: { 200: { description: 'What would end.', schema: previewAnswer } },
    async handle({ tenant, body, now }) {
      const selector = selectorFor(body, tenant, now);
      const found = await preview(runDeps(ports), { tenant, selector, now });
      const kind = body.target?.kind ?? 'query';
      return ok({ status: 200, body: renderPreview(found, { ...tokenOf(found, body), kind }) });
    },
  });
}

function tokenOf(found: Preview, body: WhatIsAsked): { readonly token: string } {
  return { token: writePreviewToken({ ...found, asked: hashOfQuestion(askedIn(body)) }) };
}
