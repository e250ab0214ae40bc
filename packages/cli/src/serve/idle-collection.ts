/**
 * Collects garbage once nobody asks for anything any more. What requests carried, credentials among
 * it, stays readable in the memory of the process until it is collected, and nothing is collected
 * while nothing is allocated: an idle server would keep its last secrets for whoever gets to see a
 * core dump, a swapped page or a snapshot of the machine. A busy one recycles them by itself.
 */
import { limits } from '@mintmark/core';
import type { CliPorts } from '../ports.ts';

export interface IdleCollection {
  /** Called for each request, with its path: cheap. */
  asked(path: string): void;
}

/** Probes come for ever and bring no secret: they must not keep a server from being idle. */
const probes: ReadonlySet<string> = new Set(['/livez', '/readyz']);

export function collectWhenIdle(
  ports: Pick<CliPorts, 'timers' | 'collectGarbage'>,
): IdleCollection {
  let wasAsked = false;
  let isDue = false;
  ports.timers.every(limits.idleCollectionMs, () => {
    if (wasAsked) {
      wasAsked = false;
      isDue = true;
    } else if (isDue) {
      isDue = false;
      ports.collectGarbage();
    }
  });
  return {
    asked(path) {
      if (!wasAsked && !probes.has(path)) wasAsked = true;
    },
  };
}
