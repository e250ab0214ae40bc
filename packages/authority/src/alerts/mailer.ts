/**
 * Mail to people: one message at a time, as plain text, by SMTP or into a folder where there is no
 * mail yet. Neighbours: whoever has to tell a person something. What must never happen: a message
 * that leaves in clear over a network, or one of whose headers its text could write.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Entropy, freshId, limits, NetworkFault } from '@mintmark/core';
import type { Transporter } from 'nodemailer';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface Mailer {
  /** @throws NetworkFault `mail_failed`; it may have been sent all the same */
  send(mail: Mail): Promise<void>;
}

export interface MailSettings {
  /** `smtps://HOST:PORT`, `smtp://HOST:PORT` (STARTTLS, but for this machine), `file:DIR`. */
  readonly url: string;
  /** Whom it comes from, as `From` has it. */
  readonly from: string;
  readonly login: { readonly username: string; readonly password: string } | undefined;
}

/** @throws nothing: what is wrong shows when something is sent */
export function createMailer(
  ports: { readonly clock: Pick<Clock, 'nowMs'>; readonly entropy: Entropy },
  settings: MailSettings,
): Mailer {
  const folder = /^file:(.+)$/.exec(settings.url)?.[1];
  const transport = connect(settings, folder !== undefined);
  return {
    async send(mail) {
      try {
        const sent = await (await transport()).sendMail({ ...mail, from: settings.from });
        if (folder === undefined) return;
        // Sorted by time, and readable by nobody else: what is mailed lets people in.
        const name = `${ports.clock.nowMs()}-${freshId(ports.entropy)}.eml`;
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(join(folder, name), messageOf(sent), { mode: 0o600, flag: 'wx' });
      } catch (cause) {
        throw new NetworkFault(
          'mail_failed',
          `a message could not be sent by ${nameOf(settings)}`,
          {
            cause,
            hint: 'check `mail` in the configuration, and the log of that server',
          },
        );
      }
    },
  };
}

/** Loaded and opened with the first message: most processes send none. */
function connect(settings: MailSettings, isFolder: boolean): () => Promise<Transporter> {
  let made: Promise<Transporter> | undefined;
  return () => {
    made ??= import('nodemailer').then(({ default: nodemailer }) =>
      isFolder
        ? nodemailer.createTransport({ streamTransport: true, buffer: true })
        : nodemailer.createTransport(smtpOptions(settings)),
    );
    return made;
  };
}

function smtpOptions({ url, login }: MailSettings) {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'smtps:';
  const host = hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    // RFC 8314 §3: never in clear; only a relay on this very machine is reached without.
    requireTLS: !secure && !thisMachine.has(host),
    ...(login === undefined ? {} : { auth: { user: login.username, pass: login.password } }),
    connectionTimeout: limits.mailTimeoutMs,
    greetingTimeout: limits.mailTimeoutMs,
    socketTimeout: limits.mailTimeoutMs,
    // A message is what is given, and nothing that it names.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

const thisMachine: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

/** What the transport that sends nowhere has composed. */
function messageOf(sent: unknown): Uint8Array {
  return (sent as { readonly message: Uint8Array }).message;
}

/** Without what a URL could carry of a login. */
function nameOf({ url }: MailSettings): string {
  return url.startsWith('file:') ? url : new URL(url).host;
}
