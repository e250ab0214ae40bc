/**
 * Idempotency keys: what a creating request answered is remembered in the same act that created, so
 * that there is never a thing without its memory nor a memory without its thing. Of two racing
 * requests with one key the second one's act refuses, and it gets the first one's answer.
 */
import { createHmac } from 'node:crypto';
import { limits, type TenantId, type UnixMs } from '@mintmark/core';
import type { Step } from '../../store/act.ts';
import type { Store } from '../../store/store.ts';
import { type Answer, repeated } from './endpoint.ts';

/** One use of an Idempotency-Key: whose, which, and for what request. */
export interface IdempotentRequest {
  readonly tenant: TenantId;
  /** `kind:id` of the caller: keys of different callers never meet. */
  readonly actor: string;
  readonly key: string;
  /** Keyed hash of method, path and body, hex. */
  readonly requestHash: string;
}

export type Recalled =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'reused' }
  | {
      readonly kind: 'remembered';
      readonly status: number;
      readonly body: Readonly<Record<string, unknown>>;
    };

/**
 * The header's value: a bare token or a quoted string of visible ASCII, 1–255 characters
 * (draft-ietf-httpapi-idempotency-key-header writes it as a string).
 *
 * @returns undefined where it is neither
 */
export function parseIdempotencyKey(header: string): string | undefined {
  const text = header.trim();
  const bare = /^"(.*)"$/.exec(text)?.[1] ?? text;
  return /^[\x21\x23-\x7e]{1,255}$/.test(bare) ? bare : undefined;
}

/**
 * @param key of the installation: a body may hold a password, which could be found out by guessing
 *   against a bare hash of it
 */
export function hashOfRequest(
  key: Uint8Array,
  request: { readonly method: string; readonly path: string; readonly body: string },
): string {
  const { method, path, body } = request;
  return createHmac('sha256', key).update(`${method} ${path}\n${body}`).digest('hex');
}

/** What is remembered under the key, if anything still is. */
export async function recall(
  store: Pick<Store, 'idempotency'>,
  request: IdempotentRequest,
  now: UnixMs,
): Promise<Recalled> {
  const row = await store.idempotency.get(request.tenant, request.actor, request.key);
  if (row === undefined || row.expiresAtSeconds * 1000 <= now) return { kind: 'fresh' };
  if (row.requestHash !== request.requestHash) return { kind: 'reused' };
  return {
    kind: 'remembered',
    status: row.status,
    body: row.body as Readonly<Record<string, unknown>>,
  };
}

/**
 * The steps that remember an answer, without its secret.
 *
 * @returns steps that refuse with `repeated` where the key is taken
 */
export function remember(request: IdempotentRequest, answer: Answer, now: UnixMs): readonly Step[] {
  const { tenant, actor, key, requestHash } = request;
  const nowSeconds = Math.floor(now / 1000);
  const body = { ...answer.body, ...(answer.secret && { secret_already_shown: true }) };
  return [
    // An expired memory that housekeeping has not met yet must not refuse the new request.
    {
      do: 'delete',
      table: 'idempotency',
      where: { tenant, actor, key, expiresAtSeconds: { is: '<=', value: nowSeconds } },
    },
    {
      do: 'insert',
      table: 'idempotency',
      row: {
        tenant,
        actor,
        key,
        requestHash,
        status: answer.status,
        body,
        expiresAtSeconds: nowSeconds + limits.idempotencyTtlSeconds,
      },
      refused: repeated,
    },
  ];
}
