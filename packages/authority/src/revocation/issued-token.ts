/** A token as the record of its issuing tells of it. */
import { isJsonObject, type JsonObject, type UnixSeconds } from '@mintmark/core';
import type { AuditLeaf } from '../audit/leaf.ts';

export interface FoundToken {
  readonly id: string;
  readonly clientId: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  readonly grant: string;
  readonly format: string;
  readonly family: string | undefined;
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
}

/** With what revocations are judged by. */
export type IssuedToken = FoundToken & {
  readonly position: number;
  readonly signingKey: string | undefined;
};

/** @returns undefined where the record is of none */
export function readIssuedToken({
  object,
  related,
  detail,
  time,
  result,
}: AuditLeaf): IssuedToken | undefined {
  if (detail === undefined || result !== 'done' || !isJsonObject(detail)) return undefined;
  const text = (name: string): string => String((detail as JsonObject)[name] ?? '');
  return {
    id: object.id,
    clientId: text('client'),
    subject: text('subject'),
    scopes: textsOf(detail['scopes']),
    audience: textsOf(detail['audience']),
    grant: text('grant'),
    format: text('format'),
    family: related?.kind === 'family' ? related.id : undefined,
    issuedAt: Math.floor(Date.parse(time) / 1000) as UnixSeconds,
    expiresAt: Number(detail['expires_at']) as UnixSeconds,
    position: Number(detail['position']),
    signingKey: detail['kid'] === undefined ? undefined : text('kid'),
  };
}

/** The texts of a stored list. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
