/**
 * Refreshes and revocations of one family by many callers at three authorities, in the orders that
 * chance brings: what they saw must be what one authority, asked by one after the other, would have
 * answered. The histories stay in `.cache/histories`, where `npm run linearizability` has Porcupine
 * judge them as well.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { seededEntropy } from '@mintmark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GrantBed, grantBed } from './grant-bed.ts';
import { isLinearizable, type Operation } from './store/conformance/linearize.ts';
import { openRaceStores, racedStores, raceTrials } from './store/conformance/race-stores.ts';

const callers = 6;
const callsEach = 4;
const families = raceTrials * 4;

type Input = { readonly do: 'refresh' | 'revoke'; readonly token: string };
/** A token, `refused`, or `done` for a revocation. */
type Call = Operation<Input, string>;

/** What a family is: the token that is good, the one before it, whether it has ended. */
interface Family {
  readonly current: string;
  readonly before: string;
  readonly ended: boolean;
}

/** RFC 9700 §4.14.2, with the answer to the one before given again: see `refresh-token.ts`. */
function step(family: Family, input: Input, output: string): Family | undefined {
  const { current, before } = family;
  if (input.do === 'revoke') return output === 'done' ? { ...family, ended: true } : undefined;
  const isRefused = output === 'refused';
  if (family.ended) return isRefused ? family : undefined;
  if (input.token === current) {
    const isNew = !isRefused && output !== current && output !== before;
    return isNew ? { current: output, before: current, ended: false } : undefined;
  }
  if (input.token === before) return output === current ? family : undefined;
  return isRefused ? { ...family, ended: true } : undefined;
}

const folder = new URL('../../../.cache/histories/', import.meta.url).pathname;

describe.each(racedStores)('on %s', (kind) => {
  let close: () => Promise<void> = async () => undefined;
  let bed: GrantBed;
  let processes: readonly Pick<GrantBed, 'post'>[] = [];

  beforeAll(async () => {
    const opened = await openRaceStores(kind);
    close = opened.close;
    const [first, ...more] = opened.stores;
    bed = await grantBed(1, first);
    processes = [bed, ...(await Promise.all(more.map((store) => bed.replica(store))))];
  });
  afterAll(() => close());

  /** @returns undefined where the authority says that nothing happened: it was overtaken */
  async function call(input: Input, at: number): Promise<Call | undefined> {
    const { post } = processes[at % processes.length]!;
    const { do: what, token } = input;
    const calledAt = performance.now();
    const refresh = { grant_type: 'refresh_token', refresh_token: token };
    const answer = await (what === 'refresh'
      ? post('/oauth2/token', refresh, bed.app)
      : post('/oauth2/revoke', { token }, bed.app));
    const returnedAt = performance.now();
    if (answer.status === 503) return undefined;
    if (what === 'revoke') expect(answer.status).toBe(200);
    else expect([200, 400]).toContain(answer.status);
    const good = what === 'revoke' ? 'done' : String(answer.json['refresh_token']);
    return { input, output: answer.status === 200 ? good : 'refused', calledAt, returnedAt };
  }

  async function historyOf(seed: number): Promise<{ first: string; calls: readonly Call[] }> {
    const entropy = seededEntropy(seed);
    const below = (count: number) => entropy.bytes(1)[0]! % count;
    const begun = await bed.redeem(await bed.code());
    const first = String(begun.json['refresh_token']);
    const known = [first];
    const calls: Call[] = [];
    const caller = async (at: number) => {
      for (let i = 0; i < callsEach; i++) {
        // Mostly the newest, now and then one from before; a revocation in one of two families.
        const token = below(6) === 0 ? known[below(known.length)]! : known.at(-1)!;
        const what = seed % 2 === 0 && below(16) === 0 ? 'revoke' : 'refresh';
        const done = await call({ do: what, token }, at);
        if (done === undefined) continue;
        calls.push(done);
        if (!['refused', 'done', ...known].includes(done.output)) known.push(done.output);
      }
    };
    await Promise.all(Array.from({ length: callers }, (_, at) => caller(at)));
    return { first, calls };
  }

  it(`${families} families answer as one authority would`, async () => {
    const lines: string[] = [];
    let rotations = 0;
    let ends = 0;
    for (let seed = 1; seed <= families; seed++) {
      const { first, calls } = await historyOf(seed);
      lines.push(JSON.stringify({ first, calls }));
      const initial = { current: first, before: '', ended: false };
      expect(isLinearizable(calls, initial, step), `${kind}, seed ${seed}: ${lines.at(-1)}`).toBe(
        true,
      );
      rotations += new Set(calls.map(({ output }) => output)).size;
      ends += calls.some(({ output }) => output === 'refused') ? 1 : 0;
    }
    // Chance brought both: families that went on, and such as ended.
    expect(rotations).toBeGreaterThan(families);
    expect(ends).toBeGreaterThan(0);
    expect(ends).toBeLessThanOrEqual(families);
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}${kind}.jsonl`, `${lines.join('\n')}\n`);
  }, 3_600_000);
});
