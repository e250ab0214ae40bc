/** Revocations and their previews on the wire. */
import type { TenantId, UnixMs } from '@mintmark/core';
import { z } from 'zod';
import { undoOf, whyFinal } from '../../admin/undo-revocation.ts';
import { reasonCodes } from '../../audit/reason.ts';
import type { Sealer } from '../../custody/sealer.ts';
import { openNote } from '../../revocation/note.ts';
import type { Preview } from '../../revocation/preview.ts';
import { readRun } from '../../revocation/revoke-query.ts';
import type { Selector } from '../../revocation/selection.ts';
import type { Row } from '../../store/tables.ts';
import { line, moment, momentOut, renderMoment, renderMomentOrNull, scope } from './wire-schema.ts';

const targetKinds = [
  'token',
  'family',
  'client',
  'user',
  'tenant',
  'key',
  'sub_key',
  'signing_key',
] as const;

export const target = z.strictObject({
  kind: z.enum(targetKinds),
  id: line({ min: 1, max: 255 }),
});

const text = line({ min: 1, max: 255 });

/** Every member that is given must hold; at least one is. */
export const query = z
  .strictObject({
    client: text.optional(),
    user: text.optional().describe('Subject of tokens, owner of keys'),
    scope: scope.optional(),
    audience: text.optional(),
    grant: text.optional().describe('The grant that gave a token, or began its family'),
    signing_key: text.optional(),
    owner: text.optional().describe('Owner of keys'),
    environment: text.optional(),
    tag: z
      .strictObject({ name: text, value: text })
      .optional()
      .describe('A member of the metadata of keys: its value, or one of a list'),
    issued_after: moment.optional(),
    issued_before: moment.optional(),
  })
  .refine((given) => Object.keys(given).length > 0, 'must ask for something')
  .meta({ id: 'RevocationQuery' });

export const reason = line({ min: 1, max: 500 }).describe(
  `A code (${reasonCodes.join(', ')}), or any text: that is kept sealed, under the code \`other\``,
);

export const before = moment
  .optional()
  .describe('Only what was issued, or made, before this moment; not in the future');

const counts = z.strictObject({
  unredeemed_grants: z
    .int()
    .describe('Codes, device codes and back-channel requests that were agreed to'),
  access_tokens: z.int(),
  refresh_families: z.int(),
  api_keys: z.int(),
});

export const made = {
  id: z.string(),
  effective_at: momentOut.describe('From this moment it holds on this node, durably'),
  feed_position: z.int(),
};

/** Of a query alone. */
export const runMembers = {
  state: z
    .enum(['running', 'done'])
    .optional()
    .describe('Of a query: `running` while there is more to end; it goes on by itself'),
  ended: counts.optional(),
};

export const shown = {
  ...made,
  ...runMembers,
  target: z.strictObject({ kind: z.string(), id: z.string() }),
  reason: z.string().describe('As it was given'),
  reason_code: z.string(),
  before: momentOut.nullable().describe('Only what was issued before ended; null: everything'),
  actor: z.string(),
  undo: z
    .strictObject({
      possible: z.boolean(),
      why_not: z.string().nullable(),
      undone_at: momentOut.nullable(),
    })
    .describe('Whether what was disabled with it can be enabled again'),
};

type Body = Readonly<Record<string, unknown>>;

/** @throws CustodyFault where the note does not open */
export async function renderRevocation(
  sealer: Pick<Sealer, 'open'>,
  row: Row<'revocations'>,
): Promise<Body> {
  const { beforeSeconds, undoneAt } = row;
  const canUndo = undoOf(row) !== undefined;
  return {
    id: row.id,
    effective_at: renderMoment(row.at),
    feed_position: row.position,
    ...renderRun(row),
    target: { kind: row.targetKind, id: row.targetId },
    reason: (await openNote(sealer, row)) ?? row.reason,
    reason_code: row.reason,
    before: renderMomentOrNull(beforeSeconds === null ? null : beforeSeconds * 1000),
    actor: row.actor,
    undo: {
      possible: canUndo && undoneAt === null,
      why_not: canUndo ? null : whyFinal(row),
      undone_at: renderMomentOrNull(undoneAt),
    },
  };
}

export function renderRun(row: Row<'revocations'>): Body {
  const run = readRun(row);
  if (run === undefined) return {};
  return { state: row.resumeAt === null ? 'done' : 'running', ended: renderCounts(run.ended) };
}

function renderCounts(of: Preview['counts']): Body {
  return {
    unredeemed_grants: of.grants ?? 0,
    access_tokens: of.tokens,
    refresh_families: of.families,
    api_keys: of.keys,
  };
}

/** What a target comes to, as a question. */
export function selectorOf(
  asked: { readonly kind: (typeof targetKinds)[number]; readonly id: string },
  at: { readonly tenant: TenantId; readonly issuedBefore: UnixMs },
): Selector {
  const { issuedBefore } = at;
  const { id } = asked;
  switch (asked.kind) {
    case 'token':
      return { token: id, issuedBefore };
    case 'family':
      return { family: id, issuedBefore };
    case 'client':
      return { client: id, issuedBefore };
    case 'user':
      return { user: id, issuedBefore };
    case 'key':
      return { key: id, issuedBefore };
    case 'sub_key':
      // Its holder derived it: there is no row of it, and nothing to count.
      return { key: id, token: id, issuedBefore };
    case 'signing_key':
      return { signingKey: id, issuedBefore };
    case 'tenant':
      return { issuedBefore };
  }
}

/** @param at the moment of the preview: nothing made later is part of it */
export function selectorOfQuery(asked: z.output<typeof query>, at: UnixMs): Selector {
  const { issued_after: issuedAfter, issued_before, signing_key: signingKey, ...rest } = asked;
  const issuedBefore = Math.min(issued_before ?? at, at) as UnixMs;
  return { ...rest, issuedAfter, signingKey, issuedBefore };
}

export const previewMembers = {
  preview: z.string().describe('Brought back with the revocation: no more ends than is here'),
  at: momentOut,
  complete: z.boolean().describe('False where there is more than may be looked at'),
  counts,
  clients: z.array(
    z.strictObject({
      client_id: z.string(),
      access_tokens: z.int(),
      refresh_families: z.int(),
      audiences: z.array(z.string()),
      recovers: z
        .enum(['by_itself', 'by_refresh', 'by_signing_in'])
        .describe('How it comes to new tokens, where the revocation leaves it that way'),
    }),
  ),
  owners: z.array(z.strictObject({ owner: z.string(), api_keys: z.int() })),
  examples: z.strictObject({
    access_tokens: z.array(z.strictObject({ id: z.string(), client_id: z.string() })),
    refresh_families: z.array(z.strictObject({ family: z.string(), client_id: z.string() })),
    api_keys: z.array(z.strictObject({ id: z.string(), name: z.string() })),
  }),
  breaks: z.array(z.string()).describe('What stops working, in words'),
  undo: z.string().describe('What can be taken back, in words'),
};

export const previewAnswer = z.strictObject(previewMembers).meta({ id: 'RevocationPreview' });

/** @param input.keepsFamilies refresh tokens go on: the next refresh gives good tokens */
export function renderPreview(
  found: Preview,
  input: { readonly token: string; readonly kind: string; readonly keepsFamilies?: boolean },
): Body {
  const { counts, examples } = found;
  const keepsFamilies = input.keepsFamilies === true;
  return {
    preview: input.token,
    at: renderMoment(found.at),
    complete: found.complete,
    counts: renderCounts(counts),
    clients: found.clients.map((client) => ({
      client_id: client.clientId,
      access_tokens: client.tokens,
      refresh_families: client.families,
      audiences: [...client.audiences].sort(),
      recovers: recoveryOf(client, keepsFamilies),
    })),
    owners: [...found.owners].map(([owner, api_keys]) => ({ owner, api_keys })),
    examples: {
      access_tokens: examples.tokens.map(({ id, clientId }) => ({ id, client_id: clientId })),
      refresh_families: examples.families.map((one) => {
        return { family: one.family, client_id: one.clientId };
      }),
      api_keys: examples.keys.map(({ id, name }) => ({ id, name })),
    },
    breaks: breaksOf(found, keepsFamilies),
    undo: `cannot be undone: ${whyFinal({ targetKind: input.kind })}`,
  };
}

function recoveryOf(
  { own, tokens, families }: Preview['clients'][number],
  keepsFamilies: boolean,
): 'by_itself' | 'by_refresh' | 'by_signing_in' {
  if (own === tokens && families === 0) return 'by_itself';
  return keepsFamilies && families > 0 ? 'by_refresh' : 'by_signing_in';
}

function breaksOf(found: Preview, keepsFamilies: boolean): readonly string[] {
  const { counts, complete, clients, lastJwtEndsAt, signIns } = found;
  const { tokens, families, keys } = counts;
  const most = complete ? '' : 'at least ';
  const people = clients.filter((one) => recoveryOf(one, keepsFamilies) === 'by_signing_in');
  return [
    counts.grants === 0 ? '' : `${most}${counts.grants} codes are refused where they are redeemed`,
    tokens === 0 ? '' : `${most}${tokens} access tokens are refused from then on`,
    families === 0 || keepsFamilies
      ? ''
      : `${most}${families} refresh tokens are refused: their people sign in again`,
    keys === 0 ? '' : `${most}${keys} API keys are refused for good: callers need new ones`,
    people.length === 0
      ? ''
      : `people sign in again at ${people.length} clients: ${namesOf(people)}`,
    signIns === 0 ? '' : `${signIns} of the tokens are of sign-ins (openid)`,
    lastJwtEndsAt === undefined
      ? ''
      : `whoever checks JWTs alone, without the gateway, introspection or status lists, ` +
        `accepts the last of them until ${renderMoment(lastJwtEndsAt * 1000)}`,
  ].filter((sentence) => sentence !== '');
}

const namesShown = 5;

function namesOf(clients: Preview['clients']): string {
  const names = clients.slice(0, namesShown).map(({ clientId }) => clientId);
  return clients.length > namesShown ? `${names.join(', ')} …` : names.join(', ');
}
