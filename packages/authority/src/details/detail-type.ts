/**
 * Types of rich authorization requests (RFC 9396 §2), as administrators write them: what an object
 * of the type may hold, and how it is put into words for the person who is asked. Neighbours: the
 * authorization endpoint and the grants judge requests by them. What must never happen: a request
 * that a person agrees to without having been shown all of it.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ok,
  type Result,
} from '@mintmark/core';
import { z } from 'zod';
import { type Check, readSchema } from './schema.ts';

/** One line of text for people; markup in it is shown as it stands. */
const words = z
  .string()
  .regex(/^[^\p{Cc}\u2028\u2029]+$/u)
  .max(300);
/** By language; English is what is left. */
const inLanguages = z.record(z.string().regex(/^[a-z]{2}$/), words);

const definition = z.strictObject({
  schema: z.custom<JsonObject>((value) => isJsonObject(value as JsonValue)),
  words: inLanguages,
  labels: z.record(z.string().min(1).max(200), inLanguages).default({}),
  remember_consent: z.boolean().default(true),
});

export interface DetailType {
  readonly type: string;
  /** Whether an object, without its `type`, is of the type. */
  readonly check: Check;
  /** A sentence by language, with places like `{amount.value}` for members. */
  readonly words: Readonly<Record<string, string>>;
  /** What members are called, by their path and by language. */
  readonly labels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Whether what was agreed to once need not be asked for again. */
  readonly remembersConsent: boolean;
}

export interface DetailTypeFault {
  readonly pointer: string;
  readonly message: string;
}

/** A URI, or a name without space; long enough for either (RFC 9396 §2). */
export const detailTypePattern = /^[\x21-\x7e]{1,200}$/;

/** @param wire the definition as the management API takes it, without the type's name */
export function readDetailType(
  type: string,
  wire: Readonly<Record<string, unknown>>,
): Result<DetailType, DetailTypeFault> {
  const parsed = definition.safeParse(wire);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return err({ pointer: `/${issue.path.join('/')}`, message: issue.message });
  }
  const { schema, words, labels, remember_consent: remembersConsent } = parsed.data;
  const check = readSchema(schema);
  if (!check.ok) {
    return err({ pointer: `/schema${check.refusal.path}`, message: check.refusal.message });
  }
  if (schema['type'] !== 'object') return err({ pointer: '/schema/type', message: 'is object' });
  if (words['en'] === undefined) return err({ pointer: '/words/en', message: 'is missing' });
  return ok({ type, check: check.value, words, labels, remembersConsent });
}
