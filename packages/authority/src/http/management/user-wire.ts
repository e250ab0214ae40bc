/** Users on the wire: a name, a state, and the standard claims of OpenID Connect Core §5.1. */
import { limits } from '@mintmark/core';
import { z } from 'zod';
import type { Membership } from '../../revocation/member-view.ts';
import type { User } from '../../users/user.ts';
import { roleNames } from './role-endpoints.ts';
import { line, momentOut, renderMoment } from './wire-schema.ts';

const text = line({ min: 1, max: 255 }).optional();

/** Shown to people and followed by them: nothing that runs. */
const webUrl = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[\x21-\x7e]+$/i, 'must be an http or https URL')
  .optional();

/** Lines as on an envelope, with breaks between them (OpenID Connect Core 1.0 §5.1.1). */
const lines = z
  .string()
  .regex(/^[^\p{Cc}\u2028\u2029]*(?:\r?\n[^\p{Cc}\u2028\u2029]*)*$/u, 'must be lines of text')
  .min(1)
  .max(1024)
  .meta({ wire: { type: 'string', minLength: 1, maxLength: 1024 } })
  .optional();

const address = z.strictObject({
  formatted: lines,
  street_address: lines,
  locality: text,
  region: text,
  postal_code: text,
  country: text,
});

/** An addr-spec without comments, quotes and literals (RFC 5322 §3.4.1); RFC 6531 letters. */
const email = z
  .string()
  .max(254)
  .regex(/^[^\s@<>()[\]\\,;:"\p{C}]{1,64}@[^\s@<>()[\]\\,;:"\p{C}]{1,253}$/u, 'must be an address')
  .meta({ wire: { type: 'string', maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' } })
  .optional();

/** ISO 8601: YYYY-MM-DD, YYYY, or 0000-MM-DD where the year is not told. */
const birthdate = z
  .string()
  .regex(/^[0-9]{4}(?:-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))?$/, 'must be YYYY-MM-DD')
  .optional();

const claims = z
  .strictObject({
    name: text,
    given_name: text,
    family_name: text,
    middle_name: text,
    nickname: text,
    preferred_username: text,
    profile: webUrl,
    picture: webUrl,
    website: webUrl,
    email,
    email_verified: z.boolean().optional(),
    gender: text,
    birthdate,
    zoneinfo: text,
    locale: text,
    phone_number: line({ min: 1, max: 64 }).optional(),
    phone_number_verified: z.boolean().optional(),
    address: address.optional(),
    updated_at: z
      .int()
      .min(0)
      .optional()
      .describe('Unix seconds; without it relying parties get the time of the last change'),
  })
  .refine(
    (value) => JSON.stringify(value).length <= limits.userClaimsCharsMax,
    `must be at most ${limits.userClaimsCharsMax} characters of JSON`,
  )
  .meta({ id: 'UserClaims' });

/** Its rules are told by the refusal: what counts is the form in which names are compared. */
const username = z
  .string()
  .min(1)
  .max(4 * limits.usernameCharsMax);

/** Bounded by the use case in bytes, after normalization. */
export const password = z.string().min(1).max(limits.passwordBytesMax);

const memberships = {
  roles: roleNames
    .optional()
    .describe('In place of all before; those of groups are not among them'),
  groups: roleNames.optional().describe('In place of all before'),
};

export const newUserBody = z
  .strictObject({
    username,
    password: password.optional().describe('Left out: signs in by other means'),
    password_hash: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe(
        'In place of a password, from another system: argon2, bcrypt, or ' +
          '`$pbkdf2-sha256$i=ITERATIONS$SALT$KEY`; replaced at the first sign-in',
      ),
    claims: claims.optional(),
    ...memberships,
  })
  .refine((body) => body.password === undefined || body.password_hash === undefined, {
    message: 'stands in place of a password',
    path: ['password_hash'],
  })
  .meta({ id: 'CreateUser' });

export const editUserBody = z
  .strictObject({
    username: username.optional(),
    claims: claims.optional().describe('In place of all claims before'),
    status: z.enum(['active', 'disabled']).optional(),
    password: password.optional(),
    ...memberships,
  })
  .meta({ id: 'EditUser' });

export const user = z
  .strictObject({
    id: z.string().describe('The `sub` of tokens'),
    username: z.string(),
    status: z.enum(['active', 'disabled']),
    claims,
    has_password: z.boolean(),
    roles: z.array(z.string()),
    groups: z.array(z.string()),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .meta({ id: 'User' });

export const factors = z
  .strictObject({ totp: z.boolean(), recovery_codes_left: z.int(), passkeys: z.int() })
  .meta({ id: 'UserFactors' });

export const totpSecret = z
  .strictObject({
    secret: z.string().describe('base32, in this answer only'),
    uri: z.string().describe('The same, as an app reads it out of a QR code'),
  })
  .meta({ id: 'TotpSecret' });

export const recoveryCodes = z
  .strictObject({ codes: z.array(z.string()).describe('In this answer only') })
  .meta({ id: 'RecoveryCodes' });

export const resetToken = z
  .strictObject({
    url: z.string().describe('In this answer only'),
    token: z.string().describe('In this answer only'),
    expires_at: momentOut,
  })
  .meta({ id: 'PasswordReset' });

export function renderUser(
  one: User,
  { roles, groups }: Membership,
): Readonly<Record<string, unknown>> {
  return {
    id: one.id,
    username: one.username,
    status: one.status,
    claims: one.givenClaims,
    has_password: one.hasPassword,
    roles,
    groups,
    created_at: renderMoment(one.createdAt),
    updated_at: renderMoment(one.updatedAt),
  };
}
