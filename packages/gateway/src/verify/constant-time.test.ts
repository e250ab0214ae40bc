/** A key's secret is compared by the one constant-time function, wherever it is wrong. */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { crc32 } from 'node:zlib';
import { base62Number } from '@mintmark/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../conformance/rig.ts';

const { timingSafeEqual } = crypto;
let upstream: RawUpstream;
let rig: Rig;
let lengths: [number, number][];

beforeEach(async () => {
  upstream = await openRawUpstream(plainAnswer);
  rig = await openRig([{ name: 'all', match: {}, upstream: upstream.url }]);
  crypto.timingSafeEqual = (a, b) => {
    lengths.push([a.byteLength, b.byteLength]);
    return timingSafeEqual(a, b);
  };
  syncBuiltinESMExports();
});
afterEach(async () => {
  crypto.timingSafeEqual = timingSafeEqual;
  syncBuiltinESMExports();
  await rig.close();
  await upstream.close();
});

function wrongAt(text: string, at: number): string {
  const body = text.slice(0, -6);
  const changed = body.slice(0, at) + (body[at] === 'A' ? 'B' : 'A') + body.slice(at + 1);
  return changed + base62Number(crc32(changed), 6);
}

it('compares hashes of one length, once, whatever is wrong', async () => {
  const { text } = rig.key();
  await rig.caughtUp();
  const start = 'mm_key_'.length + 17;
  for (const [credential, status] of [
    [text, 200],
    [wrongAt(text, start), 401],
    [wrongAt(text, text.length - 7), 401],
  ] as const) {
    lengths = [];
    const answer = await ask(rig.listener.port, { headers: bearer(credential) });
    expect(answer.status).toBe(status);
    expect(lengths).toEqual([[32, 32]]);
  }
});
