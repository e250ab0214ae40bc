/**
 * The failure matrix: what a gateway depends on, one by one, gone; and what each kind of route does
 * about it. Authentication fails closed, always; what is decided without a dependency is marked.
 */
import { type IntrospectionAnswer, nowSeconds, type UnixSeconds } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, turn, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  const route = (name: string, more: object = {}) => ({
    ...{ name, match: { path_prefix: `/${name}` }, upstream: upstream.url, ...more },
  });
  rig = await openRig([
    route('strict'),
    route('lasting', { on_stale: { continue_seconds: 60 } }),
    route('open', { credential: 'none' }),
    route('audited', { audit: 'required' }),
    route('audited-open', { audit: 'required', credential: 'none' }),
  ]);
  await until(() => rig.feed.waiting === 1);
});
afterEach(() => rig.close());

type Credential = 'jwt' | 'opaque' | 'counted key' | 'none';

/** What is lost, and how. */
const losses = {
  nothing() {},
  'the feed, beyond its lease'() {
    rig.feed.fault = new Error('gone');
    rig.feed.heartbeat();
    rig.timers.advance(10_000);
  },
  'the view'() {
    rig.feed.fault = new Error('gone');
    rig.gateway.view.invalidate();
  },
  introspection() {
    rig.introspect = async () => {
      throw new Error('gone');
    };
  },
  'the count of uses'() {
    rig.spend = async () => {
      throw new Error('gone');
    };
  },
  'the audit trail'() {
    rig.record = async () => {
      throw new Error('disk full');
    };
  },
} as const;

type Loss = keyof typeof losses;

function credentialOf(kind: Credential): Record<string, string> {
  switch (kind) {
    case 'none':
      return {};
    case 'jwt':
      return bearer(rig.token());
    case 'counted key':
      return bearer(rig.key({ metered: true }).text);
    case 'opaque':
      return bearer(rig.secret('at').text);
  }
}

function opaqueToken(): IntrospectionAnswer {
  return {
    ...{ active: true, kind: 'opaque', id: 'token-1', subject: 'u', clientId: 'c', scopes: [] },
    audience: [rig.gateway.view.issuer],
    issuedAt: nowSeconds(rig.clock),
    expiresAt: (nowSeconds(rig.clock) + 600) as UnixSeconds,
    ...{ position: rig.feed.head, family: undefined, signingKey: undefined, binding: undefined },
  };
}

/** Rows: what is lost. Columns: what is asked with which credential. */
const columns = [
  ['/strict', 'jwt'],
  ['/lasting', 'jwt'],
  ['/lasting', 'opaque'],
  ['/lasting', 'counted key'],
  ['/open', 'none'],
  ['/audited', 'jwt'],
  ['/audited-open', 'none'],
] as const;

const matrix: Readonly<Record<Loss, readonly (number | string)[]>> = {
  nothing: [200, 200, 200, 200, 200, 200, 200],
  'the feed, beyond its lease': [...['status_stale', 200, 200, 200, 200], ...['status_stale', 200]],
  'the view': [
    ...['status_absent', 'status_absent', 'status_absent', 'status_absent', 'status_absent'],
    ...['status_absent', 'status_absent'],
  ],
  introspection: [200, 200, 'introspection_unavailable', 200, 200, 200, 200],
  'the count of uses': [200, 200, 200, 'spending_unavailable', 200, 200, 200],
  'the audit trail': [200, 200, 200, 200, 200, 'audit_unavailable', 'audit_unavailable'],
};

describe.each(Object.keys(matrix) as Loss[])('without %s', (loss) => {
  it.each(columns.map(([path, kind], place) => [path, kind, matrix[loss][place]!] as const))(
    '%s with %s is answered %s',
    async (path, kind, expected) => {
      rig.introspect = async () => opaqueToken();
      const headers = credentialOf(kind);
      await rig.caughtUp();
      losses[loss]();
      const { status, body } = await ask(rig.listener.port, { path, headers });
      expect(status === 200 ? 200 : JSON.parse(body).code).toBe(expected);
      if (status !== 200) expect(status).toBe(503);
      rig.timers.advance(500);
      await until(() => rig.decisions.length === 1);
      const isMarked = loss === 'the feed, beyond its lease' && path === '/lasting';
      expect(rig.decisions[0]).toMatchObject({
        verdict: status === 200 ? 'allow' : 'deny',
        degraded: isMarked,
      });
    },
  );
});

describe('a route whose requests must be audited', () => {
  it('lets one through once it stands in the audit trail, and not before', async () => {
    let stored = (): void => {};
    const recorded: unknown[] = [];
    rig.record = (event) => {
      recorded.push(event);
      return new Promise((resolve) => {
        stored = resolve;
      });
    };
    const headers = bearer(rig.token({ subject: 'ann' as never }));
    const answer = ask(rig.listener.port, { path: '/audited/1', headers });
    await until(() => recorded.length === 1);
    for (let i = 0; i < 5; i++) await turn();
    expect(upstream.received()).not.toContain('/audited/1');
    expect(recorded[0]).toMatchObject({ verdict: 'allow', path: '/audited/1', subject: 'ann' });
    stored();
    expect((await answer).status).toBe(200);
  });

  it('lets nobody through who was revoked while it was written', async () => {
    let stored = (): void => {};
    let asked = false;
    rig.record = () => {
      asked = true;
      return new Promise((resolve) => {
        stored = resolve;
      });
    };
    const { id, text } = rig.key();
    await rig.caughtUp();
    const answer = ask(rig.listener.port, { path: '/audited/late', headers: bearer(text) });
    await until(() => asked);
    rig.revoke({ kind: 'key', id: id as never });
    await rig.caughtUp();
    stored();
    expect((await answer).status).toBe(401);
    expect(upstream.received()).not.toContain('/audited/late');
  });

  it('does not wait longer than its bound', async () => {
    let asked = false;
    rig.record = () => {
      asked = true;
      return new Promise(() => {});
    };
    const answer = ask(rig.listener.port, { path: '/audited', headers: bearer(rig.token()) });
    await until(() => asked);
    rig.timers.advance(2_000);
    expect(JSON.parse((await answer).body).code).toBe('audit_unavailable');
  });

  it('records nothing of what it refuses', async () => {
    rig.record = () => Promise.reject(new Error('asked'));
    const { status } = await ask(rig.listener.port, { path: '/audited' });
    expect(status).toBe(401);
  });
});
