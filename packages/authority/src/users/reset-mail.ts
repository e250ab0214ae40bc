/** The message in which a user gets the token of a reset. */
import { rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import type { Mailer } from '../alerts/mailer.ts';
import type { ResetDelivery } from './resets.ts';

/** Where a token is turned into a new password. */
export function resetPageOf(issuer: string): string {
  return `${issuer}/reset`;
}

/** @param pageOf where the tenant's token is turned into a new password */
export function resetByMail(mailer: Mailer, pageOf: (tenant: TenantId) => string): ResetDelivery {
  return {
    async deliver({ tenant, email, username, token, expiresAtSeconds }) {
      const until = rfc3339((expiresAtSeconds * 1000) as UnixMs).slice(0, 16);
      await mailer.send({
        to: email,
        subject: 'Set a new password',
        text:
          `Somebody asked to set a new password for ${username}.\n\n` +
          `${pageOf(tenant)}?token=${token}\n\n` +
          `The link works once, until ${until.replace('T', ' ')} UTC. ` +
          'If it was not you, there is nothing to do: the password stays as it is.\n',
      });
    },
  };
}
