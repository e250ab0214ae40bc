/**
 * How overloaded a process is, and whom it turns away for it. The measure is how late its timers
 * run: while work waits, they do too, and nobody waits for more than that. What matters least goes
 * first; what is vital (signing in, revoking, hearing of revocations) is never turned away.
 */
import type { Clock } from './clock.ts';
import { limits } from './limits.ts';
import type { Timers } from './timers.ts';

/** From what goes first to what is never turned away. */
export const priorities = ['low', 'normal', 'high', 'vital'] as const;
export type Priority = (typeof priorities)[number];

/** 0: nobody is turned away; 1: `low` is; 2: `normal` too; 3: `high` too. */
export type PressureLevel = 0 | 1 | 2 | 3;

export interface PressureState {
  readonly level: PressureLevel;
  /** The level that the last sample alone asked for. */
  readonly asked: PressureLevel;
  /** Samples in a row that were calm enough for a lower level. */
  readonly calm: number;
}

export const noPressure: PressureState = { level: 0, asked: 0, calm: 0 };

/** Times the bound of the first level. */
const steps = [1, 2.5, 5] as const;

/** So many calm samples end a level: a second of them. */
const calmSamples = 10;

/**
 * Two late samples in a row raise the level, at once as far as both ask: one is a collection of
 * garbage. It falls step by step, and only where the delay is under half of what raised it, so that
 * who was turned away does not come back all at once.
 *
 * @param delayMs by which a timer ran late
 * @param boundMs delay at which the first level begins
 */
export function stepPressure(
  state: PressureState,
  delayMs: number,
  boundMs: number,
): PressureState {
  const asked = levelOf(delayMs, boundMs);
  const both = Math.min(asked, state.asked) as PressureLevel;
  if (both > state.level) return { level: both, asked, calm: 0 };
  const isCalm = state.level > 0 && levelOf(delayMs * 2, boundMs) < state.level;
  const calm = isCalm ? state.calm + 1 : 0;
  if (calm < calmSamples) return { ...state, asked, calm };
  return { level: (state.level - 1) as PressureLevel, asked, calm: 0 };
}

function levelOf(delayMs: number, boundMs: number): PressureLevel {
  return steps.filter((step) => delayMs >= step * boundMs).length as PressureLevel;
}

export interface Pressure {
  readonly level: PressureLevel;
  /** Whether a request of this priority is turned away now. */
  sheds(priority: Priority): boolean;
  stop(): void;
}

/** @param boundMs delay at which `low` goes; 0: nobody is ever turned away */
export function createPressure(
  { clock, timers }: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly timers: Timers },
  boundMs: number,
): Pressure {
  let state = noPressure;
  let dueMs = clock.monotonicMs() + limits.pressureSampleMs;
  const sample = (): void => {
    const nowMs = clock.monotonicMs();
    state = stepPressure(state, nowMs - dueMs, boundMs);
    dueMs = nowMs + limits.pressureSampleMs;
  };
  const stop = boundMs > 0 ? timers.every(limits.pressureSampleMs, sample) : (): void => {};
  return {
    get level() {
      return state.level;
    },
    sheds: (priority) => priorities.indexOf(priority) < state.level,
    stop,
  };
}
