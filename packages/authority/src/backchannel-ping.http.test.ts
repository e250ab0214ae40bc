import { defaultTenant, NetworkFault, ok } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type BackchannelBed,
  backchannelBed,
  notificationEndpoint,
  pingRules,
} from './backchannel-bed.ts';
import { sealContext } from './custody/contexts.ts';

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

let bed: BackchannelBed;
let sent: Sent[];
let answers: (number | 'unreachable')[];

const token = 'a-token.of~the/client+=';
const withToken = { client_notification_token: token };

beforeEach(async () => {
  bed = await backchannelBed(pingRules);
  sent = [];
  answers = [];
  const send = async (request: Sent) => {
    sent.push(request);
    const status = answers.shift() ?? 204;
    if (status === 'unreachable') throw new NetworkFault('outbound_failed', 'nobody is there');
    return ok({ status, header: () => undefined, body: new Uint8Array() });
  };
  Object.assign(bed.web, { send });
});

/** A round of the authority's own work, the calls that it began included. */
async function round(): Promise<void> {
  await bed.authority.tick();
  await bed.authority.close();
}

async function answered(how: 'approve' | 'deny' = 'approve') {
  const one = await bed.asked(withToken);
  await bed.answer(one.id, how);
  return one;
}

const rowOf = async (id: string) => (await bed.store.backchannelRequests.get(defaultTenant, id))!;
/** What the trail has of a request, by its leaves. */
async function recordsOf(id: string): Promise<readonly Record<string, unknown>[]> {
  const where = { tenant: defaultTenant, object: `authentication_request:${id}` };
  const rows = await bed.store.auditLog.list({ where, orderBy: ['index'], limit: 100 });
  return rows.map(({ leaf }) => JSON.parse(Buffer.from(leaf).toString()));
}

describe('a client of the mode ping', () => {
  it('is called once the person has answered, and not before', async () => {
    const { authReqId, id } = await bed.asked(withToken);
    await round();
    expect(sent).toEqual([]);
    await bed.answer(id, 'approve');
    await round();
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ url: notificationEndpoint, method: 'POST' });
    expect(sent[0]!.headers).toEqual({
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
    });
    expect(JSON.parse(sent[0]!.body)).toEqual({ auth_req_id: authReqId });
    await round();
    expect(sent).toHaveLength(1);
    expect((await bed.poll(authReqId)).status).toBe(200);
  });

  it('is called where the person said no, too', async () => {
    const { authReqId } = await answered('deny');
    await round();
    expect(sent).toHaveLength(1);
    expect((await bed.poll(authReqId)).json['error']).toBe('access_denied');
  });

  it('may ask by itself, and is not called then', async () => {
    const { authReqId, id } = await answered();
    expect((await bed.poll(authReqId)).status).toBe(200);
    expect(await rowOf(id)).toMatchObject({ sealedPing: null, nextAttemptAt: null });
    await round();
    expect(sent).toEqual([]);
  });

  it.each([[204], [200], [202]])('is done with an answer of %d', async (status) => {
    answers = [status];
    const { id } = await answered();
    await round();
    expect(await rowOf(id)).toMatchObject({ sealedPing: null, nextAttemptAt: null });
  });

  it.each([[301], [307], [400], [401], [403]])('is not called again after %d', async (status) => {
    answers = [status];
    const { authReqId, id } = await answered();
    for (let i = 0; i < 3; i++) {
      await round();
      bed.clock.advanceMs(60_000);
    }
    expect(sent).toHaveLength(1);
    expect(await rowOf(id)).toMatchObject({ sealedPing: null, nextAttemptAt: null });
    // What it refused to hear it may still ask for.
    expect((await bed.poll(authReqId)).status).toBe(200);
  });

  it('that is away is called again, ever later, and given up in the end', async () => {
    answers = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'unreachable' : 503));
    const { id } = await bed.asked({ ...withToken, requested_expiry: '3600' });
    bed.clock.advanceMs(1);
    await bed.answer(id, 'approve');
    const tries: number[] = [];
    for (let second = 0; second < 120; second++) {
      const before = sent.length;
      await round();
      if (sent.length > before) tries.push(second);
      bed.clock.advanceMs(1_000);
    }
    expect(tries).toEqual([0, 6, 13, 22, 35, 56]);
    expect(await rowOf(id)).toMatchObject({ sealedPing: null, nextAttemptAt: null });
    expect(await recordsOf(id)).toMatchObject([
      { action: 'authentication_request.create' },
      { action: 'authentication_request.approve' },
      { action: 'authentication_request.notify', result: 'client_not_reached' },
    ]);
  });

  it('is not called any more where the request has expired, or the client is gone', async () => {
    await answered();
    bed.clock.advanceMs(300_000);
    await round();
    const other = await answered();
    const path = `/v1/clients/${bed.caller.clientId}`;
    const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
    await bed.manage('PATCH', path, { json: { status: 'disabled' }, ifMatch });
    await round();
    expect(sent).toEqual([]);
    expect(await rowOf(other.id)).toMatchObject({ sealedPing: null, nextAttemptAt: null });
  });

  it('has what it is called with sealed, bound to its request', async () => {
    const { authReqId, id } = await bed.asked(withToken);
    const { sealedPing } = await rowOf(id);
    const text = Buffer.from(sealedPing!).toString('latin1');
    expect(text).not.toContain(token);
    expect(JSON.stringify(await rowOf(id))).not.toContain(authReqId.slice(23));
    const opened = await bed.sealer.open(defaultTenant, sealContext.ping(id), sealedPing!);
    expect(JSON.parse(Buffer.from(opened).toString())).toEqual({
      authReqId,
      notificationToken: token,
    });
    await expect(
      bed.sealer.open(defaultTenant, sealContext.ping('x'), sealedPing!),
    ).rejects.toThrow();
  });

  it.each([
    ['without a token', undefined],
    ['with a token of foreign characters', 'a token'],
    ['with a token of 1025 characters', 'a'.repeat(1025)],
  ])('is refused %s', async (_, client_notification_token) => {
    const answer = await bed.ask({ client_notification_token });
    expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_request']);
  });

  it('counts what became of its calls', async () => {
    answers = [503, 204];
    await answered();
    await answered();
    await round();
    const { text } = await bed.get('/metrics', { authorization: `Bearer ${bed.adminKey}` });
    expect(text).toContain('mintmark_authentication_pings_delivered_total 1');
    expect(text).toContain('mintmark_authentication_pings_failed_total 1');
  });
});

it('is called by one of several processes', async () => {
  const other = await bed.replica();
  await answered();
  await Promise.all([bed.authority.tick(), other.authority.tick()]);
  await Promise.all([bed.authority.close(), other.authority.close()]);
  expect(sent).toHaveLength(1);
});
