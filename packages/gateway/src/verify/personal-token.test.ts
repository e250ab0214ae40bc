/** Personal access tokens at a gateway: judged by what the feed says of their user now. */
import {
  defaultPatPolicy,
  type KeyView,
  limits,
  type PatPolicy,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, startMs, until } from '../conformance/rig.ts';

let rig: Rig;
let upstream: RawUpstream;

beforeEach(async () => {
  upstream = await openRawUpstream(plainAnswer);
  const common = { upstream: upstream.url };
  rig = await openRig([
    { name: 'read', match: { path_prefix: '/r' }, scopes: ['read'], ...common },
    { name: 'other', match: { path_prefix: '/o' }, audience: 'https://other.test', ...common },
  ]);
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

function pat(view: Partial<KeyView> = {}) {
  const createdAt = startMs as UnixMs;
  const terms = { audience: null, approved: false };
  return rig.key({ owner: 'alice', createdAt, pat: terms, ...view });
}

const role = (scopes: readonly string[] | null) =>
  rig.feed.push({ type: 'role', name: 'dev', scopes });
const member = (roles: readonly string[], groups: readonly string[] = []) =>
  rig.feed.push({ type: 'member', subject: 'alice', roles, groups });
const policy = (part: Partial<PatPolicy>) =>
  rig.feed.push({ type: 'pat_policy', policy: { ...defaultPatPolicy, ...part } });

async function status(text: string, path = '/r'): Promise<number> {
  await rig.caughtUp();
  return (await ask(rig.listener.port, { path, headers: bearer(text) })).status;
}

describe('a personal access token at a gateway', () => {
  it('may what both it and its user may', async () => {
    role(['read', 'write']);
    member(['dev']);
    const { text } = pat();
    expect(await status(text)).toBe(200);
    expect(await status(pat({ scopes: ['write'] }).text)).toBe(403);
  });

  it('may nothing of which the feed does not say that its user may', async () => {
    const { text } = pat();
    expect(await status(text)).toBe(403);
    expect(rig.asked).toEqual([]);
  });

  it('loses what its user loses, and has again what the user has again', async () => {
    role(['read']);
    rig.feed.push({ type: 'group', name: 'staff', roles: ['dev'] });
    member([], ['staff']);
    const { text } = pat();
    expect(await status(text)).toBe(200);
    const losses: readonly [() => void, () => void][] = [
      [() => role(['write']), () => role(['read'])],
      [() => role(null), () => role(['read'])],
      [
        () => rig.feed.push({ type: 'group', name: 'staff', roles: null }),
        () => rig.feed.push({ type: 'group', name: 'staff', roles: ['dev'] }),
      ],
      [() => member([]), () => member(['dev'])],
    ];
    for (const [lose, regain] of losses) {
      lose();
      expect(await status(text)).toBe(403);
      regain();
      expect(await status(text)).toBe(200);
    }
  });

  it('is good at its resources alone', async () => {
    role(['read']);
    member(['dev']);
    const terms = { audience: ['https://other.test'], approved: false };
    const { text } = pat({ pat: terms });
    expect(await status(text)).toBe(401);
    expect(await status(text, '/o')).toBe(200);
  });

  it('is held to the policy of the moment', async () => {
    role(['read']);
    member(['dev']);
    const createdAt = (startMs - 120_000) as UnixMs;
    const expiresAt = (startMs / 1000 + 1e6) as UnixSeconds;
    const { text, id } = pat({ createdAt, expiresAt });
    policy({ requiresApproval: true });
    expect(await status(text)).toBe(401);
    const view = rig.feed.lastKey() as KeyView;
    rig.feed.push({
      type: 'key',
      key: { ...view, id: view.id, pat: { ...view.pat!, approved: true } },
    });
    expect(view.id).toBe(id);
    expect(await status(text)).toBe(200);
    policy({ allowedScopes: ['write'] });
    expect(await status(text)).toBe(403);
    policy({ maxLifeSeconds: 121 });
    expect(await status(text)).toBe(200);
    policy({ maxLifeSeconds: 119 });
    expect(await status(text)).toBe(401);
  });

  it('names its user and itself in the decisions', async () => {
    role(['read']);
    member(['dev']);
    const { text, id } = pat();
    await status(text);
    rig.timers.advance(limits.decisionFlushMs);
    await until(() => rig.decisions.length > 0);
    expect(rig.decisions).toMatchObject([{ credentialId: id, subject: 'alice', verdict: 'allow' }]);
  });
});
