/** Where the owner of a credential is reached. */
import type { SubjectId, TenantId } from '@mintmark/core';
import type { Addressee } from '../alerts/deliver-notices.ts';
import type { Users } from './users.ts';

/**
 * A user hears at an address that was verified, while he is one; an address as an owner is taken
 * by its word, where no user has it for a name. Everybody else's news goes to the contact.
 */
export async function addresseeOf(
  users: Pick<Users, 'get' | 'findByUsername'>,
  input: {
    readonly tenant: TenantId;
    readonly owner: string;
    readonly contact: string | undefined;
  },
): Promise<Addressee | undefined> {
  const { tenant, owner, contact } = input;
  const user =
    (await users.get(tenant, owner as SubjectId)) ?? (await users.findByUsername(tenant, owner));
  const standIn = contact === undefined ? undefined : { email: contact };
  if (user === undefined) return isAddress(owner) ? { email: owner } : standIn;
  const { email, email_verified: isVerified, locale } = user.claims;
  const isReached = user.status === 'active' && email !== undefined && isVerified === true;
  return isReached ? { email, language: locale } : standIn;
}

function isAddress(text: string): boolean {
  return /^[^\s@<>,;:"]+@[^\s@<>,;:"]+$/.test(text);
}
