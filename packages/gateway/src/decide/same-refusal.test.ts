import type { KeyView, TenantId, UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, startMs } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
  rig = await openRig([{ name: 'all', match: {}, upstream: upstream.url }]);
});
afterAll(async () => {
  await rig.close();
  await upstream.close();
});

const past = (startMs / 1000 - 60) as UnixSeconds;
const later = (startMs / 1000 + 3600) as UnixSeconds;

/** What can be wrong with a key; several at once, whatever else it says of itself. */
const flaws: readonly Partial<KeyView>[] = [
  { status: 'disabled' },
  { status: 'quarantined' },
  { status: 'revoked' },
  { expiresAt: past },
  { notBefore: later },
  { tenant: 'elsewhere' as TenantId },
];
const traits: readonly Partial<KeyView>[] = [
  { metered: true },
  { allowedCountries: ['DE'] },
  { allowedAddresses: ['192.0.2.1'] },
  { scopes: [] },
];

async function answerTo(text: string): Promise<unknown> {
  // From an address of its own, so that the guesses before spend nothing of its budget.
  const last = 1 + Math.floor(asked / 100);
  asked++;
  const localAddress = `127.0.${last}.${1 + (asked % 250)}`;
  const { status, headers, body } = await ask(rig.listener.port, {
    headers: bearer(text),
    localAddress,
  });
  const { date: _date, ...shown } = headers;
  return { status, shown, body };
}

let asked = 0;

it('is one answer, whatever is wrong with a key, known or not', async () => {
  const unknown = await answerTo(rig.secret('key').text);
  expect(unknown).toMatchObject({ status: 401 });
  const wrong = fc.subarray([...flaws], { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(wrong, fc.subarray([...traits]), async (present, others) => {
      const { text } = rig.key(Object.assign({}, ...others, ...present));
      await rig.caughtUp();
      expect(await answerTo(text)).toEqual(unknown);
    }),
    { numRuns: 100 },
  );
  // Another secret under the id of a good key.
  const { id } = rig.key();
  const guess = rig.key({ id: `${id.slice(0, -1)}Z` as never });
  const known = rig.key({ id: guess.id as never });
  await rig.caughtUp();
  expect(known.text).not.toBe(guess.text);
  expect(await answerTo(guess.text)).toEqual(unknown);
});
