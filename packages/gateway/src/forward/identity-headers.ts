/** What the gateway vouches for towards an upstream: who calls, in `X-Mintmark-…`. */
import { type TenantId, typedSubject } from '@mintmark/core';
import { subKeyName } from '@mintmark/tokens';
import type { Identity } from '../verify/identity.ts';

/** An identity is often the same for thousands of requests. */
const renderedIdentities = new WeakMap<Identity, readonly string[]>();

/** Who calls, name and value in turn; kept for each identity. */
export function identityHeaders(identity: Identity, tenant: TenantId): readonly string[] {
  const rendered = renderedIdentities.get(identity);
  if (rendered !== undefined) return rendered;
  const out = [
    ...['x-mintmark-subject', encodeValue(subjectOf(identity))],
    ...['x-mintmark-scopes', identity.scopes.map(encodeValue).join(' ')],
    ...['x-mintmark-credential-id', encodeValue(identity.credentialId)],
    ...['x-mintmark-credential-kind', identity.kind],
    ...['x-mintmark-tenant', tenant],
  ];
  if (identity.clientId !== undefined) {
    out.push('x-mintmark-client', encodeValue(identity.clientId));
  }
  if (identity.subKey !== undefined) {
    out.push('x-mintmark-sub-key', subKeyName(identity.subKey.links).id);
  }
  renderedIdentities.set(identity, out);
  return out;
}

/** Typed: a client that acts for itself is not taken for a person, or owner, of the same name. */
export function subjectOf({ subject, clientId }: Identity): string {
  return clientId === undefined ? subject : typedSubject(clientId, subject);
}

/**
 * As visible ASCII: every other byte, and `%`, is percent-encoded as UTF-8, so that a subject can
 * neither break out of its header nor be taken for another.
 */
export function encodeValue(value: string): string {
  if (/^[\x21-\x24\x26-\x7e]*$/.test(value)) return value;
  let out = '';
  for (const byte of Buffer.from(value, 'utf8')) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x25;
    out += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
