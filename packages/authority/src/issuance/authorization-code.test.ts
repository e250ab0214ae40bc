import {
  type ClientId,
  defaultTenant,
  limits,
  manualClock,
  type SubjectId,
  seededEntropy,
} from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { openMemoryCustody } from '../custody/memory.ts';
import { createPeppers } from '../custody/peppers.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import { buildCode, type CodeDraft, findCode } from './authorization-code.ts';

const draft: CodeDraft = {
  tenant: defaultTenant,
  clientId: 'app' as ClientId,
  redirectUri: 'https://app.example/cb',
  redirectUriGiven: true,
  subject: 'alice' as SubjectId,
  sessionId: 'session',
  scopes: ['openid'],
  audience: ['https://api.example'],
  codeChallenge: 'x'.repeat(43),
  nonce: 'n',
  authTimeSeconds: 1_790_000_000,
  acr: null,
  amr: ['pwd'],
  claims: { id_token: { email: null } },
  dpopJkt: null,
};

async function bed() {
  const clock = manualClock(1_790_000_000_000);
  const entropy = seededEntropy(1);
  const store = openMemoryStore();
  const custody = openMemoryCustody({ entropy, clock });
  const peppers = await createPeppers({ custody, store, entropy, clock });
  return { clock, entropy, store, peppers, prefix: 'mm', feedHead: () => 7 };
}

async function made(deps: Awaited<ReturnType<typeof bed>>): Promise<string> {
  const { text, step } = buildCode(deps, draft);
  expect(await deps.store.acts.run({ steps: [step], audit: null })).toMatchObject({
    outcome: 'done',
  });
  return text;
}

describe('an authorization code', () => {
  it('leads back to what was agreed to', async () => {
    const deps = await bed();
    const found = await findCode(deps, defaultTenant, await made(deps));
    expect(found).toMatchObject({ ...draft, position: 7, consumed: false });
    expect(found?.expiresAt).toBe(1_790_000_000 + limits.authorizationCodeSeconds);
    expect(found?.family).toMatch(/^[0-9A-Za-z]{17}$/);
  });

  it('keeps what guards it under the names that mintmark doctor looks for', async () => {
    const deps = await bed();
    await made(deps);
    const [row] = await deps.store.authorizationCodes.list({ limit: 1 });
    expect(row?.terms).toMatchObject({ codeChallenge: draft.codeChallenge, nonce: 'n' });
  });

  it('lives for a minute at most', () => {
    expect(limits.authorizationCodeSeconds).toBeLessThanOrEqual(60);
  });

  it('is stored nowhere', async () => {
    const deps = await bed();
    const text = await made(deps);
    const rows = JSON.stringify(await deps.store.authorizationCodes.list({ limit: 10 }));
    expect(rows).not.toContain(text.slice(-39, -6));
  });

  it('is not found by another secret, in another tenant, or as another kind', async () => {
    const deps = await bed();
    const [one, other] = [await made(deps), await made(deps)];
    const { text: forged } = buildCode(deps, draft);
    expect(await findCode(deps, defaultTenant, forged)).toBeUndefined();
    expect(await findCode(deps, 'other' as typeof defaultTenant, one)).toBeUndefined();
    expect(await findCode(deps, defaultTenant, one.replace('_ac_', '_at_'))).toBeUndefined();
    expect(await findCode(deps, defaultTenant, 'x')).toBeUndefined();
    const rows = await deps.store.authorizationCodes.list({ limit: 10 });
    const [first, second] = rows.map(({ partition, tenant, id, hash }) => ({
      where: { partition, tenant, id },
      hash,
    }));
    const step = { do: 'update', table: 'authorizationCodes' } as const;
    await deps.store.acts.run({
      steps: [
        { ...step, where: first!.where, set: { hash: second!.hash } },
        { ...step, where: second!.where, set: { hash: first!.hash } },
      ],
      audit: null,
    });
    expect(await findCode(deps, defaultTenant, one)).toBeUndefined();
    expect(await findCode(deps, defaultTenant, other)).toBeUndefined();
  });
});
