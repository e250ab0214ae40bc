/**
 * Answers of the authority, kept for a bounded time. What is kept says only that the credential was
 * good when it was asked for: expiry and revocation are judged again at every use, so a positive
 * answer is never older in effect than the status view. Garbage has its own, smaller room.
 */
import {
  type Clock,
  type FeedPosition,
  type IntrospectionAnswer,
  type Introspector,
  limits,
  NetworkFault,
  type TenantId,
} from '@mintmark/core';
import { digestToken } from '@mintmark/tokens';

export interface Asked {
  readonly answer: IntrospectionAnswer;
  /** Position of the view when it was asked: later revocations of the credential count. */
  readonly askedAt: FeedPosition;
}

export interface IntrospectionCache {
  /**
   * What is known already.
   *
   * @returns undefined where the authority must be asked
   */
  find(credential: string, address: string): Asked | undefined;
  /**
   * Asks; callers with the same credential at the same time share one question.
   *
   * @throws NetworkFault `introspection_busy` where too many questions wait, and what the port
   * throws
   */
  ask(input: {
    readonly credential: string;
    readonly address: string;
    readonly position: FeedPosition;
  }): Promise<Asked>;
  readonly size: number;
}

interface Entry extends Asked {
  readonly untilMs: number;
}

export function createIntrospectionCache(parts: {
  readonly introspector: Introspector;
  readonly tenant: TenantId;
  readonly clock: Clock;
}): IntrospectionCache {
  const { introspector, tenant, clock } = parts;
  const positive = new Map<string, Entry>();
  const negative = new Map<string, Entry>();
  const waiting = new Map<string, Promise<Asked>>();

  async function ask(
    name: string,
    input: { credential: string; address: string; position: FeedPosition },
  ): Promise<Asked> {
    const { credential, address, position } = input;
    const answer = await introspector.introspect({ tenant, credential, address });
    const room = answer.active ? positive : negative;
    const ttlMs = answer.active ? limits.introspectionTtlMs : limits.introspectionNegativeTtlMs;
    const entriesMax = answer.active
      ? limits.introspectionEntriesMax
      : limits.introspectionNegativeEntriesMax;
    makeRoom(room, entriesMax);
    const asked = { answer, askedAt: position };
    room.set(name, { ...asked, untilMs: clock.monotonicMs() + ttlMs });
    return asked;
  }

  function findIn(room: Map<string, Entry>, name: string): Asked | undefined {
    const entry = room.get(name);
    if (entry === undefined || clock.monotonicMs() < entry.untilMs) return entry;
    room.delete(name);
    return undefined;
  }

  return {
    get size() {
      return positive.size + negative.size;
    },
    find(credential, address) {
      const name = nameOf(credential, address);
      return findIn(positive, name) ?? findIn(negative, name);
    },
    ask(input) {
      const name = nameOf(input.credential, input.address);
      const shared = waiting.get(name);
      if (shared !== undefined) return shared;
      if (waiting.size >= limits.introspectionsInFlightMax) {
        const text = 'too many credentials wait for the authority';
        return Promise.reject(new NetworkFault('introspection_busy', text));
      }
      const asking = ask(name, input).finally(() => waiting.delete(name));
      waiting.set(name, asking);
      return asking;
    },
  };
}

/** A key may be bound to addresses, so what holds for one says nothing of another. */
function nameOf(credential: string, address: string): string {
  return `${digestToken(credential)} ${address}`;
}

/** The oldest leave first: a Map keeps the order of insertion. */
function makeRoom(room: Map<string, Entry>, entriesMax: number): void {
  for (const name of room.keys()) {
    if (room.size < entriesMax) return;
    room.delete(name);
  }
}
