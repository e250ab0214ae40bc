/**
 * The leaf: one audit record in the final form in which it is hashed, chained and proved. Its text
 * is canonical JSON (RFC 8785), so whoever has the values can make the same bytes again. It holds
 * no personal data: only a salted commitment to it.
 */
import { hash } from 'node:crypto';
import {
  type AuditActor,
  type AuditEvent,
  type AuditObject,
  canonicalJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  rfc3339,
  utf8Decode,
} from '@mintmark/core';

/** A leaf as read back. `action` may be one that only a newer version knows. */
export interface AuditLeaf {
  readonly id: string;
  /** RFC 3339 in UTC with milliseconds. */
  readonly time: string;
  readonly tenant: string;
  readonly actor: { readonly kind: string; readonly id: string };
  readonly action: string;
  readonly object: { readonly kind: string; readonly id: string };
  readonly related?: { readonly kind: string; readonly id: string };
  readonly result: string;
  readonly why?: string;
  readonly detail?: JsonObject;
  readonly requestId?: string;
  /** base64url of HMAC-SHA-256(salt, canonical JSON of the personal data). */
  readonly personalCommitment?: string;
}

/** The columns by which rows are found: `kind:id`. No kind contains a colon. */
export function objectColumn(object: AuditObject | AuditLeaf['object']): string {
  return `${object.kind}:${object.id}`;
}

/**
 * Writes the leaf. The members stand in the order that RFC 8785 §3.2.3 sorts them into; a test
 * holds this equal to `canonicalJson` of the same value, which is several times slower.
 */
export function renderLeaf(id: string, event: AuditEvent, commitment: string | undefined): string {
  const { action, actor, detail, object, related, requestId, result, tenant, at, why } = event;
  return (
    `{"action":${quote(action)},"actor":${party(actor)}` +
    (detail === undefined ? '' : `,"detail":${canonicalJson(wellFormed(detail))}`) +
    `,"id":${quote(id)},"object":${party(object)}` +
    (commitment === undefined ? '' : `,"personal_commitment":${quote(commitment)}`) +
    (related === undefined ? '' : `,"related":${party(related)}`) +
    (requestId === undefined ? '' : `,"request_id":${quote(requestId)}`) +
    `,"result":${quote(result)},"tenant":${quote(tenant)},"time":"${rfc3339(at)}","v":1` +
    (why === undefined ? '}' : `,"why":${quote(why)}}`)
  );
}

/** The personal data of an event in canonical JSON, or undefined where there is none. */
export function renderPersonal(personal: AuditEvent['personal']): string | undefined {
  if (personal === undefined) return undefined;
  const { address, note, owner, userAgent } = personal;
  const known = wellFormed({ address, note, owner, userAgent });
  return Object.keys(known).length === 0 ? undefined : canonicalJson(known);
}

/** Bytes of the salt of a commitment. */
export const saltBytes = 32;

/**
 * Hides the personal data until its salt is known: without a random salt an address could be
 * guessed from its hash. Erasing data and salt leaves the leaf provable and the data gone.
 */
export function commitTo(salt: Uint8Array, personalText: string): string {
  const inner = paddedKey(salt, 0x36, Buffer.byteLength(personalText));
  inner.write(personalText, blockBytes);
  const outer = paddedKey(salt, 0x5c, 32);
  outer.set(hash('sha256', inner, 'buffer'), blockBytes);
  return hash('sha256', outer, 'base64url');
}

/**
 * HMAC by its definition (RFC 2104 §2), because `crypto.hash` makes no stream object: a third of
 * the time of `createHmac`, and every act pays it.
 */
function paddedKey(key: Uint8Array, pad: number, moreBytes: number): Buffer {
  if (key.length > blockBytes) throw new RangeError('commitTo: the salt is too long');
  const padded = Buffer.allocUnsafe(blockBytes + moreBytes);
  padded.fill(pad, 0, blockBytes);
  for (let i = 0; i < key.length; i++) padded[i]! ^= key[i]!;
  return padded;
}

const blockBytes = 64;

/**
 * Reads a leaf strictly: canonical, of version 1, each member of its type.
 *
 * @returns the leaf, or undefined where the bytes are none
 */
export function parseLeaf(bytes: Uint8Array): AuditLeaf | undefined {
  const text = utf8Decode(bytes);
  const parsed = text === undefined ? undefined : parseJson(text, { membersMax: 1024 });
  if (!parsed?.ok || !isJsonObject(parsed.value)) return undefined;
  return canonicalJson(parsed.value) === text ? readLeaf(parsed.value) : undefined;
}

/** @returns the leaf's bytes for a value read from an export, whatever its spelling was */
export function leafBytes(value: JsonValue): Uint8Array {
  return Buffer.from(canonicalJson(value), 'utf8');
}

function readLeaf(value: JsonObject): AuditLeaf | undefined {
  const { actor, object, related, detail } = value;
  const required = ['id', 'time', 'tenant', 'action', 'result'] as const;
  const optional = ['why', 'request_id', 'personal_commitment'] as const;
  if (value['v'] !== 1 || required.some((name) => typeof value[name] !== 'string'))
    return undefined;
  if (optional.some((name) => !['string', 'undefined'].includes(typeof value[name]))) {
    return undefined;
  }
  if (!isParty(actor) || !isParty(object)) return undefined;
  if (related !== undefined && !isParty(related)) return undefined;
  if (detail !== undefined && !isJsonObject(detail)) return undefined;
  const text = value as Readonly<Record<string, string>>;
  return {
    id: text['id']!,
    time: text['time']!,
    tenant: text['tenant']!,
    actor,
    action: text['action']!,
    object,
    result: text['result']!,
    ...(related === undefined ? {} : { related }),
    ...(text['why'] === undefined ? {} : { why: text['why'] }),
    ...(detail === undefined ? {} : { detail }),
    ...(text['request_id'] === undefined ? {} : { requestId: text['request_id'] }),
    ...(text['personal_commitment'] === undefined
      ? {}
      : { personalCommitment: text['personal_commitment'] }),
  };
}

function isParty(value: JsonValue | undefined): value is { readonly kind: string; id: string } {
  return (
    isJsonObject(value) && typeof value['kind'] === 'string' && typeof value['id'] === 'string'
  );
}

function party(value: AuditActor | AuditObject): string {
  return `{"id":${quote(value.id)},"kind":${quote(value.kind)}}`;
}

/** A lone surrogate has no UTF-8 form; it becomes U+FFFD, so that no input can stop a record. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

function wellFormed(value: Readonly<Record<string, unknown>>): JsonObject {
  const result: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    if (typeof member === 'string') result[name] = member.toWellFormed();
    else if (Array.isArray(member))
      result[name] = member.map((item) => String(item).toWellFormed());
    else result[name] = member as JsonValue;
  }
  return result;
}
