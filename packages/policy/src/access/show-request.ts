/** A judged request as JSON, for whoever asks why: Cedar's own form, so that its tools read it. */
import { formatAddress, type JsonObject, type JsonValue } from '@mintmark/core';
import type { EntityInput } from '../entities.ts';
import { EntityUid } from '../entity-uid.ts';
import { Extension, IpRange } from '../extension.ts';
import { isSet, type RecordValue, type Value } from '../value.ts';
import type { AccessRequest } from './access-request.ts';

export function showRequest(request: AccessRequest): JsonObject {
  const { principal, action, resource, context, entities } = request;
  return {
    principal: showUid(principal),
    action: showUid(action),
    resource: showUid(resource),
    context: showRecord(context),
    entities: entities.map(showEntity),
  };
}

function showEntity({ uid, attributes = {}, parents = [] }: EntityInput): JsonObject {
  return {
    uid: showUid(uid),
    attrs: showRecord(attributes),
    parents: parents.map(showUid),
  };
}

function showUid({ type, id }: EntityUid): JsonObject {
  return { type, id };
}

function showRecord(record: RecordValue): JsonObject {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, showValue(value)]),
  );
}

function showValue(value: Value): JsonValue {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return value;
  if (value instanceof EntityUid) return { __entity: showUid(value) };
  if (value instanceof Extension) return { __extn: showExtension(value) };
  return isSet(value) ? value.map(showValue) : showRecord(value as RecordValue);
}

function showExtension(value: Extension): JsonObject {
  if (!(value instanceof IpRange)) return { fn: value.kind, arg: value.canonical };
  const { address, prefix } = value;
  const isWhole = prefix === (address.family === 4 ? 32 : 128);
  const text = formatAddress(address);
  return { fn: 'ip', arg: isWhole ? text : `${text}/${prefix}` };
}
