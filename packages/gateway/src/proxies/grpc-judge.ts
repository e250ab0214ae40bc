/** What proxies may call by gRPC: the one decision, and the limits of routes alone. */
import { err, ok, type RangeSet } from '@mintmark/core';
import { type GrpcMethod, grpcCodes, type StreamRequest } from '@mintmark/net';
import { answerCheck, checkMethod, readCheckRequest } from './envoy-check.ts';
import { rateLimitMethod, rateLimitResponse, readRateLimitRequest } from './envoy-rate-limit.ts';
import { type RateLimitParts, type RateLimitRefusal, spendDescriptors } from './rate-limits.ts';
import type { Judged } from './ruling.ts';

/** @param options.trusted what stands before the proxies that ask */
export function createGrpcJudge(
  gateway: {
    readonly decide: (request: StreamRequest) => Promise<Judged>;
    readonly rateLimits: RateLimitParts;
  },
  { trusted }: { readonly trusted: RangeSet },
): Readonly<Record<string, GrpcMethod>> {
  const parts = { decide: gateway.decide, trusted, signal: new AbortController().signal };
  return {
    async [checkMethod](message, peerAddress) {
      const check = readCheckRequest(message);
      if (!check.ok) return err({ code: grpcCodes.invalidArgument, message: 'no CheckRequest' });
      return ok(await answerCheck(parts, check.value, peerAddress));
    },
    async [rateLimitMethod](message) {
      const asked = readRateLimitRequest(message);
      if (!asked.ok) {
        return err({ code: grpcCodes.invalidArgument, message: 'no RateLimitRequest' });
      }
      const limited = await spendDescriptors(gateway.rateLimits, asked.value);
      if (!limited.ok) return err({ code: codeOf[limited.refusal], message: limited.refusal });
      return ok(rateLimitResponse(limited.value));
    },
  };
}

const codeOf: Readonly<Record<RateLimitRefusal, (typeof grpcCodes)[keyof typeof grpcCodes]>> = {
  unknown_route: grpcCodes.invalidArgument,
  incomplete: grpcCodes.invalidArgument,
  unavailable: grpcCodes.unavailable,
};
