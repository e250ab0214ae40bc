/** POST /oauth2/introspect (RFC 7662, 9701): for the token's owner, its audience, and gateways. */
import {
  type HttpRequest,
  type HttpResponse,
  type JsonObject,
  renderConfirmation,
  type TenantId,
} from '@mintmark/core';
import type { Client } from '../clients/client.ts';
import { isConfidential } from '../clients/client-rules.ts';
import { subjectFor } from '../clients/subject-for.ts';
import type { ActiveToken, IntrospectionCaller } from '../introspection/introspect.ts';
import { readForm } from './form.ts';
import {
  introspectionJwt,
  introspectionJwtType,
  wantsIntrospectionJwt,
} from './introspection-jwt.ts';
import { type ActiveKey, callingClient, type ProtocolDeps } from './protocol-deps.ts';
import { renderError, uncached } from './render-error.ts';

export async function handleIntrospect(
  deps: Pick<
    ProtocolDeps,
    | 'authenticator'
    | 'failures'
    | 'refused'
    | 'introspect'
    | 'isGateway'
    | 'gatewayAudiences'
    | 'issuerOf'
    | 'userinfo'
  >,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const form = await readForm(request);
  if (!form.ok) return renderError(form.refusal);
  let caller: IntrospectionCaller;
  let owner: Client | undefined;
  if (await deps.isGateway(request, tenant)) {
    caller = { kind: 'gateway', audiences: await deps.gatewayAudiences(tenant) };
  } else {
    const client = await callingClient(deps, {
      tenant,
      surface: 'introspection',
      request,
      form: form.value,
    });
    if (!client.ok) return renderError(client.refusal);
    // RFC 7662 §2.1: a name that anybody can send authorizes nobody to try tokens here.
    if (!isConfidential(client.value)) return renderError({ reason: 'caller_unauthenticated' });
    const { clientId, resources } = client.value;
    caller = { kind: 'client', clientId, resources };
    owner = client.value;
  }
  const token = form.value.get('token');
  if (token === undefined) return renderError({ reason: 'missing_parameter', name: 'token' });
  const address = form.value.get('address');
  // Whoever knows nothing of sub-keys would overlook what they may not be used for.
  const judgesUse = form.value.get('judges') === 'sub_key_use';
  const found = await deps.introspect({ tenant, token, caller, address, judgesUse });
  const answer = answerOf(deps, found, { tenant, owner });
  if (owner === undefined || !wantsIntrospectionJwt(request.header('accept'), owner)) {
    return rendered('application/json', JSON.stringify(answer));
  }
  const jwt = await introspectionJwt(deps.userinfo, owner, answer);
  return jwt.ok ? rendered(introspectionJwtType, jwt.value) : renderError(jwt.refusal);
}

/** RFC 7662 §2.2 */
function answerOf(
  deps: Pick<ProtocolDeps, 'issuerOf' | 'userinfo'>,
  found: Awaited<ReturnType<ProtocolDeps['introspect']>>,
  { tenant, owner }: { readonly tenant: TenantId; readonly owner: Client | undefined },
): JsonObject {
  if (!found.active) return { active: false };
  if ('kind' in found) return keyBody(found);
  const body = tokenBody(found, deps.issuerOf(tenant));
  return { ...body, sub: subjectShown(deps, found, owner) };
}

/** To its own client a token speaks of the person as that client knows them. */
function subjectShown(
  deps: Pick<ProtocolDeps, 'userinfo'>,
  token: ActiveToken,
  caller: Client | undefined,
): string {
  const { clientId, subject } = token;
  const isMachine = (subject as string) === clientId;
  if (caller?.clientId !== clientId || isMachine) return subject;
  return subjectFor(deps.userinfo.pairwiseKey, caller, subject);
}

function rendered(type: string, body: string): HttpResponse {
  return { status: 200, headers: { 'content-type': type, vary: 'Accept', ...uncached }, body };
}

/** RFC 7662 §2.2; by `mm_pos`, `mm_kid` and `mm_family` a gateway goes on judging revocation. */
function tokenBody(token: ActiveToken, issuer: string): JsonObject {
  return {
    ...token.claims,
    active: true,
    scope: token.scopes.join(' '),
    client_id: token.clientId,
    exp: token.expiresAt,
    iat: token.issuedAt,
    iss: issuer,
    ...(token.family === undefined ? {} : { mm_family: token.family }),
    ...(token.format === 'refresh'
      ? { mm_kind: 'refresh_token' }
      : {
          token_type: token.binding?.by === 'jkt' ? 'DPoP' : 'Bearer',
          aud: token.audience.length === 1 ? token.audience[0]! : token.audience,
          jti: token.tokenId,
          mm_pos: token.position,
          ...(token.signingKey === undefined ? {} : { mm_kid: token.signingKey }),
          ...(token.binding === undefined ? {} : { cnf: renderConfirmation(token.binding) }),
        }),
  };
}

function keyBody(key: ActiveKey): JsonObject {
  return {
    active: true,
    scope: key.scopes.join(' '),
    sub: key.owner,
    jti: key.id,
    mm_kind: 'api_key',
    ...(key.metered === undefined ? {} : { mm_metered: true }),
    ...(key.audience.length === 0 ? {} : { aud: key.audience }),
    iat: Math.floor(key.createdAt / 1000),
    ...(key.expiresAtSeconds === undefined ? {} : { exp: key.expiresAtSeconds }),
    ...(key.subKey === undefined ? {} : { mm_sub_key: key.subKey.id }),
  };
}
