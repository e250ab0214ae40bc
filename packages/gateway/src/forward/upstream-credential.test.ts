import type { CredentialField, NodeKeyRegistry } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let heads: string[];

const canary = 'canary-4711-secret';

beforeEach(async () => {
  heads = [];
  upstream = await openRawUpstream((socket, head) => {
    heads.push(head);
    plainAnswer(socket);
  });
  const route = { name: 'in', match: { path_prefix: '/in' }, upstream: upstream.url };
  const nodeKeys: NodeKeyRegistry = { publish: async () => {} };
  const named = { ...route, upstream_credential: 'billing' };
  rig = await openRig([named], {}, [], { nodeKeys });
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

async function tell(credential: CredentialField | null): Promise<void> {
  rig.feed.push({ type: 'upstream_credential', name: 'billing', credential });
  await rig.caughtUp();
}

const send = (token: string | undefined, headers = {}) =>
  ask(rig.listener.port, {
    ...{ path: '/in/x', headers: { ...(token && bearer(token)), ...headers } },
  });

function sent(name: string): string[] {
  const found = heads.at(-1)!.matchAll(new RegExp(`^${name}: (.*)\r$`, 'gim'));
  return [...found].map(([, value]) => value!);
}

const authorization = { header: 'authorization', value: `Bearer ${canary}` };

describe('the upstream’s own credential', () => {
  it('takes the place of the outside one, beside who calls', async () => {
    await tell(authorization);
    const token = rig.token();
    expect((await send(token)).status).toBe(200);
    expect(sent('authorization')).toEqual([`Bearer ${canary}`]);
    expect(sent('x-mintmark-subject')).toEqual(['subject-1']);
    expect(heads.at(-1)).not.toContain(token);
  });

  it('goes in a header of its own, in which no client has a word', async () => {
    await tell({ header: 'x-key', value: canary });
    await send(rig.token(), { 'x-key': 'forged', X_Key: 'forged', 'x.key': 'forged' });
    expect(sent('x-key')).toEqual([canary]);
    expect(heads.at(-1)).not.toMatch(/forged|^authorization/im);
  });

  it('is replaced at once, and its route refuses while there is none', async () => {
    const none = await send(rig.token());
    expect([none.status, JSON.parse(none.body).code]).toEqual([
      503,
      'upstream_credential_unavailable',
    ]);
    expect(heads).toEqual([]);
    await tell(authorization);
    expect((await send(rig.token())).status).toBe(200);
    await tell({ header: 'authorization', value: 'Bearer another' });
    await send(rig.token());
    expect(sent('authorization')).toEqual(['Bearer another']);
    await tell(null);
    expect((await send(rig.token())).status).toBe(503);
    expect(heads).toHaveLength(2);
  });

  it('is told to nobody who may not use the route', async () => {
    await tell(authorization);
    expect((await send(undefined)).status).toBe(401);
    expect((await send('wrong')).status).toBe(401);
    expect(heads).toEqual([]);
  });

  it('goes beside an internal token', async () => {
    rig.route({
      ...{ name: 'in', match: { path_prefix: '/in' }, upstream: upstream.url },
      ...{ upstream_credential: 'billing', internal_token: { header: 'x-internal' } },
    });
    await tell(authorization);
    await until(() => rig.gateway.keySet().length === 1);
    expect((await send(rig.token())).status).toBe(200);
    expect(sent('authorization')).toEqual([`Bearer ${canary}`]);
    expect(sent('x-internal')).toHaveLength(1);
  });

  it('stands in no answer, decision, log or metric', async () => {
    await tell(authorization);
    const answers = [await send(rig.token()), await send('wrong')];
    await upstream.close();
    answers.push(await send(rig.token()));
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 502]);
    const { events, decisions, reports, gateway } = rig;
    await gateway.close();
    const said = JSON.stringify([answers, events, decisions, reports]) + gateway.renderMetrics();
    expect(decisions.length).toBeGreaterThan(0);
    expect(said).not.toContain(canary);
  });
});
