/**
 * What clients say of themselves, in a registration or in a document of their own: the members of
 * RFC 7591 and OpenID, and no rule of ours. Members that we do not know are passed over (RFC 7591
 * §2), values that we do not have are refused.
 */
import { err, type JsonObject, ok, type Result } from '@mintmark/core';
import { z } from 'zod';
import { responseType } from '../clients/client-rules.ts';
import type { GivenRules } from '../clients/fresh-rules.ts';
import { clientMembers } from './management/client-members.ts';
import { givenRules } from './management/client-wire.ts';

const {
  owner: _owner,
  audiences: _audiences,
  resources: _resources,
  metadata: _metadata,
  consent: _consent,
  required_scopes: _required,
  allowed_origins: _origins,
  require_pkce: _pkce,
  assertion_audience: _audience,
  security_profile: _profile,
  access_token_format: _format,
  access_token_ttl_seconds: _ttl,
  access_token_signing_alg: _algorithm,
  access_token_status_list: _statusList,
  access_token_encryption_alg: _keyEncryption,
  access_token_encryption_enc: _contentEncryption,
  id_token_ttl_seconds: _idTokenTtl,
  refresh_token_ttl_seconds: _refreshTtl,
  refresh_token_idle_seconds: _refreshIdle,
  rotate_refresh_tokens: _rotate,
  may_impersonate: _impersonate,
  may_assert_subjects: _assert,
  ...standard
} = clientMembers;

const names = z.array(z.string().max(200)).max(20).nullable().optional();

/** Grants and response types that we do not have are left out of what is registered. */
const schema = z.object({ ...standard, grant_types: names, response_types: names });

/** @returns the rules that were given; or the member that is malformed, and how */
export function readMetadata(document: JsonObject): Result<GivenRules, string> {
  const given = Object.entries(document).filter(([, value]) => value !== null);
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return err(`${issue.path.join('.')}: ${issue.message}`);
  }
  const { response_types: types } = parsed.data;
  if (types == null) return ok(givenRules(parsed.data));
  const ours = types.map(responseType).filter((type) => type !== undefined);
  // What it cannot do without, it is told at once.
  if (types.length > 0 && ours.length === 0) return err('response_types');
  return ok(givenRules({ ...parsed.data, response_types: ours }));
}
