/**
 * Issuers outside whose assertions are grants here (RFC 7523 §2.1): whose keys they sign with, and
 * rule by rule whom they may speak of, through which clients, for how much. What must never happen:
 * an issuer that vouches for more than the operator wrote down.
 */
import { isScope, type JsonObject, limits } from '@mintmark/core';
import { type KeySet, parseKeySet } from '@mintmark/tokens';
import { z } from 'zod';
import { publicKeyAlgorithms } from '../clients/client-rules.ts';
import { metadataUrlFault } from '../clients/redirect-uri.ts';
import { isSubjectPattern, matchesSubject } from './subject-pattern.ts';

const visible = (max: number) => z.string().regex(new RegExp(`^[\\x21-\\x7e]{1,${max}}$`));
const claimName = z.string().min(1).max(128);

const rule = z.strictObject({
  subject: z
    .string()
    .min(1)
    .max(limits.claimCharsMax)
    .refine(isSubjectPattern, 'a * stands for one whole part between : and /')
    .describe('Its `sub`; `*` stands for one whole part between `:` and `/`'),
  claims: z
    .record(claimName, z.union([z.string().max(1024), z.number(), z.boolean()]))
    .optional()
    .describe('Claims that it must have too, each exactly so'),
  clients: z
    .array(visible(limits.clientIdCharsMax))
    .min(1)
    .max(100)
    .describe('Clients that may present it'),
  speaks_for: z
    .enum(['client', 'user_id', 'username'])
    .optional()
    .describe(
      'Whose token it gives: the client’s own (default), or of the user whom `claim` names',
    ),
  claim: claimName.optional().describe('Claim with the id or name of the user; default: `sub`'),
  scopes: z
    .array(z.string().max(limits.scopeCharsMax).refine(isScope, 'is no scope value'))
    .max(limits.scopesMax)
    .optional()
    .describe('At most these of the client’s; left out: all of them'),
  audiences: z
    .array(visible(512))
    .max(100)
    .optional()
    .describe('At most these resources of the client’s; left out: all of them'),
});

export const assertionIssuerSchema = z.strictObject({
  issuer: visible(1024).describe('Exactly the `iss` of its assertions; fixed once it is written'),
  jwks_uri: visible(2000).optional(),
  jwks: z.strictObject({ keys: z.array(z.looseObject({})).max(limits.jwksKeysMax) }).optional(),
  algorithms: z.array(z.enum(publicKeyAlgorithms)).min(1).max(publicKeyAlgorithms.length),
  audiences: z
    .array(visible(512))
    .min(1)
    .max(10)
    .optional()
    .describe('What `aud` may be; left out: the issuer of this server'),
  lifetime_seconds_max: z
    .int()
    .min(60)
    .max(86_400)
    .optional()
    .describe('Longer-lived ones are refused; default: 3600'),
  single_use: z
    .boolean()
    .optional()
    .describe('Whether each counts once, by its `jti` (default), or as long as it is good'),
  rules: z.array(rule).min(1).max(100).describe('The first that fits decides'),
});

export type AssertionIssuer = z.infer<typeof assertionIssuerSchema>;
export type AssertionRule = AssertionIssuer['rules'][number];

/** What is wrong beyond the shape; undefined where nothing is. */
export function assertionIssuerFault(
  { jwks, jwks_uri: jwksUri, issuer, algorithms }: AssertionIssuer,
  ownIssuer: string,
): { readonly pointer: string; readonly message: string } | undefined {
  // What we sign ourselves says what it is by its kind, and is no assertion of anybody else.
  if (issuer === ownIssuer) return { pointer: '/issuer', message: 'is this server itself' };
  if ((jwks === undefined) === (jwksUri === undefined)) {
    return { pointer: '/jwks', message: 'exactly one of jwks and jwks_uri is needed' };
  }
  const fault = jwksUri === undefined ? undefined : metadataUrlFault(jwksUri);
  if (fault !== undefined) return { pointer: '/jwks_uri', message: fault };
  if (jwks === undefined) return undefined;
  const parsed = parseKeySet(jwks as unknown as JsonObject, { algorithms, epoch: '' });
  if (!parsed.ok) return { pointer: '/jwks', message: `cannot be used: ${parsed.refusal.reason}` };
  const message = 'holds no key for the algorithms';
  return isEmpty(parsed.value.keySet) ? { pointer: '/jwks', message } : undefined;
}

function isEmpty({ keys }: KeySet): boolean {
  return keys.length === 0;
}

/** The first rule about this subject and client; undefined: nothing is allowed. */
export function ruleFor(
  { rules }: AssertionIssuer,
  asked: { readonly subject: string; readonly claims: JsonObject; readonly clientId: string },
): AssertionRule | undefined {
  return rules.find(
    ({ subject, claims = {}, clients }) =>
      clients.includes(asked.clientId) &&
      matchesSubject(subject, asked.subject) &&
      Object.entries(claims).every(
        ([name, value]) => Object.hasOwn(asked.claims, name) && asked.claims[name] === value,
      ),
  );
}
