/** The pings of the back channel, by themselves: one round of them at a time, holding up nobody. */
import { type PingCounts, type PingDeps, pingClients } from './ping-clients.ts';

export interface RequestPinger {
  /** Begins to call whoever is due, unless that is under way. */
  step(): void;
  /** Waits for the calls that are under way. */
  finish(): Promise<void>;
  readonly counts: Readonly<PingCounts>;
}

export function createRequestPinger(
  deps: PingDeps & { readonly onFault: (fault: unknown) => void },
): RequestPinger {
  const counts: PingCounts = { delivered: 0, failed: 0 };
  let calling: Promise<unknown> | undefined;
  return {
    step() {
      calling ??= pingClients(deps, counts)
        .catch(deps.onFault)
        .finally(() => {
          calling = undefined;
        });
    },
    async finish() {
      await calling;
    },
    counts,
  };
}
