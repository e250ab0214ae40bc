import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock, seededEntropy } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSmtpServer, type SmtpServer } from './conformance/smtp-server.ts';
import { createMailer } from './mailer.ts';

const ports = { clock: manualClock(1_790_000_000_000), entropy: seededEntropy(1) };
const from = 'Example <id@example.com>';
const mail = { to: 'alice@example.com', subject: 'Grüße', text: 'Line one\n.\nLine three ä\n' };

describe('mail into a folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mintmark-mail-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is a message each, for the owner alone', async () => {
    const outbox = join(folder, 'outbox');
    const mailer = createMailer(ports, { url: `file:${outbox}`, from, login: undefined });
    await mailer.send(mail);
    await mailer.send(mail);
    const [first, second] = readdirSync(outbox);
    expect(second).toMatch(/^1790000000000-\w{17}\.eml$/);
    expect(statSync(join(outbox, first!)).mode & 0o777).toBe(0o600);
    const text = readFileSync(join(outbox, first!), 'utf8');
    expect(text).toMatch(/^To: alice@example\.com\r?$/m);
    expect(text).toMatch(/^From: Example <id@example\.com>\r?$/m);
  });

  it('has no header that its text could write', async () => {
    const mailer = createMailer(ports, { url: `file:${folder}`, from, login: undefined });
    await mailer.send({ ...mail, subject: 'Hello\r\nBcc: mallory@example.com' });
    const [name] = readdirSync(folder);
    expect(readFileSync(join(folder, name!), 'utf8')).not.toMatch(/^Bcc:/m);
  });

  it('that cannot be written is a fault', async () => {
    const mailer = createMailer(ports, { url: 'file:/dev/null/x', from, login: undefined });
    await expect(mailer.send(mail)).rejects.toMatchObject({ code: 'mail_failed' });
  });
});

describe('mail by SMTP', () => {
  let server: SmtpServer;
  let heard: () => string;

  async function listen(host = '127.0.0.1'): Promise<number> {
    server = await openSmtpServer(host);
    heard = server.heard;
    return server.port;
  }

  afterEach(() => server.close());

  it('reaches its server', async () => {
    const url = `smtp://127.0.0.1:${await listen()}`;
    await createMailer(ports, { url, from, login: undefined }).send(mail);
    expect(heard()).toContain('MAIL FROM:<id@example.com>');
    expect(heard()).toContain('RCPT TO:<alice@example.com>');
    expect(heard()).toMatch(/^From: Example <id@example\.com>\r?$/m);
  });

  it('is not sent in clear over a network', async () => {
    // The same server under a name that is not this machine's own.
    const url = `smtp://127.0.0.2:${await listen('0.0.0.0')}`;
    const sent = createMailer(ports, { url, from, login: undefined }).send(mail);
    await expect(sent).rejects.toMatchObject({ code: 'mail_failed' });
    expect(heard()).not.toContain('MAIL FROM');
  });

  it('that nobody takes is a fault, which names no login', async () => {
    const port = await listen();
    await server.close();
    const login = { username: 'u', password: 'very secret' };
    const url = `smtps://127.0.0.1:${port}`;
    const sent = createMailer(ports, { url, from, login }).send(mail);
    await expect(sent).rejects.toMatchObject({
      code: 'mail_failed',
      message: expect.not.stringContaining('secret'),
    });
  });
});
