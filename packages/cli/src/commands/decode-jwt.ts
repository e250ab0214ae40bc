/** Header and claims of a JWT as they stand there. Nothing is verified. */
import {
  base64urlDecode,
  isJsonObject,
  type JsonObject,
  parseJson,
  utf8Decode,
} from '@mintmark/core';

export interface DecodedJwt {
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

/** @returns undefined where the text is no compact JWS of JSON objects */
export function decodeJwt(token: string): DecodedJwt | undefined {
  const parts = token.split('.');
  const [header, claims] = parts.slice(0, 2).map(decodePart);
  if (header === undefined || claims === undefined || parts.length !== 3) return undefined;
  return { header, claims };
}

function decodePart(part: string): JsonObject | undefined {
  const bytes = base64urlDecode(part);
  const text = bytes === undefined ? undefined : utf8Decode(bytes);
  const json = text === undefined ? undefined : parseJson(text);
  return json?.ok && isJsonObject(json.value) ? json.value : undefined;
}
