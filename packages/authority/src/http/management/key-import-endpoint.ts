/** `POST /v1/keys/import`: takes over the keys of another system by their hashes, page by page. */
import { err, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import { subjectOf } from '../../admin/caller.ts';
import { covers } from '../../admin/permission.ts';
import { type ImportPorts, importKeys } from '../../apikeys/import-keys.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { budgetsIn, settingsOf } from './key-endpoints.ts';
import { keySettings, newKeySettings } from './key-wire.ts';

const format = z
  .strictObject({
    prefix: z
      .string()
      .max(32)
      .regex(/^[\x21-\x7e]*$/),
    separator: z
      .string()
      .max(8)
      .regex(/^[\x21-\x7e]*$/)
      .describe('Between look-up id and secret; empty where keys carry no id'),
    hashed: z.enum(['key', 'secret']).optional().describe('What the hash covers; default `key`'),
  })
  .describe('A key reads ‹prefix›‹id›‹separator›‹secret›, or ‹prefix›‹secret›');

const row = z
  .strictObject({
    ...keySettings,
    id: z.string().max(128).optional().describe('The look-up id inside the key'),
    hash: z.string().max(512).describe('SHA-256 in hex or base64, bcrypt, or argon2'),
    name: keySettings.name.optional(),
    scopes: keySettings.scopes.optional(),
    uses: newKeySettings.uses,
    credits: newKeySettings.credits,
  })
  .meta({ id: 'ImportedKey' });

const page = z
  .strictObject({
    format,
    keys: z.array(row).max(limits.importKeysMax),
  })
  .meta({ id: 'ImportKeys' });

const report = z
  .strictObject({
    imported: z.int(),
    unchanged: z.int(),
    conflicts: z.array(
      z.strictObject({
        index: z.int().describe('Place in the page, from 0'),
        id: z.string().optional(),
        reason: z.enum([
          'malformed_hash',
          'hash_too_costly',
          'id_missing',
          'id_not_allowed',
          'malformed_id',
          'scheme_needs_id',
          'id_taken',
          'repeated_in_page',
        ]),
      }),
    ),
  })
  .meta({ id: 'ImportReport' });

const refusals = {
  prefix_is_ours: 'the prefix is that of this installation, or of JWTs',
  prefix_missing: 'a format with a separator needs a prefix',
  too_many_formats: `at most ${limits.importFormatsMax} formats`,
} as const;

export function keyImportEndpoint(ports: ImportPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/import',
    operation: 'importKeys',
    group: 'keys',
    summary: 'Takes over keys of another system by their hashes',
    description:
      'Sending a page again changes nothing: its keys are then reported as unchanged. ' +
      'An imported key works at once and is hashed anew at its first use.',
    permission: 'keys:write',
    body: page,
    bodyBytesMax: limits.importBodyBytesMax,
    answers: { 200: { description: 'What became of each row.', schema: report } },
    async handle({ caller, requester, body }) {
      const self = subjectOf(caller.actor);
      const foreign = body.keys.some(({ owner }) => owner !== undefined && owner !== self);
      if (foreign && !covers(caller.permissions, 'keys:assign')) {
        return err({
          code: 'insufficient_permission',
          detail: 'needs keys:assign to name an owner',
        });
      }
      const { prefix, separator, hashed = 'key' } = body.format;
      const result = await importKeys(ports, {
        requester,
        format: { prefix, separator, hashed },
        rows: body.keys.map((one) => ({
          id: one.id,
          hash: one.hash,
          settings: {
            ...settingsOf({
              ...one,
              name: one.name ?? one.id ?? 'imported',
              scopes: one.scopes ?? [],
            }),
            owner: one.owner ?? self,
            budgets: budgetsIn(one),
          },
        })),
      });
      if ('reason' in result) {
        const message = refusals[result.reason];
        return err({ code: 'invalid_body', errors: [{ pointer: '/format', message }] });
      }
      return ok({ status: 200, body: { ...result } });
    },
  });
}
