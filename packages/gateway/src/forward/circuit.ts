/**
 * When a server that fails is left alone: after so many failures in a row for a while, then one
 * request may try it, and by that one it is judged. A pure function of what happened and when.
 */
import { type CircuitPlan, limits } from '@mintmark/core';

export type CircuitState = 'closed' | 'open' | 'half_open';

export class Circuit {
  readonly #plan: CircuitPlan | undefined;
  #failures = 0;
  /** Monotonic milliseconds; undefined while it is closed. */
  #openUntilMs: number | undefined;
  #reopened = 0;
  /** The one that tries, while it is under way. */
  #trying = false;

  /** @param plan undefined: it never opens */
  constructor(plan: CircuitPlan | undefined) {
    this.#plan = plan;
  }

  state(nowMs: number): CircuitState {
    if (this.#openUntilMs === undefined) return 'closed';
    return nowMs < this.#openUntilMs ? 'open' : 'half_open';
  }

  get failures(): number {
    return this.#failures;
  }

  /** Whether a request may be sent. */
  admits(nowMs: number): boolean {
    const state = this.state(nowMs);
    return state === 'closed' || (state === 'half_open' && !this.#trying);
  }

  /** To be called when one is sent, of those that it admits. */
  sent(nowMs: number): void {
    if (this.state(nowMs) === 'half_open') this.#trying = true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#reopened = 0;
    this.#openUntilMs = undefined;
    this.#trying = false;
  }

  /** @returns true where it opens by this */
  failed(nowMs: number): boolean {
    this.#failures++;
    if (this.#plan === undefined) return false;
    const state = this.state(nowMs);
    // What was under way when it opened says nothing new.
    if (state === 'open') return false;
    if (state === 'closed' && this.#failures < this.#plan.failures) return false;
    if (state === 'half_open') this.#reopened++;
    const times = Math.min(2 ** this.#reopened, limits.circuitBackoffMax);
    this.#openUntilMs = nowMs + this.#plan.openSeconds * 1_000 * times;
    this.#trying = false;
    return true;
  }

  /** The one that tried ended without saying anything of the server: its client left. */
  abandoned(): void {
    this.#trying = false;
  }
}
