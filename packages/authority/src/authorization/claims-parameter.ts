/** The `claims` request parameter (OpenID Connect Core §5.5): parsed once, strictly, bounded. */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  parseJson,
  type Result,
} from '@mintmark/core';

/** How one claim was asked for; an empty object where nothing was said but its name. */
export interface ClaimWish {
  readonly essential?: boolean;
  readonly value?: JsonValue;
  readonly values?: readonly JsonValue[];
}

export interface ClaimsRequest {
  readonly userinfo: Readonly<Record<string, ClaimWish>>;
  readonly idToken: Readonly<Record<string, ClaimWish>>;
}

export type ClaimsRefusal = { readonly reason: 'malformed_claims' };

const malformed = err({ reason: 'malformed_claims' } as const);

/**
 * Members that we do not know are ignored, as §5.5 asks; those that we know must have their type.
 *
 * @returns what is wished for; refusal: malformed_claims
 */
export function parseClaimsParameter(text: string): Result<ClaimsRequest, ClaimsRefusal> {
  if (text.length > limits.claimsParameterCharsMax) return malformed;
  const json = parseJson(text);
  if (!json.ok || !isJsonObject(json.value)) return malformed;
  const userinfo = wishesOf(json.value['userinfo']);
  const idToken = wishesOf(json.value['id_token']);
  return userinfo === undefined || idToken === undefined ? malformed : ok({ userinfo, idToken });
}

/** Names of all claims that are wished for by themselves, whatever the scopes give. */
export function claimNames(claims: ClaimsRequest | null): readonly string[] {
  if (claims === null) return [];
  return [...new Set([...Object.keys(claims.userinfo), ...Object.keys(claims.idToken)])].sort();
}

function wishesOf(list: JsonValue | undefined): Record<string, ClaimWish> | undefined {
  if (list === undefined || list === null) return {};
  if (!isJsonObject(list)) return undefined;
  const wishes: Record<string, ClaimWish> = {};
  for (const [name, asked] of Object.entries(list)) {
    if (name.length > limits.scopeCharsMax) return undefined;
    const wish = asked === null ? {} : isJsonObject(asked) ? wishOf(asked) : undefined;
    if (wish === undefined) return undefined;
    wishes[name] = wish;
  }
  return wishes;
}

function wishOf(asked: JsonObject): ClaimWish | undefined {
  const { essential, value, values } = asked;
  if (essential !== undefined && typeof essential !== 'boolean') return undefined;
  if (values !== undefined && !Array.isArray(values)) return undefined;
  return {
    ...(essential === undefined ? {} : { essential }),
    ...(value === undefined ? {} : { value }),
    ...(values === undefined ? {} : { values: values as readonly JsonValue[] }),
  };
}
