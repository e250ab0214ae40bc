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
    async deliver({ tenant, email, username, language, token, expiresAtSeconds }) {
      const until = rfc3339((expiresAtSeconds * 1000) as UnixMs).slice(0, 16);
      const link = `${pageOf(tenant)}?token=${token}`;
      const primary = language.split('-', 1)[0]!.toLowerCase();
      const write = Object.hasOwn(messages, primary) ? messages[primary] : undefined;
      const facts = { username, link, until: `${until.replace('T', ' ')} UTC` };
      await mailer.send({ to: email, ...(write ?? english)(facts) });
    },
  };
}

type Write = (facts: {
  readonly username: string;
  readonly link: string;
  readonly until: string;
}) => { readonly subject: string; readonly text: string };

const english: Write = ({ username, link, until }) => ({
  subject: 'Set a new password',
  text:
    `Somebody asked to set a new password for ${username}.\n\n${link}\n\n` +
    `The link works once, until ${until}. ` +
    'If it was not you, there is nothing to do: the password stays as it is.\n',
});

const german: Write = ({ username, link, until }) => ({
  subject: 'Ein neues Passwort setzen',
  text:
    `Jemand möchte für ${username} ein neues Passwort setzen.\n\n${link}\n\n` +
    `Der Link gilt einmal, bis ${until}. ` +
    'Waren Sie es nicht, ist nichts zu tun: Das Passwort bleibt, wie es ist.\n',
});

/** The languages of the pages. */
const messages: Readonly<Record<string, Write>> = { en: english, de: german };
