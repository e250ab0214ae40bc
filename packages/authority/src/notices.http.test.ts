/** What owners of credentials are told: through a whole authority, to a real mail server. */
import {
  defaultTenant,
  limits,
  manualClock,
  rfc3339,
  seededEntropy,
  type UnixMs,
} from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSmtpServer, type SmtpServer } from './alerts/conformance/smtp-server.ts';
import { createMailer } from './alerts/mailer.ts';
import { noticeStep, tellOwner } from './alerts/tell-owner.ts';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;
type Item = Record<string, unknown>;

const dayMs = 86_400_000;
const contact = 'ops@example.com';

let server: SmtpServer;
let hooked: Item[];
let takes: boolean;
let bed: Bed;

beforeEach(async () => {
  server = await openSmtpServer();
  hooked = [];
  takes = true;
});
afterEach(() => server.close());

interface Ways {
  readonly mail?: boolean;
  readonly contact?: string;
  readonly webhook?: boolean;
}

async function open({ mail = true, contact, webhook = false }: Ways = {}) {
  const url = `smtp://127.0.0.1:${server.port}`;
  const ports = { clock: manualClock(0), entropy: seededEntropy(1) };
  const mailer = createMailer(ports, { url, from: 'id@example.com', login: undefined });
  const hook = {
    async send(body: string) {
      hooked.push(JSON.parse(body));
      return takes;
    },
  };
  bed = await managementBed(1, undefined, {
    alerts: { contact, ...(webhook && { webhook: hook }) },
    ...(mail && { mailer }),
  });
}

const facts = { name: 'Deploy', id: 'k1', expires_at: '2026-12-01T00:00:00Z', last_used: null };

function news(owner: string, occasion = '1/7') {
  const about = { kind: 'key', id: 'k1' } as const;
  return { tenant: defaultTenant, kind: 'key.expiring', occasion, owner, about, facts } as const;
}

async function told(...notices: Parameters<typeof tellOwner>[1]) {
  await tellOwner(bed.ports, notices);
  await delivered();
}

/** Whoever closes waits for the message that is under way. */
async function delivered() {
  const isDue = ({ next_attempt_at: at }: Item) =>
    at !== null && Date.parse(String(at)) <= bed.clock.nowMs();
  do {
    await bed.authority.tick();
    await bed.authority.close();
    await bed.restart();
  } while ((await notices()).some(isDue));
}

async function notices(query = ''): Promise<Item[]> {
  const { body, text } = await bed.call('GET', `/v1/notices${query}`);
  expect(body['items'], text).toBeDefined();
  return body['items'] as Item[];
}

const verified = { email: 'alice@example.com', email_verified: true };

async function user(claims: Item) {
  const made = await bed.call('POST', '/v1/users', { json: { username: 'alice', claims } });
  return String(made.body['id']);
}

const recipients = () => [...server.heard().matchAll(/RCPT TO:<(.*)>/g)].map(([, to]) => to);

describe('the owner of a credential', () => {
  it('hears by mail, in the language of the account', async () => {
    await open();
    await told(news(await user({ ...verified, locale: 'de-AT' })));
    expect(recipients()).toEqual(['alice@example.com']);
    expect(server.heard()).toContain('2026-12-01 00:00 UTC');
    expect(server.heard()).toContain('Zuletzt benutzt: =E2=80=93');
    expect(await notices()).toMatchObject([
      { status: 'told', mail: 'sent', webhook: 'none', about: { kind: 'key', id: 'k1' } },
    ]);
  });

  it('may be named by the name of a user, or be an address', async () => {
    await open({ contact });
    await user(verified);
    await told(news('ALICE', '1'), news('team@example.com', '2'), news('the platform team', '3'));
    expect(recipients().sort()).toEqual(['alice@example.com', contact, 'team@example.com']);
  });

  it('has somebody who stands in where no address was verified, or who is disabled', async () => {
    await open({ contact });
    const id = await user({ ...verified, email_verified: false });
    await told(news(id, '1'));
    const headers = await bed.ifMatch(`/v1/users/${id}`);
    const json = { claims: verified };
    expect((await bed.call('PATCH', `/v1/users/${id}`, { headers, json })).status).toBe(200);
    await told(news(id, '2'));
    const now = { headers: await bed.ifMatch(`/v1/users/${id}`) };
    expect((await bed.call('POST', `/v1/users/${id}/disable`, now)).status).toBe(200);
    await told(news(id, '3'));
    expect(recipients()).toEqual([contact, 'alice@example.com', contact]);
  });

  it('is told the same news once, by however many', async () => {
    await open({ contact });
    await told(news('a'), news('a'));
    bed.clock.advanceMs(dayMs);
    await told(news('a'));
    expect(recipients()).toEqual([contact]);
  });

  it('is told by the operator’s own program too, which hears what there is to know', async () => {
    await open({ mail: false, webhook: true });
    await told(news('a'));
    expect(hooked).toEqual([
      {
        ...{
          id: 'key.expiring/k1/1/7',
          kind: 'key.expiring',
          tenant: 'default',
          owner: 'a',
          facts,
        },
        issuer: 'https://issuer.example',
        about: { kind: 'key', id: 'k1' },
        subject: 'The API key “Deploy” ends soon',
        text: expect.stringContaining('2026-12-01 00:00 UTC'),
        created_at: '2026-09-21T14:13:20.000Z',
      },
    ]);
    expect(await notices()).toMatchObject([{ status: 'told', mail: 'none', webhook: 'sent' }]);
  });

  it('hears of an act that was done, and of none that was refused', async () => {
    await open({ contact });
    const step = noticeStep(news('a'), bed.clock.nowMs());
    const where = { tenant: defaultTenant, id: 'nobody' };
    const refused = { do: 'require', table: 'users', where, refused: 'no' } as const;
    await bed.store.acts.run({ steps: [step, refused], audit: null });
    await delivered();
    expect(await notices()).toEqual([]);
    await bed.store.acts.run({ steps: [step], audit: null });
    await delivered();
    expect(recipients()).toEqual([contact]);
  });

  it('without any way is not told, and that is seen', async () => {
    await open({ mail: false });
    await told(news('a'));
    expect(await notices('?status=kept')).toMatchObject([{ owner: 'a', mail: 'none' }]);
    expect(await notices('?status=told')).toEqual([]);
  });
});

describe('a message that nobody takes', () => {
  it('is sent again later, by the way that failed alone, and then given up', async () => {
    await open({ contact, webhook: true });
    takes = false;
    await told(news('a'));
    expect(await notices()).toMatchObject([{ status: 'waiting', mail: 'sent', webhook: 'due' }]);
    // The next one is due in a minute and not before.
    bed.clock.advanceMs(limits.noticeRetryMs - 1);
    await delivered();
    expect(hooked).toHaveLength(1);
    for (let tries = 1; tries < limits.noticeAttemptsMax; tries++) {
      bed.clock.advanceMs(limits.noticeRetryMsMax);
      await delivered();
    }
    expect(recipients()).toEqual([contact]);
    expect(hooked).toHaveLength(limits.noticeAttemptsMax);
    expect(await notices()).toMatchObject([{ status: 'told', webhook: 'failed' }]);
    const found = await bed.call('GET', '/v1/audit/events?action=notice.give_up');
    expect(found.body['items']).toMatchObject([{ result: 'not_reached' }]);
  });

  it('waits while the mail server is away', async () => {
    await open({ contact });
    await server.close();
    await told(news('a'));
    expect(await notices()).toMatchObject([{ status: 'waiting', mail: 'due', attempts: 1 }]);
    expect(bed.events).toMatchObject([{ where: 'notices', error: { code: 'mail_failed' } }]);
    server = await openSmtpServer();
  });

  it('is listed as failed where no way was left', async () => {
    await open({ mail: false, webhook: true });
    takes = false;
    await told(news('a'));
    for (let tries = 1; tries < limits.noticeAttemptsMax; tries++) {
      bed.clock.advanceMs(limits.noticeRetryMsMax);
      await delivered();
    }
    expect(await notices('?status=failed')).toHaveLength(1);
  });
});

describe('notices', () => {
  it('are listed newest first, in pages', async () => {
    await open({ mail: false });
    for (const occasion of ['1', '2', '3']) {
      await told(news('a', occasion));
      bed.clock.advanceMs(1_000);
    }
    for (const query of ['?limit=2', '?limit=2&status=kept']) {
      const first = await bed.call('GET', `/v1/notices${query}`);
      const ids = (first.body['items'] as Item[]).map(({ id }) => id);
      expect(ids).toEqual(['key.expiring/k1/3', 'key.expiring/k1/2']);
      const next = encodeURIComponent(String(first.body['next']));
      expect(await notices(`${query}&cursor=${next}`)).toMatchObject([{ id: 'key.expiring/k1/1' }]);
    }
  });

  it('are for those who may read them', async () => {
    await open({ mail: false });
    const credential = await bed.credential('keys:read');
    expect((await bed.call('GET', '/v1/notices', { credential })).status).toBe(403);
  });
});

describe('a key that ends', () => {
  const expiring = async (days: number, more: Item = {}) => {
    const expires_at = rfc3339((bed.clock.nowMs() + days * dayMs) as UnixMs);
    const json = { name: 'Deploy', scopes: [], owner: 'a', expires_at, ...more };
    return String((await bed.call('POST', '/v1/keys', { json })).body['id']);
  };

  /** As many rounds as there are between two looks at what ends. */
  async function aMinute(authority = bed.authority) {
    for (let round = 0; round < 240; round++) await authority.tick();
  }

  const days = async () => (await notices()).map(({ id }) => String(id).split('/').at(-1)).sort();

  it('is told 14, 7 and 1 days before, once each, whichever process looks', async () => {
    await open({ contact });
    const id = await expiring(30);
    const other = (await bed.replica()).authority;
    const seen: string[][] = [];
    for (let day = 0; day < 30; day++) {
      bed.clock.advanceMs(dayMs);
      await aMinute();
      await aMinute(other);
      seen.push((await days()) as string[]);
    }
    expect(seen[14]).toEqual([]);
    expect(seen[15]).toEqual(['14']);
    expect(seen[22]).toEqual(['14', '7']);
    expect(seen[28]).toEqual(['1', '14', '7']);
    expect(seen[29]).toEqual(['1', '14', '7']);
    expect(await notices()).toMatchObject([
      { about: { id } },
      { about: { id } },
      { about: { id } },
    ]);
  });

  it('is told of the nearest day alone after nobody has looked for a while', async () => {
    await open({ contact });
    await expiring(30);
    bed.clock.advanceMs(29.5 * dayMs);
    await bed.restart();
    await aMinute();
    expect(await days()).toEqual(['1']);
  });

  it('is not told of what was known when it was made, was rotated or revoked', async () => {
    await open({ contact });
    await expiring(5);
    const rotated = await expiring(20);
    await bed.call('POST', `/v1/keys/${rotated}/rotate`, { json: { overlap_seconds: 60 } });
    const revoked = await expiring(20, { name: 'Gone' });
    const target = { kind: 'key', id: revoked };
    await bed.call('POST', '/v1/revocations', { json: { target, reason: 'test' } });
    await aMinute();
    expect(await days()).toEqual([]);
    bed.clock.advanceMs(10 * dayMs);
    await aMinute();
    // The successor: it ends when its predecessor would have.
    expect(await days()).toEqual(['14']);
  });

  it('is told anew where the end was put off', async () => {
    await open({ contact });
    const id = await expiring(20);
    bed.clock.advanceMs(14 * dayMs);
    await aMinute();
    const headers = await bed.ifMatch(`/v1/keys/${id}`);
    const json = { expires_at: rfc3339((bed.clock.nowMs() + 40 * dayMs) as UnixMs) };
    expect((await bed.call('PATCH', `/v1/keys/${id}`, { headers, json })).status).toBe(200);
    bed.clock.advanceMs(34 * dayMs);
    await aMinute();
    expect(await days()).toEqual(['7', '7']);
  });
});
