/**
 * Reports of leaked tokens from outside. `POST /leaks/github`: GitHub's secret scanning, by its
 * signature. `POST /leaks/report`: anybody who can show the token, which proves that it leaked.
 * Both take and answer what GitHub's partner programme describes. What must never happen: a token
 * in a log or a row, or an unsigned word that ends somebody's credential.
 */

import { hash } from 'node:crypto';
import {
  err,
  type FailureBudget,
  type HttpRequest,
  type HttpResponse,
  limits,
  ok,
  parseJson,
  type Result,
  type TenantId,
  utf8Decode,
} from '@mintmark/core';
import { z } from 'zod';
import type { Requester } from '../audit/requester.ts';
import type { GithubKeys } from '../leaks/github-keys.ts';
import type { ProvenToken } from '../leaks/prove-token.ts';
import type { LeakSighting } from '../store/leak-tables.ts';
import { line } from './management/wire-schema.ts';
import { uncached } from './render-error.ts';

export interface LeakDeps {
  /** Undefined: GitHub's reports are not taken. */
  readonly github: GithubKeys | undefined;
  /**
   * Finds whose token it is: a tenant's own, or at the first tenant anybody's, because GitHub knows
   * one address alone.
   */
  readonly prove: (
    tenant: TenantId,
    text: string,
  ) => Promise<{ readonly tenant: TenantId; readonly proven: ProvenToken } | 'busy' | undefined>;
  readonly report: (input: {
    readonly requester: Requester;
    readonly proven: ProvenToken;
    readonly seen: Omit<LeakSighting, 'at'>;
  }) => Promise<unknown>;
  /** Of addresses that report what is none of ours. */
  readonly failures: FailureBudget;
}

interface Guesses {
  readonly wait: () => number;
  readonly failed: () => void;
}

const text = (charsMax: number) => z.string().max(charsMax);

const reported = z.array(
  z.object({
    token: text(limits.tokenCharsMax),
    type: text(255).optional(),
    // Both are told to the owner. What is neither address nor line is left out: the token counts.
    url: text(2048).nullish().transform(webAddress),
    source: line({ min: 0, max: 255 }).nullish().catch(null),
  }),
);

/** As ASCII, without spaces and line ends; null where it is none of the web. */
function webAddress(said: string | null | undefined): string | null {
  const url = URL.parse(said ?? '');
  return url !== null && /^https?:$/.test(url.protocol) ? url.href.slice(0, 2048) : null;
}

type Reported = z.output<typeof reported>;
type LeakRefusal = { readonly status: number; readonly error: string; readonly wait?: number };

export async function handleGithubReport(
  { leaks }: { readonly leaks: LeakDeps },
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { github } = leaks;
  if (github === undefined) return refuse({ status: 404, error: 'not_configured' });
  const body = await request.body(limits.managementBodyBytesMax);
  if (body === 'too_large') return refuse(tooLarge);
  const verified = await github.verify({
    keyId: request.header('github-public-key-identifier'),
    signature: request.header('github-public-key-signature'),
    body,
  });
  if (!verified.ok) {
    const { reason: error } = verified.refusal;
    return refuse({ status: error === 'keys_unavailable' ? 503 : 401, error });
  }
  const read = readReport(body, limits.leakGithubTokensMax);
  if (!read.ok) return refuse(read.refusal);
  const requester = { actor: { kind: 'system', id: 'github' } } as const;
  return answer(leaks, read.value, { tenant, by: 'github', requester });
}

export async function handleLeakReport(
  { leaks }: { readonly leaks: LeakDeps },
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { remoteAddress: address } = request;
  const wait = leaks.failures.retryAfterSeconds(address);
  if (wait > 0) return refuse({ status: 429, error: 'too_many_failures', wait });
  const type = request.header('content-type') ?? '';
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    return refuse({ status: 415, error: 'not_json' });
  }
  const body = await request.body(limits.managementBodyBytesMax);
  if (body === 'too_large') return refuse(tooLarge);
  const read = readReport(body, limits.leakTokensMax);
  if (!read.ok) return refuse(read.refusal);
  const requester = { actor: { kind: 'anonymous', id: 'anonymous' }, address } as const;
  return answer(leaks, read.value, {
    ...{ tenant, by: 'report', requester },
    guesses: {
      wait: () => leaks.failures.retryAfterSeconds(address),
      failed: () => leaks.failures.failed(address),
    },
  });
}

const tooLarge: LeakRefusal = { status: 413, error: 'body_too_large' };

function readReport(body: Uint8Array, tokensMax: number): Result<Reported, LeakRefusal> {
  const json = parseJson(utf8Decode(body) ?? '');
  // Tokens lie in it, and its memory is given back as it is.
  body.fill(0);
  const parsed = json.ok ? reported.safeParse(json.value) : undefined;
  if (parsed?.success !== true) return err({ status: 400, error: 'malformed_report' });
  if (parsed.data.length > tokensMax) return err({ status: 413, error: 'too_many_tokens' });
  return ok(parsed.data);
}

/** Acts on each in turn: what was true is held back before the answer leaves. */
async function answer(
  leaks: LeakDeps,
  tokens: Reported,
  from: {
    readonly tenant: TenantId;
    readonly by: string;
    readonly requester: Omit<Requester, 'tenant'>;
    /** Of whoever signs nothing: its guesses are counted. */
    readonly guesses?: Guesses;
  },
): Promise<HttpResponse> {
  const labels: Readonly<Record<string, string>>[] = [];
  for (const { token, type = '', url, source = null } of tokens) {
    const wait = from.guesses?.wait() ?? 0;
    if (wait > 0) return refuse({ status: 429, error: 'too_many_failures', wait });
    const found = await leaks.prove(from.tenant, token);
    // Said again later it may be known; a wrong label would end the matter.
    if (found === 'busy') return refuse({ status: 503, error: 'busy', wait: 1 });
    if (found === undefined) from.guesses?.failed();
    else {
      const requester = { ...from.requester, tenant: found.tenant };
      const seen = { by: from.by, url, source };
      await leaks.report({ requester, proven: found.proven, seen });
    }
    labels.push({
      token_hash: hash('sha256', token, 'base64'),
      token_type: type,
      label: found === undefined ? 'false_positive' : 'true_positive',
    });
  }
  const headers = { 'content-type': 'application/json', ...uncached };
  return { status: 200, headers, body: JSON.stringify(labels) };
}

function refuse({ status, error, wait }: LeakRefusal): HttpResponse {
  const after = wait ?? (status === 503 ? 1 : undefined);
  const retry = after === undefined ? {} : { 'retry-after': `${after}` };
  const headers = { 'content-type': 'application/json', ...uncached, ...retry };
  return { status, headers, body: JSON.stringify({ error }) };
}
