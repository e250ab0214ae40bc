/**
 * How another system is asked about a key of its own: by introspection (RFC 7662), or by a JSON
 * body as verification endpoints of key services take it. What it answers is read with care and
 * bounded; what is not understood counts as no answer.
 */
import { isJsonObject, limits, parseJson, type UnixMs, utf8Decode } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { OldVerdict } from '../apikeys/shadow.ts';

export interface OldSystemSettings {
  readonly url: string;
  readonly request: 'introspection' | 'json';
  /** The whole value of the Authorization header, where it wants one. */
  readonly authorization: string | undefined;
}

/** @returns asks about one key; undefined where there is no answer that can be used */
export function oldSystem(
  client: Pick<GuardedClient, 'send'>,
  { url, request, authorization }: OldSystemSettings,
): (text: string) => Promise<OldVerdict | undefined> {
  const isForm = request === 'introspection';
  const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
  const headers = {
    ...{ accept: 'application/json', 'content-type': type },
    ...(authorization === undefined ? {} : { authorization }),
  };
  return async (text) => {
    const body = isForm
      ? new URLSearchParams({ token: text }).toString()
      : JSON.stringify({ key: text });
    const answer = await client.send({
      ...{ url, method: 'POST', headers, body },
      bytesMax: limits.hookAnswerBytesMax,
    });
    if (!answer.ok || answer.value.status !== 200) return undefined;
    return readVerdict(utf8Decode(answer.value.body) ?? '');
  };
}

/** `active` of RFC 7662 §2.2, or `valid` as key services say, at the top or in `data`. */
function readVerdict(text: string): OldVerdict | undefined {
  const parsed = parseJson(text);
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined;
  const { data } = parsed.value;
  const body = isJsonObject(data) ? data : parsed.value;
  const active = body['active'] ?? body['valid'];
  if (typeof active !== 'boolean') return undefined;
  if (!active) return { active };
  const owner = [body['sub'], body['ownerId'], body['owner'], body['client_id']].find(
    (one) => typeof one === 'string' && one !== '' && one.length <= 255,
  );
  const { exp, scope } = body;
  const scopes = typeof scope === 'string' ? scope.split(' ') : (body['permissions'] ?? []);
  return {
    active,
    owner: owner as string | undefined,
    scopes: scopesIn(scopes),
    expiresAt: typeof exp === 'number' ? ((Math.floor(exp) * 1000) as UnixMs) : undefined,
  };
}

/** Scope values (RFC 6749 §3.3); what is none gives no right. */
function scopesIn(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const texts = value.filter((one): one is string => typeof one === 'string');
  const scopes = texts.filter((one) => /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(one));
  return [...new Set(scopes)].slice(0, limits.scopesMax);
}
