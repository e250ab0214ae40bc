/**
 * Timers as a port: what holds one is driven by hand in tests. Each call returns its own cancel.
 */
export interface Timers {
  /** Runs once after `ms` milliseconds. Keeps the process alive until then. */
  after(ms: number, run: () => void): () => void;
  /** Runs every `ms` milliseconds. Does not keep the process alive. */
  every(ms: number, run: () => void): () => void;
}

/**
 * Lets everything else that waits have its turn. A long reading whose steps need no waiting would
 * otherwise keep every request of the process waiting to its end.
 */
export function letOthersRun(timers: Pick<Timers, 'after'>): Promise<void> {
  return new Promise((resolve) => {
    timers.after(0, resolve);
  });
}
