import { generateKeyPairSync } from 'node:crypto';
import { limits, type SubjectId } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { acrOf } from './authentication.ts';
import { deleteUser, updateUser } from './change-user.ts';
import { createPasskeys, type Passkeys } from './passkeys.ts';
import { type Bent, softwareAuthenticator } from './software-authenticator.ts';
import { requesterOf, tenant, type UsersBed, usersBed } from './users-bed.ts';

const origin = 'https://id.example';
const relyingParty = () => ({ id: 'id.example', name: 'Example', origin });
const requester = requesterOf();

let bed: UsersBed;
let passkeys: Passkeys;
let userId: SubjectId;

beforeEach(async () => {
  bed = usersBed();
  passkeys = createPasskeys({ ...bed, relyingParty });
  userId = await bed.addUser('alice');
});

async function registered(flags?: number, of = userId) {
  const device = softwareAuthenticator(origin, flags);
  const at = { requester, userId: of, transaction: 'session-1' };
  const options = await passkeys.beginRegistration(at);
  if (!options.ok) throw new Error(options.refusal.reason);
  const response = device.create(options.value);
  const made = await passkeys.finishRegistration({ ...at, response, name: 'phone' });
  expect(made).toMatchObject({ ok: true, value: { credentialId: device.id, name: 'phone' } });
  return device;
}

type Device = Awaited<ReturnType<typeof registered>>;

/** Signs in with an answer that is bent. @returns `ok`, or why not */
async function signIn(device: Device, bent: Bent = {}, transaction = 't1'): Promise<string> {
  const options = await passkeys.beginSignIn({ tenant, transaction: 't1' });
  const response = device.get(options, bent);
  const judged = await passkeys.finishSignIn({ requester, transaction, response });
  return judged.ok ? 'ok' : judged.refusal.reason;
}

describe('a passkey', () => {
  it('signs its user in by itself, without a name or a password', async () => {
    const device = await registered();
    const options = await passkeys.beginSignIn({ tenant, transaction: 't1' });
    expect(options).toMatchObject({ rpId: 'id.example', userVerification: 'required' });
    expect(options.allowCredentials).toEqual([]);
    const response = device.get(options);
    const judged = await passkeys.finishSignIn({ requester, transaction: 't1', response });
    expect(judged).toMatchObject({
      ok: true,
      value: { id: userId, username: 'alice', amr: ['hwk', 'user', 'mfa'] },
    });
    expect(judged.ok && acrOf(judged.value.amr)).toBe('phr');
    expect(await passkeys.list(tenant, userId)).toMatchObject([
      { name: 'phone', synced: false, lastUsedAt: bed.clock.nowMs() },
    ]);
  });

  it('that its provider may copy is told apart', async () => {
    const device = await registered(0x05 | 0x08 | 0x10);
    const options = await passkeys.beginSignIn({ tenant, transaction: 't', userId });
    expect(options.allowCredentials).toMatchObject([{ id: device.id, transports: ['internal'] }]);
    const response = device.get(options);
    const judged = await passkeys.finishSignIn({ requester, transaction: 't', response });
    expect(judged).toMatchObject({ ok: true, value: { amr: ['swk', 'user', 'mfa'] } });
  });

  it.each<[string, Bent]>([
    ['another site’s page', { origin: 'https://evil.example' }],
    ['another scheme', { origin: 'http://id.example' }],
    ['another relying party', { rpId: 'evil.example' }],
    ['an invented challenge', { challenge: 'AAAA' }],
    ['a registration’s answer', { type: 'webauthn.create' }],
    ['nobody present', { flags: 0x04 }],
    ['nobody verified', { flags: 0x01 }],
    ['another user’s handle', { userHandle: 'Ym9i' }],
    ['another key', { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }],
  ])('is not believed with %s', async (_, bent) => {
    const device = await registered();
    expect(await signIn(device, bent)).toBe('invalid_passkey_answer');
    expect(await signIn(device)).toBe('ok');
  });

  it('answers for its own transaction only, and in time', async () => {
    const device = await registered();
    expect(await signIn(device, {}, 't2')).toBe('invalid_passkey_answer');
    const options = await passkeys.beginSignIn({ tenant, transaction: 't1' });
    bed.clock.advanceMs(limits.passkeyChallengeSeconds * 1000);
    const late = { requester, transaction: 't1', response: device.get(options) };
    expect(await passkeys.finishSignIn(late)).toMatchObject({ ok: false });
  });

  it('answers a challenge once, of many answers at once too', async () => {
    // One that counts nothing, as synced ones do: only the challenge tells the answers apart.
    const device = await registered();
    const options = await passkeys.beginSignIn({ tenant, transaction: 't1' });
    const response = device.get(options, { counter: 0 });
    const other = createPasskeys({ ...usersBed(bed.store, 3), relyingParty });
    const judged = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        (i % 2 === 0 ? passkeys : other).finishSignIn({ requester, transaction: 't1', response }),
      ),
    );
    expect(judged.filter(({ ok }) => ok)).toHaveLength(1);
    const again = await passkeys.finishSignIn({ requester, transaction: 't1', response });
    expect(again).toMatchObject({ ok: false });
  });

  it('whose counter goes back is a copy, and its use is recorded', async () => {
    const device = await registered();
    expect(await signIn(device, { counter: 5 })).toBe('ok');
    expect(await signIn(device, { counter: 5 })).toBe('cloned_passkey');
    expect(await signIn(device, { counter: 4 })).toBe('cloned_passkey');
    expect(await signIn(device, { counter: 0 })).toBe('cloned_passkey');
    expect(await bed.recorded()).toContain('user.factor_refuse');
    expect(await signIn(device, { counter: 6 })).toBe('ok');
  });

  it('that counts nothing is fine', async () => {
    const device = await registered();
    expect(await signIn(device, { counter: 0 })).toBe('ok');
    expect(await signIn(device, { counter: 0 })).toBe('ok');
  });

  it('of one user does not answer for another who is known to sign in', async () => {
    const device = await registered();
    const bob = await bed.addUser('bob');
    const options = await passkeys.beginSignIn({ tenant, transaction: 't1', userId: bob });
    const response = device.get(options);
    const judged = await passkeys.finishSignIn({ requester, transaction: 't1', response });
    expect(judged).toMatchObject({ refusal: { reason: 'invalid_passkey_answer' } });
  });

  it('of a disabled user signs nobody in; of a deleted one it is gone', async () => {
    const device = await registered();
    await updateUser(bed, requester, { id: userId, version: 1, status: 'disabled' });
    expect(await signIn(device)).toBe('user_disabled');
    await deleteUser(bed, requester, { id: userId, version: 2 });
    expect(await signIn(device)).toBe('unknown_passkey');
  });

  it('can be taken away', async () => {
    const device = await registered();
    const bob = await bed.addUser('bob');
    const one = { requester, credentialId: device.id };
    expect(await passkeys.remove({ ...one, userId: bob })).toMatchObject({
      refusal: { reason: 'unknown_passkey' },
    });
    expect(await passkeys.remove({ ...one, userId })).toMatchObject({ ok: true });
    expect(await signIn(device)).toBe('unknown_passkey');
  });
});

describe('registering a passkey', () => {
  const at = () => ({ requester, userId, transaction: 'session-1' });

  async function finish(bent: Bent, transaction = 'session-1'): Promise<string> {
    const options = await passkeys.beginRegistration(at());
    if (!options.ok) return options.refusal.reason;
    const response = softwareAuthenticator(origin).create(options.value, bent);
    const more = { response, name: 'x', transaction };
    const made = await passkeys.finishRegistration({ ...at(), ...more });
    return made.ok ? 'ok' : made.refusal.reason;
  }

  it.each<[string, Bent]>([
    ['another site', { origin: 'https://evil.example' }],
    ['another relying party', { rpId: 'evil.example' }],
    ['nobody verified', { flags: 0x01 }],
    ['a sign-in’s answer', { type: 'webauthn.get' }],
    ['an invented challenge', { challenge: 'AAAA' }],
  ])('is refused with %s', async (_, bent) => {
    expect(await finish(bent)).toBe('invalid_passkey_answer');
  });

  it('belongs to its session, and its challenge is no sign-in’s', async () => {
    expect(await finish({}, 'session-2')).toBe('invalid_passkey_answer');
    const options = await passkeys.beginSignIn({ tenant, transaction: 'session-1' });
    const response = softwareAuthenticator(origin).create({ ...options, rp: { id: 'id.example' } });
    const made = await passkeys.finishRegistration({ ...at(), response, name: 'x' });
    expect(made).toMatchObject({ refusal: { reason: 'invalid_passkey_answer' } });
  });

  it('is refused for an authenticator that is there already, and beyond a number', async () => {
    const device = await registered();
    const options = await passkeys.beginRegistration(at());
    if (!options.ok) throw new Error(options.refusal.reason);
    expect(options.value.excludeCredentials).toMatchObject([{ id: device.id }]);
    const response = device.create(options.value);
    const again = await passkeys.finishRegistration({ ...at(), response, name: 'x' });
    expect(again).toEqual({ ok: false, refusal: { reason: 'passkey_exists' } });
    for (let i = 1; i < limits.passkeysMax; i++) await registered();
    expect(await finish({})).toBe('too_many_passkeys');
  });

  it('is for users who are there', async () => {
    const nobody = { ...at(), userId: 'nobody' as SubjectId };
    expect(await passkeys.beginRegistration(nobody)).toMatchObject({
      refusal: { reason: 'user_not_found' },
    });
  });

  it.each([null, 1, 'x', [], {}, { id: 'x' }, { response: { clientDataJSON: 'e30' } }])(
    'refuses %j without a fault',
    async (response) => {
      const made = await passkeys.finishRegistration({ ...at(), response, name: 'x' });
      expect(made).toMatchObject({ ok: false });
      const judged = await passkeys.finishSignIn({ requester, transaction: 't', response });
      expect(judged).toMatchObject({ ok: false });
    },
  );
});
