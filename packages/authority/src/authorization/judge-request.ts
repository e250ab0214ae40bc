/**
 * Judges what came to the authorization endpoint, in the order that decides who may be told: first
 * client and redirect URI, then everything else.
 */
import {
  type Clock,
  err,
  nowSeconds,
  ok,
  parseClientId,
  type Result,
  type TenantId,
} from '@mintmark/core';
import type { KeySet } from '@mintmark/tokens';
import type { DetailTypesReader } from '../details/types.ts';
import { readAskedDetails } from './asked-details.ts';
import {
  type AuthorizationRequest,
  type ParameterRefusal,
  type Parameters,
  parseAuthorizationRequest,
} from './authorization-request.ts';
import { readIdTokenHint } from './id-token-hint.ts';
import type { RequestsByReference } from './request-by-reference.ts';
import {
  type RequestObjectDeps,
  type RequestObjectRefusal,
  readRequestObject,
} from './request-object.ts';
import type { RequestingClient } from './requesting-client.ts';
import { findResponseTarget, type ResponseTarget, type TargetRefusal } from './response-target.ts';
import type { AskedAuthorization } from './sign-ins.ts';

export interface JudgeDeps extends RequestObjectDeps {
  /** @returns undefined where there is none */
  readonly findClient: (
    tenant: TenantId,
    clientId: string,
  ) => Promise<RequestingClient | undefined>;
  readonly verificationKeys: (tenant: TenantId) => Promise<KeySet>;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly requestsByReference: RequestsByReference;
  readonly detailTypes: Pick<DetailTypesReader, 'of'>;
  readonly clock: Clock;
}

export interface JudgedRequest {
  readonly client: RequestingClient;
  readonly asked: AskedAuthorization;
}

/** What the client asks for waits for an administrator. */
export type AwaitingApproval = { readonly reason: 'awaiting_approval' };

export type JudgementRefusal =
  /** Told to the person: there is no place to send them to. */
  | {
      readonly tell: 'person';
      readonly refusal: TargetRefusal | RequestObjectRefusal | AwaitingApproval;
    }
  | {
      readonly tell: 'client';
      readonly target: ResponseTarget;
      readonly refusal: ParameterRefusal;
    };

/** @throws StoreFault */
export async function judgeRequest(
  deps: JudgeDeps,
  tenant: TenantId,
  input: {
    readonly parameters: Parameters;
    /** Whether the client itself sent it, and not a browser. */
    readonly isPushed: boolean;
  },
): Promise<Result<JudgedRequest, JudgementRefusal>> {
  const { parameters: sent, isPushed } = input;
  const clientId = parseClientId(sent.get('client_id') ?? '');
  const client = clientId.ok ? await deps.findClient(tenant, clientId.value) : undefined;
  const signed = await signedParameters(deps, { tenant, client, sent, isPushed });
  // One that cannot be believed is told of where the plain parameters lead, if they lead anywhere.
  const parameters = signed.ok ? signed.value : sent;
  const target = findResponseTarget(parameters, client);
  if (!target.ok) return err({ tell: 'person', refusal: brokenObject(signed) ?? target.refusal });
  // A target is found for an active client alone.
  if (client === undefined) return err({ tell: 'person', refusal: { reason: 'unknown_client' } });
  const toClient = (refusal: ParameterRefusal) =>
    err({ tell: 'client', target: target.value, refusal } as const);
  if (!isPushed && mustPush(client)) return toClient({ reason: 'pushed_request_required' });
  if (!signed.ok) return toClient(signed.refusal);
  const issuer = deps.issuerOf(tenant);
  const parsed = parseAuthorizationRequest(parameters, { client, target: target.value, issuer });
  if (!parsed.ok) {
    const { reason } = parsed.refusal;
    // The person can do something about it; only where no page may be shown the client is told.
    const mayShow = !isPushed && parameters.get('prompt') !== 'none';
    if (reason === 'awaiting_approval' && mayShow)
      return err({ tell: 'person', refusal: { reason } });
    return toClient(parsed.refusal);
  }
  const detailed = await readAskedDetails(deps, client, {
    text: parameters.get('authorization_details'),
    audience: parsed.value.audience,
    isResourceNamed: parameters.all('resource').length > 0,
  });
  if (!detailed.ok) return toClient(detailed.refusal);
  const request: AuthorizationRequest = { ...parsed.value, ...detailed.value };

  const wish = request.claims?.idToken['sub']?.value;
  if (wish !== undefined && typeof wish !== 'string') {
    return toClient({ reason: 'malformed_parameter', name: 'claims' });
  }
  const hint = parameters.get('id_token_hint');
  const keys = hint === undefined ? undefined : await deps.verificationKeys(tenant);
  const hinted = hint && keys ? readIdTokenHint(hint, { issuer, keys }) : undefined;
  if (hint !== undefined && !hinted?.audience.includes(client.clientId)) {
    return toClient({ reason: 'malformed_parameter', name: 'id_token_hint' });
  }
  const expectedSubject = wish ?? hinted?.subject ?? null;
  const asked: AskedAuthorization = {
    kind: 'authorize',
    request,
    expectedSubject,
    pushed: null,
  };
  return ok({ client, asked });
}

/** Without a request object, the parameters as they were sent. */
async function signedParameters(
  deps: JudgeDeps,
  input: {
    readonly tenant: TenantId;
    readonly client: RequestingClient | undefined;
    readonly sent: Parameters;
    readonly isPushed: boolean;
  },
): Promise<Result<Parameters, ParameterRefusal>> {
  const { tenant, client, sent, isPushed } = input;
  if (client === undefined) return ok(sent);
  const uri = sent.get('request_uri');
  // RFC 9101 §5: one or the other; RFC 9126 §2.1: none inside a pushed one.
  if (uri !== undefined && (isPushed || sent.get('request') !== undefined)) {
    return err({ reason: 'parameter_not_supported', name: 'request_uri' });
  }
  // Nothing is fetched for a client whose requests are refused anyway.
  const isFetched = uri !== undefined && client.status === 'active' && !mustPush(client);
  const found = isFetched ? await deps.requestsByReference.find(client, uri) : undefined;
  if (uri !== undefined && found === undefined) return err({ reason: 'invalid_request_uri' });
  const text = found ?? sent.get('request');
  if (text === undefined) {
    return client.requireSignedRequestObject
      ? err({ reason: 'signed_request_required' })
      : ok(sent);
  }
  const issuer = deps.issuerOf(tenant);
  const now = nowSeconds(deps.clock);
  return readRequestObject(deps, { text, client, issuer, outer: sent, now });
}

/** What explains that nothing else was found: the rest of the request is in the object. */
function brokenObject(
  signed: Result<Parameters, ParameterRefusal>,
): RequestObjectRefusal | undefined {
  if (signed.ok) return undefined;
  const { reason } = signed.refusal;
  const isBroken = reason === 'invalid_request_object' || reason === 'invalid_request_uri';
  return isBroken ? { reason: 'invalid_request_object' } : undefined;
}

/** RFC 9126 §6; FAPI 2.0 Security Profile §5.3.2.2. */
function mustPush(client: RequestingClient): boolean {
  return client.requirePushedAuthorizationRequests || client.securityProfile === 'fapi2';
}
