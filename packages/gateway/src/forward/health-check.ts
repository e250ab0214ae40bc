/** Asks a server how it is, again and again, and takes it out or back by its answers. */
import type { HealthPlan, Timers } from '@mintmark/core';
import type { Dispatcher } from 'undici';
import type { UpstreamServer } from './upstream-server.ts';

/**
 * @param input.host what requests to the upstream name
 * @returns stops asking
 */
export function checkHealth(
  server: UpstreamServer,
  input: {
    readonly plan: HealthPlan;
    readonly host: string;
    readonly timers: Timers;
    readonly changed: (isWell: boolean) => void;
  },
): () => void {
  const { plan, host, timers, changed } = input;
  let [good, bad] = [0, 0];
  let asking = false;
  const judge = (isGood: boolean): void => {
    asking = false;
    good = isGood ? good + 1 : 0;
    bad = isGood ? 0 : bad + 1;
    const isWell = server.isWell ? bad < plan.unhealthyAfter : good >= plan.healthyAfter;
    if (isWell === server.isWell) return;
    server.isWell = isWell;
    changed(isWell);
  };
  const ask = (): void => {
    if (asking) return;
    asking = true;
    let cancel = (): void => {};
    const question = new Question((isGood) => {
      cancel();
      server.release();
      judge(isGood);
    });
    cancel = timers.after(plan.timeoutSeconds * 1_000, () => question.late());
    const options: Dispatcher.DispatchOptions = {
      ...{ path: plan.path, method: 'GET', headers: ['host', host] },
    };
    if (!server.dispatch(options, question)) question.late();
  };
  ask();
  return timers.every(plan.intervalSeconds * 1_000, ask);
}

class Question implements Dispatcher.DispatchHandler {
  readonly #tell: (isGood: boolean) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #isGood = false;
  #told = false;

  constructor(tell: (isGood: boolean) => void) {
    this.#tell = tell;
  }

  late(): void {
    this.#end(false);
    this.#controller?.abort(new Error('no answer in time'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#told) controller.abort(new Error('no answer in time'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#isGood = status >= 200 && status < 300;
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#end(this.#isGood);
  }

  onResponseError(): void {
    this.#end(false);
  }

  #end(isGood: boolean): void {
    if (this.#told) return;
    this.#told = true;
    this.#tell(isGood);
  }
}
