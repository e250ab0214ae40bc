/**
 * A claims hook that is a function of the operator's, loaded into this process. It is trusted as
 * the configuration is; only its answer is judged like any other.
 */
import { err, type JsonObject, ok } from '@mintmark/core';
import type { HookSource } from './claims-hook.ts';

/** What a module exports as `default`. It may answer nothing at all. */
export type ClaimsModule = (question: JsonObject) => unknown;

export function moduleSource(run: ClaimsModule): HookSource {
  return async (question) => {
    // A copy: what the function does to its question is its own affair.
    const answer = await run(structuredClone(question));
    // Through text, so that getters, dates and cycles end here.
    const text: string | undefined = JSON.stringify(answer ?? {});
    return text === undefined ? err('malformed') : ok(text);
  };
}
