/** What follows from ends of sessions, by itself: tokens end, clients hear of it. */
import { type EndSessionDeps, settleEnded } from './end-session.ts';
import { type TellDeps, tellClients } from './tell-clients.ts';

export interface SessionEnder {
  /** Settles what has ended; what must be told is told meanwhile, and holds up nobody. */
  step(): Promise<void>;
  /** Waits for the telling that is under way. */
  finish(): Promise<void>;
}

export function createSessionEnder(
  deps: EndSessionDeps & TellDeps & { readonly onFault: (fault: unknown) => void },
): SessionEnder {
  let telling: Promise<unknown> | undefined;
  return {
    async step() {
      await settleEnded(deps);
      telling ??= tellClients(deps)
        .catch(deps.onFault)
        .finally(() => {
          telling = undefined;
        });
    },
    async finish() {
      await telling;
    },
  };
}
