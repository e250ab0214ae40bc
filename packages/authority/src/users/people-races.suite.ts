/**
 * Races of people's credentials on the stores that serve: three processes, as far as rows know.
 * Each is one act whose conditions decide, so of many at once one wins.
 */
import { limits, nowSeconds, type SubjectId } from '@mintmark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRaceStores, racedStores } from '../store/conformance/race-stores.ts';
import { createUser, updateUser } from './change-user.ts';
import { createFactors } from './factors.ts';
import { createPasskeys } from './passkeys.ts';
import { createResets } from './resets.ts';
import { softwareAuthenticator } from './software-authenticator.ts';
import { totpCode, totpStep } from './totp.ts';
import { requesterOf, rightPassword, tenant, type UsersBed, usersBed } from './users-bed.ts';

const requester = requesterOf();
const origin = 'https://id.example';
const relyingParty = () => ({ id: 'id.example', name: 'Example', origin });

describe.each(racedStores)('on %s', (kind) => {
  let close: () => Promise<void> = async () => undefined;
  let beds: readonly UsersBed[] = [];
  let names = 0;

  beforeAll(async () => {
    const { stores, ...opened } = await openRaceStores(kind);
    close = opened.close;
    beds = [1, 2, 3].map((seed) => usersBed(stores[seed % stores.length]!, seed));
  });
  afterAll(() => close());

  const freshName = () => `person${++names}`;

  /** Runs it in all processes at once. @returns how many succeeded */
  async function winners(
    count: number,
    attempt: (bed: UsersBed, index: number) => Promise<{ readonly ok: boolean }>,
  ): Promise<number> {
    const all = Array.from({ length: count }, (_, i) => attempt(beds[i % beds.length]!, i));
    return (await Promise.all(all)).filter(({ ok }) => ok).length;
  }

  async function withTotp(): Promise<{ userId: SubjectId; code: (away: number) => string }> {
    const [bed] = beds;
    const userId = await bed!.addUser(freshName());
    const begun = await createFactors(bed!).beginTotp({ requester, userId, issuer: 'x' });
    if (!begun.ok) throw new Error(begun.refusal.reason);
    const row = (await bed!.store.userTotp.get(tenant, userId))!;
    const secret = await bed!.sealer.open(tenant, `totp-secret:${userId}`, row.sealedSecret);
    const now = nowSeconds(bed!.clock);
    const code = (away: number) => totpCode(secret, totpStep(now) + away);
    await createFactors(bed!).confirmTotp({ requester, userId, code: code(-1) });
    return { userId, code };
  }

  it('a name is given once, however it is spelled', async () => {
    const name = freshName();
    const spellings = [name, name.toUpperCase(), `Ｐ${name.slice(1)}`];
    const won = await winners(12, (bed, i) =>
      createUser(bed, requester, { username: spellings[i % spellings.length]! }),
    );
    expect(won).toBe(1);
  });

  it('two that take each other’s name, or one name, never both hold it', async () => {
    const [bed] = beds;
    const ids = await Promise.all([1, 2, 3].map(() => bed!.addUser(freshName())));
    const username = freshName();
    const won = await winners(3, (one, i) =>
      updateUser(one, requester, { id: ids[i]!, version: 1, username }),
    );
    expect(won).toBe(1);
  });

  it('guesses at once are judged as often as the count allows', async () => {
    const username = freshName();
    await beds[0]!.addUser(username);
    const reasons: string[] = [];
    const won = await winners(60, async (bed) => {
      const judged = await bed.users.authenticatePassword({ tenant, username, password: 'wrong' });
      if (!judged.ok) reasons.push(judged.refusal.reason);
      return judged;
    });
    expect(won).toBe(0);
    const judged = reasons.filter((reason) => reason === 'invalid_credentials').length;
    expect(judged).toBe(limits.signInFailuresFree);
  });

  it('the right password signs in from many places at once', async () => {
    const username = freshName();
    await beds[0]!.addUser(username);
    const won = await winners(limits.signInFailuresFree - 1, (bed) =>
      bed.users.authenticatePassword({ tenant, username, password: rightPassword }),
    );
    expect(won).toBe(limits.signInFailuresFree - 1);
  });

  it('a one-time code has one winner', async () => {
    for (let trial = 0; trial < 20; trial++) {
      const { userId, code } = await withTotp();
      const won = await winners(9, (bed) =>
        createFactors(bed).verifyTotp({ requester, userId, code: code(0) }),
      );
      expect(won).toBe(1);
    }
  });

  it('a recovery code has one winner', async () => {
    for (let trial = 0; trial < 20; trial++) {
      const userId = await beds[0]!.addUser(freshName());
      const codes = await createFactors(beds[0]!).makeRecoveryCodes({ requester, userId });
      const code = codes.ok ? codes.value[0]! : '';
      const won = await winners(9, (bed) =>
        createFactors(bed).useRecoveryCode({ requester, userId, code }),
      );
      expect(won).toBe(1);
    }
  });

  it('a reset token has one winner', async () => {
    const resetsOf = (bed: UsersBed) =>
      createResets({ ...bed, delivery: undefined, onFault: () => undefined });
    for (let trial = 0; trial < 5; trial++) {
      const userId = await beds[0]!.addUser(freshName());
      const made = await resetsOf(beds[0]!).issue({ requester, userId });
      const token = made.ok ? made.value.token : '';
      const won = await winners(6, (bed, i) =>
        resetsOf(bed).complete({ tenant, token, password: `a new password ${i}` }),
      );
      expect(won).toBe(1);
    }
  });

  it('a passkey’s challenge has one winner', async () => {
    const passkeysOf = (bed: UsersBed) => createPasskeys({ ...bed, relyingParty });
    const passkeys = passkeysOf(beds[0]!);
    const userId = await beds[0]!.addUser(freshName());
    const device = softwareAuthenticator(origin);
    const at = { requester, userId, transaction: 't' };
    const options = await passkeys.beginRegistration(at);
    if (!options.ok) throw new Error(options.refusal.reason);
    const response = device.create(options.value);
    const registered = await winners(6, (bed) =>
      passkeysOf(bed).finishRegistration({ ...at, response, name: 'x' }),
    );
    expect(registered).toBe(1);
    for (let trial = 0; trial < 10; trial++) {
      const asked = await passkeys.beginSignIn({ tenant, transaction: 't' });
      const answer = device.get(asked, { counter: 0 });
      const won = await winners(6, (bed) =>
        passkeysOf(bed).finishSignIn({ requester, transaction: 't', response: answer }),
      );
      expect(won).toBe(1);
    }
  });

  it('a disabled user is in or out, and a feed entry says which', async () => {
    const [bed] = beds;
    const id = await bed!.addUser(freshName());
    const won = await winners(6, (one) =>
      updateUser(one, requester, { id, version: 1, status: 'disabled' }),
    );
    expect(won).toBe(1);
    expect(await bed!.store.feed.count({ tenant, targetKind: 'user', targetId: id })).toBe(1);
  });
});
