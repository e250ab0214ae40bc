/**
 * Token exchange (RFC 8693): a client that was given a token for somebody asks for one with which
 * to act for them elsewhere. Denied unless all of it is allowed: the client is registered for the
 * grant, the token was meant for it (or is its own), and the new audience is named and is one of
 * the client's. The new token may no more than both, lives no longer, ends with the consent that
 * the old one came from, and says who acts; only a client that may impersonate is not named.
 */
import { hash } from 'node:crypto';
import { err, isJsonObject, type JsonObject, ok, type SubjectId } from '@mintmark/core';
import type { Client } from '../clients/client.ts';
import type { ActiveToken } from '../introspection/introspect.ts';
import { basisOf } from './basis.ts';

import type { Grant, GrantDeps, Judgement, TokenRefusal, TokenRequest } from './grant.ts';
import { subjectRequired } from './subject.ts';

/** RFC 8693 §3. What we take and give is an access token; that it may be a JWT changes nothing. */
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const accessTokenTypes = [accessTokenType, 'urn:ietf:params:oauth:token-type:jwt'];

/** Services that act for one another in a row; a longer chain is a loop. */
const actorsMax = 8;

export const tokenExchange: Grant = {
  type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  takesScope: true,
  takesAudience: true,
  async judge(deps, request, client) {
    const malformed = malformedType(request);
    if (malformed !== undefined) return err(malformed);
    const text = request.parameter('subject_token');
    if (text === undefined) return err({ reason: 'missing_parameter', name: 'subject_token' });
    const token = await deps.accessToken(request.tenant, text);
    if (token === undefined || !isMeantFor(token, client)) {
      return err({ reason: 'not_exchangeable' });
    }
    const held = heldTo(token, { request, client });
    if (held === undefined) return err({ reason: 'subject_key_missing' });
    const acting = await actorOf(deps, request, client);
    if (acting === undefined || !mayActFor(deps, token, { request, acting })) {
      return err({ reason: 'may_not_act' });
    }
    const person = await personOf(deps, token, request);
    if (!person.ok) return person;
    const chain = actorChain(token, { client, acting });
    if (chain === 'too_long') return err({ reason: 'not_exchangeable' });
    return ok({
      subject: token.subject,
      scopes: token.scopes.filter((scope) => client.scopes.includes(scope)),
      // Explicit: where nothing is named, nothing is given.
      audience: { allowed: client.audiences, byDefault: [] },
      details: detailsIn(token),
      endsAt: token.expiresAt,
      ...person.value,
      ...held,
      ...(chain === undefined ? {} : { actor: chain }),
      answer: { issued_token_type: accessTokenType },
    });
  },
};

function malformedType(request: TokenRequest): TokenRefusal | undefined {
  const name = 'subject_token_type';
  const subjectType = request.parameter(name);
  if (subjectType === undefined) return { reason: 'missing_parameter', name };
  const actorToken = request.parameter('actor_token');
  const actorType = request.parameter('actor_token_type');
  // RFC 8693 §2.1: the one goes with the other.
  if ((actorToken === undefined) !== (actorType === undefined)) {
    return { reason: 'missing_parameter', name: 'actor_token and actor_token_type' };
  }
  const requested = request.parameter('requested_token_type');
  const types = [subjectType, actorType, requested].filter((type) => type !== undefined);
  const isKnown = types.every((type) => accessTokenTypes.includes(type));
  return isKnown ? undefined : { reason: 'not_exchangeable' };
}

/**
 * Its own, or one that was sent to it. A machine's token is its own client's alone: with another
 * client beside it, its subject would pass for a person.
 */
function isMeantFor(token: ActiveToken, client: Client): boolean {
  if (token.clientId === client.clientId) return true;
  if (isMachine(token)) return false;
  return token.audience.some((one) => one === client.clientId || client.resources.includes(one));
}

function isMachine({ subject, clientId }: ActiveToken): boolean {
  return (subject as string) === clientId;
}

/**
 * Constrained in, constrained out: no bound token becomes one for its bearer. A client that
 * exchanges its own token shows the very key, as whoever stole it would name that client too; a
 * service that was sent one cannot, and shows a key of its own. The certificate of the connection
 * counts for a token that is bound to it, and the new one is bound to it too.
 *
 * @returns what the new token is bound to beyond the request's proof; undefined: not exchanged
 */
function heldTo(
  { binding, clientId }: ActiveToken,
  by: { readonly request: TokenRequest; readonly client: Client },
): Pick<Judgement, 'binding'> | undefined {
  if (binding === undefined) return {};
  const { dpopJkt, keys } = by.request;
  const { certificate } = keys;
  const shown = certificate && hash('sha256', certificate, 'base64url');
  if (binding.by === 'x5t#S256' && shown === binding.thumbprint) return { binding };
  if (binding.by === 'jkt' && dpopJkt === binding.thumbprint) return {};
  const isSentToIt = clientId !== by.client.clientId;
  // Such a client has shown its certificate, or it would not have come so far.
  const isHeld = dpopJkt !== undefined || by.client.tlsClientCertificateBoundAccessTokens;
  return isSentToIt && isHeld ? {} : undefined;
}

/** Who acts: the client itself, or whom the client's own `actor_token` speaks of. */
async function actorOf(
  deps: GrantDeps,
  request: TokenRequest,
  client: Client,
): Promise<string | undefined> {
  const text = request.parameter('actor_token');
  if (text === undefined) return client.clientId;
  const token = await deps.accessToken(request.tenant, text);
  return token?.clientId === client.clientId ? token.subject : undefined;
}

/** Those of a token are of our own making. */
function detailsIn({ claims }: ActiveToken): readonly JsonObject[] {
  const { authorization_details: details } = claims;
  return Array.isArray(details) ? details.filter((one) => isJsonObject(one)) : [];
}

/** RFC 8693 §4.4: a token that says who may act for its subject is not for anybody else. */
function mayActFor(
  deps: GrantDeps,
  { claims }: ActiveToken,
  by: { readonly request: TokenRequest; readonly acting: string },
): boolean {
  const mayAct = claims['may_act'];
  if (mayAct === undefined) return true;
  if (!isJsonObject(mayAct)) return false;
  const { sub, iss = deps.issuerOf(by.request.tenant) } = mayAct;
  return sub === by.acting && iss === deps.issuerOf(by.request.tenant);
}

/** What the new token rests on: the person, and the consent that the old one came from. */
async function personOf(deps: GrantDeps, token: ActiveToken, { tenant }: TokenRequest) {
  if (isMachine(token)) return ok({});
  const subject = { tenant, subject: token.subject };
  const basis = await basisOf(deps, { ...token, tenant, id: token.tokenId });
  if (basis === undefined) return err({ reason: 'grant_revoked' } as const);
  const { acr = null, authTime } = token;
  // The new token is no younger a sign-in than the old one.
  const signIn = authTime === undefined ? {} : { signIn: { acr, authTimeSeconds: authTime } };
  return ok({ basis, steps: [subjectRequired(subject)], ...signIn });
}

/**
 * RFC 8693 §4.1: who acts now, and within it who acted before. Undefined where nobody acts for
 * another: a client that takes from its own token, and one that may impersonate.
 */
function actorChain(
  { claims, clientId }: ActiveToken,
  by: { readonly client: Client; readonly acting: string },
): JsonObject | undefined | 'too_long' {
  const before = claims['act'];
  const earlier = isJsonObject(before) ? before : undefined;
  const isOwn = clientId === by.client.clientId && by.acting === clientId;
  if (isOwn || by.client.mayImpersonate) return earlier;
  const chain: JsonObject = {
    sub: by.acting as SubjectId,
    ...(earlier === undefined ? {} : { act: earlier }),
  };
  return depthOf(chain) > actorsMax ? 'too_long' : chain;
}

function depthOf(chain: JsonObject): number {
  const { act } = chain;
  return isJsonObject(act) ? 1 + depthOf(act) : 1;
}
