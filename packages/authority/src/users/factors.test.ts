import { limits, nowSeconds, type SubjectId } from '@mintmark/core';
import { sealedKeyId } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ResealCursor, resealRecords } from '../custody/rotation.ts';
import { acrOf, joinMethods } from './authentication.ts';
import { deleteUser } from './change-user.ts';
import { createFactors, type Factors } from './factors.ts';
import { totpCode, totpStep } from './totp.ts';
import { requesterOf, tenant, type UsersBed, usersBed } from './users-bed.ts';

let bed: UsersBed;
let factors: Factors;
let userId: SubjectId;
const requester = requesterOf();

beforeEach(async () => {
  bed = usersBed();
  factors = createFactors(bed);
  userId = await bed.addUser('alice');
});

/** RFC 4648 §6, the other way. */
function fromBase32(text: string): Uint8Array {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...text].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}

/** An app that holds the secret. */
async function enrol() {
  const begun = await factors.beginTotp({ requester, userId, issuer: 'id.example' });
  if (!begun.ok) throw new Error(begun.refusal.reason);
  const secret = fromBase32(begun.value.secret);
  return (away = 0) => totpCode(secret, totpStep(nowSeconds(bed.clock)) + away);
}

async function enrolled() {
  const app = await enrol();
  expect(await factors.confirmTotp({ requester, userId, code: app() })).toMatchObject({ ok: true });
  bed.clock.advanceMs(90_000);
  return app;
}

const verify = (code: string, by = factors) => by.verifyTotp({ requester, userId, code });

describe('an authenticator app', () => {
  it('counts from its first code on', async () => {
    const app = await enrol();
    expect(await factors.of(tenant, userId)).toMatchObject({ totp: false });
    expect(await verify(app())).toMatchObject({ refusal: { why: 'no_factor' } });
    const wrong = { requester, userId, code: app(7) };
    expect(await factors.confirmTotp(wrong)).toMatchObject({ refusal: { why: 'wrong' } });
    const code = app();
    expect(await factors.confirmTotp({ requester, userId, code })).toMatchObject({ ok: true });
    expect(await factors.of(tenant, userId)).toMatchObject({ totp: true });
    // That first code is used up too.
    expect(await verify(code)).toMatchObject({ refusal: { reason: 'invalid_code', why: 'used' } });
    expect(await bed.recorded()).toContain('user.factor_add');
  });

  it('gives codes that work once, in whatever process', async () => {
    const app = await enrolled();
    const other = createFactors(usersBed(bed.store, 5));
    const code = app();
    const judged = await Promise.all(
      Array.from({ length: 8 }, (_, i) => verify(code, i % 2 === 0 ? factors : other)),
    );
    expect(judged.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await verify(code)).toMatchObject({ refusal: { why: 'used' } });
  });

  it('may be a step off; an older code does not work after a newer one', async () => {
    const app = await enrolled();
    const late = app(-1);
    expect(await verify(app(1))).toEqual({ ok: true, value: { amr: ['otp'] } });
    expect(await verify(app(0))).toMatchObject({ refusal: { why: 'used' } });
    expect(await verify(late)).toMatchObject({ refusal: { why: 'used' } });
    expect(await verify(app(3))).toMatchObject({ refusal: { why: 'wrong' } });
  });

  it('keeps its secret sealed', async () => {
    const begun = await factors.beginTotp({ requester, userId, issuer: 'x' });
    const secret = begun.ok ? fromBase32(begun.value.secret) : new Uint8Array();
    const row = (await bed.store.userTotp.get(tenant, userId))!;
    expect(Buffer.from(row.sealedSecret).includes(Buffer.from(secret))).toBe(false);
  });

  it('is not replaced while it counts', async () => {
    await enrolled();
    const again = await factors.beginTotp({ requester, userId, issuer: 'x' });
    expect(again).toEqual({ ok: false, refusal: { reason: 'factor_exists' } });
    await factors.remove({ requester, userId, kind: 'totp' });
    expect(await factors.of(tenant, userId)).toMatchObject({ totp: false });
    await enrolled();
  });

  it('is not guessed: a right password does not take its count back', async () => {
    const app = await enrolled();
    for (let i = 0; i < limits.signInFailuresFree; i++) {
      expect(await verify(app(100 + i))).toMatchObject({ refusal: { reason: 'invalid_code' } });
      expect(await bed.tryPassword('alice')).toBe('ok');
    }
    expect(await verify(app())).toEqual({
      ok: false,
      refusal: { reason: 'locked', retryAfterSeconds: 1 },
    });
    bed.clock.advanceMs(60_000);
    expect(await verify(app())).toMatchObject({ ok: true });
  });
});

describe('recovery codes', () => {
  const use = (code: string, by = factors) => by.useRecoveryCode({ requester, userId, code });

  async function made(): Promise<readonly string[]> {
    const codes = await factors.makeRecoveryCodes({ requester, userId });
    if (!codes.ok) throw new Error(codes.refusal.reason);
    return codes.value;
  }

  it('work once each, however they are typed', async () => {
    const codes = await made();
    expect(new Set(codes).size).toBe(limits.recoveryCodesCount);
    expect(codes[0]).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){5}$/);
    expect(await use(` ${codes[0]!.toUpperCase().replaceAll('-', ' ')}`)).toMatchObject({
      ok: true,
    });
    expect(await use(codes[0]!)).toMatchObject({ refusal: { reason: 'invalid_code' } });
    const left = { recoveryCodesLeft: limits.recoveryCodesCount - 1 };
    expect(await factors.of(tenant, userId)).toMatchObject(left);
    expect(await bed.recorded()).toContain('user.recovery_use');
  });

  it('have one winner of many at once', async () => {
    const [code] = await made();
    const other = createFactors(usersBed(bed.store, 5));
    const judged = await Promise.all(
      Array.from({ length: 8 }, (_, i) => use(code!, i % 2 === 0 ? factors : other)),
    );
    expect(judged.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it('are kept as hashes, and new ones end the old ones', async () => {
    const [old] = await made();
    const rows = await bed.store.userRecoveryCodes.list({ limit: 100 });
    expect(JSON.stringify(rows)).not.toContain(old!.replaceAll('-', ''));
    await made();
    expect(await use(old!)).toMatchObject({ refusal: { why: 'wrong' } });
  });

  it('of one user are nothing for another, and none is guessed', async () => {
    const [code] = await made();
    const bob = await bed.addUser('bob');
    const stolen = { requester, userId: bob, code: code! };
    expect(await factors.useRecoveryCode(stolen)).toMatchObject({ refusal: { why: 'wrong' } });
    for (let i = 0; i < limits.signInFailuresFree; i++) await use('x'.repeat(1_000));
    expect(await use(code!)).toMatchObject({ refusal: { reason: 'locked' } });
  });
});

describe('factors', () => {
  it('are for users only, and go with them', async () => {
    const nobody = 'nobody' as SubjectId;
    const begun = await factors.beginTotp({ requester, userId: nobody, issuer: 'x' });
    expect(begun).toMatchObject({ refusal: { reason: 'user_not_found' } });
    expect(await factors.makeRecoveryCodes({ requester, userId: nobody })).toMatchObject({
      refusal: { reason: 'user_not_found' },
    });
    await enrolled();
    await factors.makeRecoveryCodes({ requester, userId });
    await deleteUser(bed, requester, { id: userId, version: 1 });
    expect(await bed.store.userTotp.count()).toBe(0);
    expect(await bed.store.userRecoveryCodes.count()).toBe(0);
  });

  it('that nobody has cannot be removed', async () => {
    for (const kind of ['totp', 'recovery_codes', 'passkeys'] as const) {
      expect(await factors.remove({ requester, userId, kind })).toEqual({
        ok: false,
        refusal: { reason: 'factor_not_found' },
      });
    }
  });

  it('are sealed again with claims when the data key was rotated', async () => {
    const app = await enrolled();
    await bed.addUser('carol', { claims: { name: 'Carol' } });
    await bed.sealer.rotateDataKeys(tenant, null);
    let cursor: ResealCursor | undefined;
    let changed = 0;
    do {
      const step = await resealRecords(bed, tenant, cursor);
      changed += step.changed;
      cursor = step.next;
    } while (cursor !== undefined);
    expect(changed).toBe(2);
    const row = (await bed.store.userTotp.get(tenant, userId))!;
    expect(sealedKeyId(row.sealedSecret)).toBe(await bed.sealer.currentKeyId(tenant));
    expect(await verify(app())).toMatchObject({ ok: true });
    const carol = await bed.users.findByUsername(tenant, 'carol');
    expect(carol?.claims).toMatchObject({ name: 'Carol' });
  });

  it.each([
    [['pwd'], [], ['pwd'], 'pwd'],
    [['pwd'], ['otp'], ['pwd', 'otp', 'mfa'], 'mfa'],
    [['hwk', 'user', 'mfa'], [], ['hwk', 'user', 'mfa'], 'phr'],
    [['pwd'], ['swk', 'user'], ['pwd', 'swk', 'user', 'mfa'], 'phr'],
    [['otp'], ['otp'], ['otp'], 'pwd'],
  ] as const)('%j then %j are %j: %s', (first, second, joined, acr) => {
    const amr = joinMethods(first, second);
    expect(amr).toEqual(joined);
    expect(acrOf(amr)).toBe(acr);
  });
});
