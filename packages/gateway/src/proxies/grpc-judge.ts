/** What proxies may call by gRPC: one method, or two, over one decision. */
import { err, ok, type RangeSet } from '@mintmark/core';
import { type GrpcMethod, grpcCodes, type StreamRequest } from '@mintmark/net';
import type { Verdict } from '../decide/decide.ts';
import { answerCheck, checkMethod, readCheckRequest } from './envoy-check.ts';

/** @param options.trusted what stands before the proxies that ask */
export function createGrpcJudge(
  { decide }: { readonly decide: (request: StreamRequest) => Promise<Verdict> },
  { trusted }: { readonly trusted: RangeSet },
): Readonly<Record<string, GrpcMethod>> {
  const parts = { decide, trusted, signal: new AbortController().signal };
  return {
    async [checkMethod](message, peerAddress) {
      const check = readCheckRequest(message);
      if (!check.ok) return err({ code: grpcCodes.invalidArgument, message: 'no CheckRequest' });
      return ok(await answerCheck(parts, check.value, peerAddress));
    },
  };
}
