/**
 * What an upstream knows a gateway by: kept by the authority, put in by gateways in place of the
 * outside credential. One reading of it, so that what is accepted can be sent.
 */
import { limits } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import { isHopByHop, isReservedFieldName } from './field-names.ts';

/** How such a credential is named, in routes and at the management API. */
export const upstreamCredentialNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const credentialSchemes = ['bearer', 'basic', 'header'] as const;

/** How the secret is sent, without it. */
export interface CredentialForm {
  readonly scheme: (typeof credentialSchemes)[number];
  /** Of `header` alone. */
  readonly header?: string | undefined;
  /** Of `basic` alone. */
  readonly username?: string | undefined;
}

/** The field of a request that carries it. */
export interface CredentialField {
  /** In lower case. */
  readonly header: string;
  readonly value: string;
}

export type CredentialRefusal = {
  readonly reason: 'malformed';
  readonly path: string;
  /** Never with a part of the secret. */
  readonly message: string;
};

/**
 * `Authorization` by RFC 6750 §2.1 or RFC 7617 §2, or a header of the upstream's choice.
 *
 * @param secret token, password, or the whole value of the header
 */
export function credentialField(
  form: CredentialForm,
  secret: string,
): Result<CredentialField, CredentialRefusal> {
  const { scheme, header, username } = form;
  if (scheme !== 'header' && header !== undefined) return refuse('/header', 'only of "header"');
  if (scheme !== 'basic' && username !== undefined) return refuse('/username', 'only of "basic"');
  if (secret.length > limits.upstreamSecretCharsMax) return refuse('/secret', 'it is too long');
  switch (scheme) {
    case 'bearer':
      if (!/^[\x21-\x7e]+$/.test(secret)) return refuse('/secret', 'a token is visible ASCII');
      return ok({ header: 'authorization', value: `Bearer ${secret}` });
    case 'basic':
      return basicField(username, secret);
    case 'header':
      return headerField(header, secret);
  }
}

/** RFC 7617 §2: no colon in the name, no control characters in either; UTF-8. */
function basicField(
  username: string | undefined,
  secret: string,
): Result<CredentialField, CredentialRefusal> {
  if (username === undefined || !/^[^:\p{Cc}]{1,255}$/u.test(username)) {
    return refuse('/username', 'a name without colon and control characters');
  }
  if (!/^[^\p{Cc}]+$/u.test(secret)) return refuse('/secret', 'no control characters');
  const pair = Buffer.from(`${username}:${secret}`, 'utf8').toString('base64');
  return ok({ header: 'authorization', value: `Basic ${pair}` });
}

function headerField(
  name: string | undefined,
  secret: string,
): Result<CredentialField, CredentialRefusal> {
  const header = name?.toLowerCase() ?? '';
  const isOurs = isHopByHop(header) || isReservedFieldName(header) || header.startsWith('content-');
  // Outside credentials end at the gateway, so that these two are free for its own.
  const isFree = header === 'authorization' || header === 'x-api-key' || !isOurs;
  if (!/^[a-z0-9-]{1,64}$/.test(header) || !isFree) {
    return refuse('/header', 'a header of the upstream’s that the gateway does not write itself');
  }
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(secret)) {
    return refuse('/secret', 'visible ASCII, with spaces only within');
  }
  return ok({ header, value: secret });
}

function refuse(path: string, message: string): Result<never, CredentialRefusal> {
  return err({ reason: 'malformed', path, message });
}
