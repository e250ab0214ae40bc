/**
 * Which of the details that were agreed to a token carries (RFC 9396 §6 and §7): those that the
 * request names, each no wider than one that was agreed to, and of these the ones that are meant
 * for where the token goes.
 */
import {
  canonicalJson,
  err,
  type JsonObject,
  type JsonValue,
  ok,
  type Result,
} from '@mintmark/core';
import { type DetailsRefusal, locationsOf } from './read-details.ts';

/**
 * @param input.asked undefined: all of them
 * @param input.agreed what they may not exceed
 * @param input.types those that the client may use
 */
export function settleDetails(input: {
  readonly asked: readonly JsonObject[] | undefined;
  readonly agreed: readonly JsonObject[];
  readonly types: readonly string[];
  readonly audience: readonly string[];
}): Result<readonly JsonObject[], DetailsRefusal> {
  const { asked, agreed, types, audience } = input;
  const isWithin = (one: JsonObject): boolean => agreed.some((whole) => isPartOf(one, whole));
  if (asked !== undefined && !asked.every(isWithin)) {
    return err({ reason: 'invalid_authorization_details' });
  }
  const isMeant = (one: JsonObject): boolean => {
    const places = locationsOf(one) ?? [];
    return places.length === 0 || places.some((place) => audience.includes(place));
  };
  // What the client may no longer ask for, it no longer gets.
  const isAllowed = ({ type }: JsonObject): boolean => types.includes(String(type));
  return ok((asked ?? agreed).filter((one) => isMeant(one) && isAllowed(one)));
}

/**
 * Whether a detail is no wider than another: the same members and values, but for lists of texts
 * (`actions`, `locations`, `datatypes`, `privileges` and a type's own), of which it may name fewer.
 * A member left out is no narrower: its absence may mean all there is.
 */
export function isPartOf(part: JsonObject, whole: JsonObject): boolean {
  const names = Object.keys(whole);
  if (Object.keys(part).length !== names.length) return false;
  return names.every((name) => {
    const some = part[name];
    return some !== undefined && isNarrower(some, whole[name]!);
  });
}

function isNarrower(some: JsonValue, all: JsonValue): boolean {
  const isTexts = (value: JsonValue): value is readonly string[] =>
    Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (!isTexts(some) || !isTexts(all)) return canonicalJson(some) === canonicalJson(all);
  return some.length > 0 === all.length > 0 && some.every((one) => all.includes(one));
}
