/**
 * The claims hook: what the operator's own program adds to tokens before they are made. It may add
 * claims, take scopes away, or refuse; it may not touch what tokens rest on. Whatever it does, the
 * answer comes within the deadline, and a hook that fails again and again is left alone for a
 * while, so that it holds up nobody. Neighbours: `grants/` asks and says how a failure ends,
 * `webhook.ts` and `module-source.ts` are the two ways to the program. What must never happen: a
 * token that a hook has made stronger than its grant.
 */
import { type Clock, err, type JsonObject, limits, type Result, type Timers } from '@mintmark/core';
import { type HookAnswer, type HookAnswerRefusal, parseHookAnswer } from './hook-answer.ts';

/** Why a call came to nothing, as records and counters name it. */
export type HookFailure =
  | 'timeout'
  | 'unreachable'
  | 'server_error'
  | 'wrong_status'
  | 'too_large'
  | 'threw'
  /** Too many calls are under way. */
  | 'busy'
  /** Not called, because it failed so often. */
  | 'resting'
  | HookAnswerRefusal['reason'];

/** The way to the program; the text of its answer is JSON, and as untrusted as any. */
export type HookSource = (
  question: JsonObject,
  timeoutMs: number,
) => Promise<Result<string, HookFailure>>;

export interface ClaimsHookSettings {
  readonly source: HookSource;
  /** Within which the answer counts. */
  readonly deadlineMs: number;
  /** What becomes of a token whose hook failed: it is not issued, or is without what it adds. */
  readonly onFailure: 'refuse' | 'without';
}

export interface ClaimsHook {
  readonly onFailure: ClaimsHookSettings['onFailure'];
  /** @param scopes those that the token would have; the answer's are among them */
  consult(
    question: JsonObject,
    scopes: readonly string[],
  ): Promise<Result<HookAnswer, HookFailure>>;
  /** Calls by their outcome: `answered`, `refused`, or the failure. */
  readonly calls: ReadonlyMap<string, number>;
}

export interface ClaimsHookParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Timers;
  /** Told of each call that came to nothing; where the program threw, with what it threw. */
  readonly failed: (failure: HookFailure, thrown?: unknown) => void;
}

export function createClaimsHook(settings: ClaimsHookSettings, parts: ClaimsHookParts): ClaimsHook {
  const { source, deadlineMs, onFailure } = settings;
  const { clock, timers } = parts;
  const breaker = createBreaker(clock);
  const calls = new Map<string, number>();
  let underWay = 0;

  async function call(
    question: JsonObject,
    scopes: readonly string[],
    threw: (thrown: unknown) => void,
  ): Promise<Result<HookAnswer, HookFailure>> {
    if (underWay >= limits.hookCallsMax) return err('busy');
    const ended = breaker.begin();
    if (ended === undefined) return err('resting');
    underWay++;
    const asked = source(question, deadlineMs).finally(() => underWay--);
    const text = await within({ timers, ms: deadlineMs, threw }, asked);
    ended(text.ok || !isOutage(text.refusal));
    if (!text.ok) return text;
    const answer = parseHookAnswer(text.value, scopes);
    return answer.ok ? answer : err(answer.refusal.reason);
  }

  return {
    onFailure,
    calls,
    async consult(question, scopes) {
      let thrown: unknown;
      const answer = await call(question, scopes, (what) => {
        thrown = what;
      });
      const outcome = outcomeOf(answer);
      calls.set(outcome, (calls.get(outcome) ?? 0) + 1);
      if (!answer.ok && isNews(answer.refusal)) parts.failed(answer.refusal, thrown);
      return answer;
    },
  };
}

/** What an operator can do about it. */
export function hintOf(failure: HookFailure): string {
  if (failure === 'threw') return 'mend the hook: its error stands beside this';
  return isOutage(failure)
    ? 'see that the hook runs, and answers at claims_hook.url within claims_hook.deadline_ms'
    : 'docs/claims-hook.md says what it may answer';
}

function outcomeOf(answer: Result<HookAnswer, HookFailure>): string {
  if (!answer.ok) return answer.refusal;
  return answer.value.refused === undefined ? 'answered' : 'refused';
}

/** What follows from earlier failures alone says nothing new. */
function isNews(failure: HookFailure): boolean {
  return failure !== 'resting' && failure !== 'busy';
}

/** What says that the program is down; a wrong answer to one question says nothing of others. */
function isOutage(failure: HookFailure): boolean {
  return failure === 'timeout' || failure === 'unreachable' || failure === 'server_error';
}

/** What comes later is dropped; a source that rejects has thrown. */
async function within(
  by: {
    readonly timers: Timers;
    readonly ms: number;
    readonly threw: (thrown: unknown) => void;
  },
  asked: Promise<Result<string, HookFailure>>,
): Promise<Result<string, HookFailure>> {
  const { promise: late, resolve } = Promise.withResolvers<Result<string, HookFailure>>();
  const cancel = by.timers.after(by.ms, () => resolve(err('timeout')));
  try {
    return await Promise.race([asked, late]);
  } catch (thrown) {
    by.threw(thrown);
    return err('threw');
  } finally {
    cancel();
    // Where the deadline won, nobody else is left to hear of a rejection.
    asked.catch(() => undefined);
  }
}

interface Breaker {
  /** @returns what the end of the call is told to; undefined where none may be made now */
  begin(): ((isUp: boolean) => void) | undefined;
}

/**
 * After `limits.hookFailuresMax` outages in a row nobody waits for the hook any more. After a rest
 * one call tries again; each that fails makes the next rest twice as long, up to a bound.
 */
function createBreaker(clock: Pick<Clock, 'monotonicMs'>): Breaker {
  let failures = 0;
  let restMs = 0;
  let restsUntilMs = 0;
  let isTrying = false;
  const rest = (ms: number): void => {
    restMs = Math.min(ms, limits.hookRestMsMax);
    restsUntilMs = clock.monotonicMs() + restMs;
  };
  const isOpen = (): boolean => failures >= limits.hookFailuresMax;
  return {
    begin() {
      if (!isOpen()) {
        return (isUp) => {
          // Those that were under way when it began to rest do not make it rest for longer.
          if (isOpen()) return;
          failures = isUp ? 0 : failures + 1;
          if (isOpen()) rest(limits.hookRestMsMin);
        };
      }
      if (isTrying || clock.monotonicMs() < restsUntilMs) return undefined;
      isTrying = true;
      return (isUp) => {
        isTrying = false;
        if (isUp) failures = 0;
        else rest(restMs * 2);
      };
    },
  };
}
