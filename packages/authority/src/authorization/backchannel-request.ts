/**
 * What a client asks by the back channel (OpenID CIBA Core §7.1), judged against what it may do.
 * Whom it means is `backchannel-hint.ts`'s to find out. What must never happen: a parameter counted
 * that a client which signs its requests did not sign.
 */
import {
  err,
  isScope,
  limits,
  nowSeconds,
  ok,
  type Result,
  type UnixSeconds,
} from '@mintmark/core';
import { singleUseStep } from '../clients/single-use.ts';
import type { DetailsRefusal } from '../details/read-details.ts';
import type { DetailTypesReader } from '../details/types.ts';
import type { AskedByBackchannel } from '../issuance/authentication-request.ts';
import type { Step } from '../store/act.ts';
import { readAskedDetails } from './asked-details.ts';
import { type Parameters, settleAudience } from './authorization-request.ts';
import { type BackchannelObjectDeps, readBackchannelObject } from './backchannel-object.ts';
import type { RequestingClient } from './requesting-client.ts';

export interface BackchannelRequest {
  readonly asked: AskedByBackchannel;
  readonly hint: Hint;
  readonly ttlSeconds: number;
  /** Goes with the ping; undefined where the client polls. */
  readonly notificationToken: string | undefined;
  /** Refuses the act with `request_used` where the signed request came before. */
  readonly once: readonly Step[];
}

export interface Hint {
  readonly by: (typeof hints)[number];
  readonly text: string;
}

export type BackchannelRefusal =
  | { readonly reason: 'duplicate_parameter'; readonly name: string }
  | { readonly reason: 'malformed_parameter'; readonly name: string }
  | { readonly reason: 'missing_parameter'; readonly name: string }
  | { readonly reason: 'parameter_not_supported'; readonly name: string }
  | { readonly reason: 'parameter_beside_request'; readonly name: string }
  | { readonly reason: 'one_hint_needed' }
  | { readonly reason: 'signed_request_required' }
  | { readonly reason: 'invalid_request_object' }
  | { readonly reason: 'request_used' }
  | { readonly reason: 'grant_not_allowed' }
  | { readonly reason: 'malformed_scope' }
  | { readonly reason: 'scope_not_allowed' }
  | { readonly reason: 'awaiting_approval' }
  | { readonly reason: 'target_not_allowed' }
  | DetailsRefusal
  | { readonly reason: 'binding_message_refused' };

const hints = ['login_hint', 'login_hint_token', 'id_token_hint'] as const;

/** Those that change what is asked for: to overlook one would ask the person something else. */
const unsupported = ['user_code', 'request_uri', 'claims'] as const;

/** CIBA §7.1: all that a signed request says, and says alone. */
const parameterNames = [
  ...hints,
  ...unsupported,
  'scope',
  'resource',
  'authorization_details',
  'client_notification_token',
  'acr_values',
  'binding_message',
  'requested_expiry',
] as const;

/**
 * @param parameters of the form
 * @returns what is asked; every refusal goes to the client
 * @throws nothing of its own
 */
export async function parseBackchannelRequest(
  deps: BackchannelObjectDeps & {
    readonly issuerOf: (tenant: RequestingClient['tenant']) => string;
    readonly detailTypes: Pick<DetailTypesReader, 'of'>;
  },
  client: RequestingClient,
  parameters: Parameters,
): Promise<Result<BackchannelRequest, BackchannelRefusal>> {
  if (!client.grantTypes.includes('urn:openid:params:grant-type:ciba')) {
    return err({ reason: 'grant_not_allowed' });
  }
  const [twice] = parameters.duplicates;
  if (twice !== undefined) return err({ reason: 'duplicate_parameter', name: twice });
  const issuer = deps.issuerOf(client.tenant);
  const said = await signedOrPlain(deps, { client, parameters, issuer });
  if (!said.ok) return said;
  const { parameters: signed, once } = said.value;
  const judged = judgeParameters(signed, client, issuer);
  if (!judged.ok) return judged;
  const { asked } = judged.value;
  const detailed = await readAskedDetails(deps, client, {
    text: signed.get('authorization_details'),
    audience: asked.audience,
    isResourceNamed: signed.all('resource').length > 0,
  });
  if (!detailed.ok) return detailed;
  const { audience, details } = detailed.value;
  return ok({
    ...judged.value,
    asked: { ...asked, audience, ...(details && { details }) },
    once,
  });
}

interface Said {
  readonly parameters: Pick<Parameters, 'get' | 'all'>;
  readonly once: readonly Step[];
}

async function signedOrPlain(
  deps: BackchannelObjectDeps,
  input: {
    readonly client: RequestingClient;
    readonly parameters: Parameters;
    readonly issuer: string;
  },
): Promise<Result<Said, BackchannelRefusal>> {
  const { client, parameters, issuer } = input;
  const text = parameters.get('request');
  if (text === undefined) {
    return mustSign(client)
      ? err({ reason: 'signed_request_required' })
      : ok({ parameters, once: [] });
  }
  // §7.1.1: what stands outside was not signed, and might be somebody else's.
  const outside = parameterNames.find((name) => parameters.all(name).length > 0);
  if (outside !== undefined) return err({ reason: 'parameter_beside_request', name: outside });
  const now = nowSeconds(deps.clock);
  const object = await readBackchannelObject(deps, { text, client, issuer, now });
  if (object === undefined) return err({ reason: 'invalid_request_object' });
  const { jti: id, expiresAt: endsAt, values } = object;
  const { tenant, clientId: of } = client;
  return ok({
    parameters: { get: (name) => values.get(name)?.[0], all: (name) => values.get(name) ?? [] },
    once: [singleUseStep({ tenant, kind: 'request', of, id, endsAt: endsAt as UnixSeconds })],
  });
}

function mustSign(client: RequestingClient): boolean {
  return client.backchannelRequestAlgorithm !== undefined || client.requireSignedRequestObject;
}

function judgeParameters(
  parameters: Said['parameters'],
  client: RequestingClient,
  issuer: string,
): Result<Omit<BackchannelRequest, 'once'>, BackchannelRefusal> {
  const foreign = unsupported.find((name) => parameters.get(name) !== undefined);
  if (foreign !== undefined) return err({ reason: 'parameter_not_supported', name: foreign });
  const hint = onlyHint(parameters);
  if (!hint.ok) return hint;
  const scopes = settleScopes(parameters.get('scope'), client);
  if (!scopes.ok) return scopes;
  const audience = settleAudience(parameters.all('resource'), client.audiences, issuer);
  if (!audience.ok) return audience;
  const acrValues = parameters.get('acr_values')?.split(' ').filter(Boolean);
  if (acrValues !== undefined && acrValues.length > limits.acrValuesMax) {
    return malformed('acr_values');
  }
  const bindingMessage = bindingMessageIn(parameters.get('binding_message'), client);
  if (!bindingMessage.ok) return bindingMessage;
  const ttlSeconds = ttlIn(parameters.get('requested_expiry'));
  if (ttlSeconds === undefined) return malformed('requested_expiry');
  const token = notificationTokenIn(parameters.get('client_notification_token'), client);
  if (!token.ok) return token;
  return ok({
    asked: {
      scopes: scopes.value,
      audience: audience.value,
      acrValues: acrValues ?? client.defaultAcrValues,
      bindingMessage: bindingMessage.value,
    },
    hint: hint.value,
    ttlSeconds,
    notificationToken: token.value,
  });
}

/** §7.1: one and only one, so that nobody else is asked than whom the client means. */
function onlyHint(parameters: Said['parameters']): Result<Hint, BackchannelRefusal> {
  const given = hints.flatMap((by) => {
    const text = parameters.get(by);
    return text === undefined ? [] : [{ by, text }];
  });
  const [hint] = given;
  if (hint === undefined || given.length > 1) return err({ reason: 'one_hint_needed' });
  const isLong = hint.by === 'login_hint' && hint.text.length > limits.loginHintCharsMax;
  return isLong ? malformed('login_hint') : ok(hint);
}

/** §7.1: always with `openid`, for it is an authentication that is asked for. */
function settleScopes(
  text: string | undefined,
  client: RequestingClient,
): Result<readonly string[], BackchannelRefusal> {
  if (text === undefined) return err({ reason: 'missing_parameter', name: 'scope' });
  const asked = [...new Set(text.split(' '))];
  const isWellFormed = (scope: string): boolean =>
    scope.length <= limits.scopeCharsMax && isScope(scope);
  if (asked.length > limits.scopesMax || !asked.every(isWellFormed) || !asked.includes('openid')) {
    return err({ reason: 'malformed_scope' });
  }
  if (asked.some((scope) => client.pendingScopes.includes(scope))) {
    return err({ reason: 'awaiting_approval' });
  }
  const isAllowed = asked.every((scope) => client.scopes.includes(scope));
  return isAllowed ? ok(asked) : err({ reason: 'scope_not_allowed' });
}

/**
 * One short line that every screen shows alike: no control characters, nothing that turns the
 * direction of text or has no width, nothing without a meaning of its own.
 */
const bindingMessagePattern = new RegExp(
  `^[^\\p{C}\\p{Zl}\\p{Zp}]{1,${limits.bindingMessageCharsMax}}$`,
  'u',
);

/** FAPI-CIBA §5.2.2: without it a person cannot tell one request from another. */
function bindingMessageIn(
  text: string | undefined,
  client: RequestingClient,
): Result<string | null, BackchannelRefusal> {
  if (text === undefined) {
    return client.securityProfile === 'fapi-ciba'
      ? err({ reason: 'missing_parameter', name: 'binding_message' })
      : ok(null);
  }
  return bindingMessagePattern.test(text) ? ok(text) : err({ reason: 'binding_message_refused' });
}

/** What is asked beyond the bound is cut to it: the answer says what the client has. */
function ttlIn(text: string | undefined): number | undefined {
  if (text === undefined) return limits.authenticationRequestSecondsDefault;
  if (!/^[1-9][0-9]{0,8}$/.test(text)) return undefined;
  return Math.min(Number(text), limits.authenticationRequestSecondsMax);
}

/** RFC 6750 §2.1 */
const bearerPattern = /^[A-Za-z0-9\-._~+/]+=*$/;

function notificationTokenIn(
  text: string | undefined,
  client: RequestingClient,
): Result<string | undefined, BackchannelRefusal> {
  if (client.backchannelTokenDeliveryMode !== 'ping') return ok(undefined);
  if (text === undefined) {
    return err({ reason: 'missing_parameter', name: 'client_notification_token' });
  }
  const isGood = text.length <= limits.clientNotificationTokenCharsMax && bearerPattern.test(text);
  return isGood ? ok(text) : malformed('client_notification_token');
}

function malformed(name: string): Result<never, BackchannelRefusal> {
  return err({ reason: 'malformed_parameter', name });
}
