/**
 * `authorization_details` of a request (RFC 9396 §2), judged: a list of objects, each of a type
 * that the tenant has and the client may use, holding what the type's schema says and no more.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  limits,
  ok,
  parseJson,
  type Result,
} from '@mintmark/core';
import type { Client } from '../clients/client.ts';
import type { DetailTypes } from './types.ts';

/** RFC 9396 §5: one error for all of them. */
export type DetailsRefusal = { readonly reason: 'invalid_authorization_details' };

const refused = err({ reason: 'invalid_authorization_details' } as const);

/**
 * @param input.text the parameter
 * @param input.resources what `locations` may name: resources of the tokens that will be
 */
export function readDetails(
  types: DetailTypes,
  input: {
    readonly text: string;
    readonly client: Pick<Client, 'authorizationDetailsTypes'>;
    readonly resources: readonly string[];
  },
): Result<readonly JsonObject[], DetailsRefusal> {
  const { text, client, resources } = input;
  if (text.length > limits.detailsCharsMax) return refused;
  const json = parseJson(text);
  if (!json.ok || !Array.isArray(json.value)) return refused;
  const list: readonly unknown[] = json.value;
  if (list.length === 0 || list.length > limits.detailsMax) return refused;
  const details: JsonObject[] = [];
  for (const one of json.value) {
    if (!isJsonObject(one)) return refused;
    const { type, ...rest } = one;
    if (typeof type !== 'string' || !client.authorizationDetailsTypes.includes(type))
      return refused;
    if (types.get(type)?.check(rest) !== true) return refused;
    const places = locationsOf(one);
    if (places === undefined || !places.every((place) => resources.includes(place))) return refused;
    details.push(one);
  }
  return ok(details);
}

/** @returns where a detail is for (§2.2); none: wherever the token is; undefined: malformed */
export function locationsOf({ locations }: JsonObject): readonly string[] | undefined {
  if (locations === undefined) return [];
  if (!Array.isArray(locations) || locations.length === 0) return undefined;
  return locations.every((one) => typeof one === 'string') ? locations : undefined;
}
