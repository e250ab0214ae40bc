import { defaultTenant, NetworkFault, type SubjectId } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Mail } from '../alerts/mailer.ts';
import type { AuthenticationRequest } from '../issuance/authentication-request.ts';
import { createRequestMail, type RequestMailDeps } from './request-mail.ts';

const at = 1_790_000_000_000;

function request(id: string, createdAt = at, bindingMessage: string | null = 'W4SCT') {
  const asked = { scopes: ['openid'], audience: [], acrValues: [], bindingMessage };
  const of = { tenant: defaultTenant, id, subject: 'alice' as SubjectId, createdAt };
  return { ...of, asked } as unknown as AuthenticationRequest;
}

let sent: Mail[];
let faults: unknown[];
let rows: { id: string; createdAt: number }[];
let claims: Record<string, unknown>;

function mail(send: (mail: Mail) => Promise<void> = async (one) => void sent.push(one)) {
  const deps = {
    store: { backchannelRequests: { list: async () => rows } },
    users: { get: async () => ({ claims }) },
    mailer: { send },
    pageUrlOf: () => 'https://issuer.example/account/requests',
    clock: {},
    onFault: (fault: unknown) => faults.push(fault),
  } as unknown as RequestMailDeps;
  return createRequestMail(deps);
}

beforeEach(() => {
  sent = [];
  faults = [];
  rows = [{ id: 'one', createdAt: at }];
  claims = { email: 'alice@example.com', email_verified: true };
});

describe('a person who is asked by the back channel', () => {
  it('is told where to answer, and what the client shows', async () => {
    const box = mail();
    box.tell(request('one'), 'Call Centre');
    await box.settled();
    expect(sent).toEqual([
      {
        to: 'alice@example.com',
        subject: 'An application asks for your approval',
        text: expect.stringContaining('https://issuer.example/account/requests'),
      },
    ]);
    expect(sent[0]!.text).toContain('Call Centre asks for access');
    expect(sent[0]!.text).toContain('It shows: W4SCT');
  });

  it('gets no second message within a minute', async () => {
    rows = [
      { id: 'one', createdAt: at - 30_000 },
      { id: 'two', createdAt: at },
    ];
    const box = mail();
    box.tell(request('two'), 'Call Centre');
    await box.settled();
    expect(sent).toEqual([]);
  });

  it.each([
    [{ email: 'alice@example.com' }],
    [{ email: 'alice@example.com', email_verified: false }],
    [{ email_verified: true }],
  ])('gets none at an address that is not known to be theirs', async (known) => {
    claims = known;
    const box = mail();
    box.tell(request('one', at, null), 'Call Centre');
    await box.settled();
    expect(sent).toEqual([]);
  });

  it('does not wait for a mail server, and the operator hears of its faults', async () => {
    const box = mail(async () => {
      throw new NetworkFault('mail_failed', 'nobody is there');
    });
    box.tell(request('one'), 'Call Centre');
    await box.settled();
    expect(faults).toHaveLength(1);
  });

  it('gets none where there are too many under way, or no mail at all', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const box = mail(async (one) => {
      await held;
      sent.push(one);
    });
    for (let i = 0; i < 70; i++) box.tell(request('one'), 'Call Centre');
    release();
    await box.settled();
    expect(sent).toHaveLength(64);
  });
});
