/** What is asked for in detail (RFC 9396 §2), wherever a request may ask for it. */
import { type JsonObject, ok, type Result } from '@mintmark/core';
import { type DetailsRefusal, locationsOf, readDetails } from '../details/read-details.ts';
import type { DetailTypesReader } from '../details/types.ts';
import type { RequestingClient } from './requesting-client.ts';

export interface AskedDetails {
  /** Resources that the tokens will be for. */
  readonly audience: readonly string[];
  /** At least one where there are any. */
  readonly details?: readonly JsonObject[];
  /** The person is asked for these details whatever was agreed to before. */
  readonly alwaysAsks?: true;
}

/**
 * Where no `resource` is named, the tokens are for the locations that the details name (§3.2).
 *
 * @param asked.text the parameter
 * @param asked.audience what was settled without it
 * @throws StoreFault
 */
export async function readAskedDetails(
  deps: { readonly detailTypes: Pick<DetailTypesReader, 'of'> },
  client: RequestingClient,
  asked: {
    readonly text: string | undefined;
    readonly audience: readonly string[];
    readonly isResourceNamed: boolean;
  },
): Promise<Result<AskedDetails, DetailsRefusal>> {
  const { text, audience, isResourceNamed } = asked;
  if (text === undefined) return ok({ audience });
  const resources = isResourceNamed ? audience : [...client.audiences, ...audience];
  const types = await deps.detailTypes.of(client.tenant);
  const details = readDetails(types, { text, client, resources });
  if (!details.ok) return details;
  const places = [...new Set(details.value.flatMap((one) => locationsOf(one) ?? []))];
  const asks = details.value.some(({ type }) => types.get(String(type))?.remembersConsent !== true);
  return ok({
    audience: isResourceNamed || places.length === 0 ? audience : places,
    details: details.value,
    ...(asks && { alwaysAsks: true }),
  });
}

/** For an audit record: what details hold may be about a person. */
export function typesOf(details: readonly JsonObject[] | undefined): {
  readonly details?: readonly string[];
} {
  return details === undefined ? {} : { details: details.map(({ type }) => String(type)) };
}
