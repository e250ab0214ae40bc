/**
 * /oauth2/register: clients register themselves (RFC 7591, OpenID Connect Dynamic Client
 * Registration) and look after their registration (RFC 7592), which they name in `client_id` of the
 * query and prove by its token.
 */
import {
  type ClientId,
  err,
  type FailureBudget,
  type HttpRequest,
  type HttpResponse,
  isJsonObject,
  type JsonObject,
  limits,
  ok,
  parseClientId,
  parseJson,
  type Result,
  type TenantId,
  utf8Decode,
} from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { Client } from '../clients/client.ts';
import type { GivenRules } from '../clients/fresh-rules.ts';
import {
  endRegistration,
  findRegistration,
  type RegistrationDeps,
  type RegistrationRefusal,
  registerClient,
  replaceRegistration,
} from '../clients/registration.ts';
import { readMetadata } from './client-metadata.ts';
import { renderRules, wireNameOf } from './management/client-wire.ts';
import type { ProtocolDeps } from './protocol-deps.ts';
import { renderError, uncached } from './render-error.ts';

export interface RegisterDeps {
  readonly registration: RegistrationDeps;
  /** Bounds how many clients one address may make. */
  readonly registrations: FailureBudget;
}

type Deps = Pick<ProtocolDeps, 'register' | 'failures' | 'refused' | 'isRegistrar' | 'issuerOf'>;

const requesterOf = (
  tenant: TenantId,
  request: HttpRequest,
  actor: Requester['actor'],
): Requester => ({ tenant, actor, address: request.remoteAddress });

/** POST: a new client. */
export async function handleRegister(
  deps: Deps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { registration, registrations } = deps.register;
  const { mode } = registration.policyOf(tenant);
  if (mode === 'off') return notFound;
  const address = request.remoteAddress;
  const retryAfterSeconds = registrations.retryAfterSeconds(address);
  if (retryAfterSeconds > 0) return renderError({ reason: 'too_many_failures', retryAfterSeconds });
  if (mode === 'token' && !(await deps.isRegistrar(request, tenant))) return unauthorized;
  registrations.failed(address);
  const given = await readGiven(request);
  if (!given.ok) return refused(given.refusal);
  const actor = { kind: 'system', id: 'registration' } as const;
  const made = await registerClient(
    registration,
    requesterOf(tenant, request, actor),
    given.value.rules,
  );
  if (!made.ok) return refused(wireRefusal(made.refusal));
  const { client, secret, registrationToken } = made.value;
  return shown(deps, client, { status: 201, registrationToken, secret });
}

/** GET: the client as it is registered now. */
export async function handleReadRegistration(
  deps: Deps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const known = await registered(deps, tenant, request);
  if (known === undefined) return unauthorized;
  return shown(deps, known.client, { status: 200, registrationToken: known.token });
}

/** PUT: all metadata anew. */
export async function handleReplaceRegistration(
  deps: Deps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const known = await registered(deps, tenant, request);
  if (known === undefined) return unauthorized;
  const { client, token } = known;
  const given = await readGiven(request);
  if (!given.ok) return refused(given.refusal);
  const { body, rules } = given.value;
  // RFC 7592 §2.2: the client names itself, and nothing that is the server's to say.
  if (body['client_id'] !== client.clientId) return refused(invalidMetadata('client_id'));
  const ours = serverMembers.find((name) => body[name] !== undefined);
  if (ours !== undefined) return refused(invalidMetadata(ours));
  const actor = { kind: 'client', id: client.clientId } as const;
  const replaced = await replaceRegistration(
    deps.register.registration,
    requesterOf(tenant, request, actor),
    { client, given: rules },
  );
  if (!replaced.ok) return refused(wireRefusal(replaced.refusal));
  return shown(deps, replaced.value, { status: 200, registrationToken: token });
}

/** DELETE: the end of the client, its secrets and its tokens. */
export async function handleEndRegistration(
  deps: Deps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const known = await registered(deps, tenant, request);
  if (known === undefined) return unauthorized;
  const { client } = known;
  const actor = { kind: 'client', id: client.clientId } as const;
  const context = requesterOf(tenant, request, actor);
  const ended = await endRegistration(deps.register.registration, context, client);
  if (!ended.ok) return refused(wireRefusal(ended.refusal));
  return { status: 204, headers: uncached, body: undefined };
}

const serverMembers = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
] as const;

/** The client that the request names and proves to manage. Guesses spend the address's budget. */
async function registered(
  { register, failures, refused: note }: Deps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<{ readonly client: Client; readonly token: string } | undefined> {
  const { registration } = register;
  const address = request.remoteAddress;
  const token = /^bearer +([\x21-\x7e]+)$/i.exec(request.header('authorization') ?? '')?.[1];
  const clientId = parseClientId(new URLSearchParams(request.query ?? '').get('client_id') ?? '');
  const { mode } = registration.policyOf(tenant);
  if (mode === 'off' || token === undefined || !clientId.ok) return undefined;
  if (failures.retryAfterSeconds(address) > 0) return undefined;
  const named = { clientId: clientId.value as ClientId, token };
  const client = await findRegistration(registration, tenant, named);
  if (client !== undefined) return { client, token };
  failures.failed(address);
  note({ tenant, surface: 'registration', reason: 'wrong_token', address });
  return undefined;
}

interface WireRefusal {
  readonly error: 'invalid_redirect_uri' | 'invalid_client_metadata' | 'temporarily_unavailable';
  readonly description: string;
}

function invalidMetadata(what: string): WireRefusal {
  return { error: 'invalid_client_metadata', description: what };
}

async function readGiven(
  request: HttpRequest,
): Promise<Result<{ readonly body: JsonObject; readonly rules: GivenRules }, WireRefusal>> {
  const type = request.header('content-type') ?? '';
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    return err(invalidMetadata('the body must be application/json'));
  }
  const bytes = await request.body(limits.protocolBodyBytesMax);
  if (bytes === 'too_large') return err(invalidMetadata('the body is too large'));
  const json = parseJson(utf8Decode(bytes) ?? '');
  if (!json.ok || !isJsonObject(json.value)) return err(invalidMetadata('the body is no object'));
  const rules = readMetadata(json.value);
  return rules.ok
    ? ok({ body: json.value, rules: rules.value })
    : err(invalidMetadata(rules.refusal));
}

function wireRefusal(refusal: RegistrationRefusal): WireRefusal {
  switch (refusal.reason) {
    case 'faulty_rules': {
      const { member, message } = refusal.faults[0]!;
      const isUri = member === 'redirectUris';
      return {
        error: isUri ? 'invalid_redirect_uri' : 'invalid_client_metadata',
        description: `${wireNameOf(member)}: ${message}`,
      };
    }
    case 'sector_mismatch':
      return invalidMetadata('sector_identifier_uri: does not name all redirect URIs');
    case 'overtaken':
      return { error: 'temporarily_unavailable', description: 'try again' };
  }
}

/** RFC 7591 §3.2.2. A description is ASCII without quotes (RFC 6749 §5.2). */
function refused({ error, description }: WireRefusal): HttpResponse {
  const plain = description.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?').slice(0, 500);
  return json(error === 'temporarily_unavailable' ? 503 : 400, {
    error,
    error_description: plain,
  });
}

/** RFC 7591 §3.2.1, RFC 7592 §3. */
function shown(
  { issuerOf }: Deps,
  client: Client,
  more: {
    readonly status: 200 | 201;
    readonly registrationToken: string;
    readonly secret?: string | undefined;
  },
): HttpResponse {
  const { status, registrationToken, secret } = more;
  const query = new URLSearchParams({ client_id: client.clientId });
  return json(status, {
    client_id: client.clientId,
    client_id_issued_at: Math.floor(client.createdAt / 1000),
    ...(secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    registration_access_token: registrationToken,
    registration_client_uri: `${issuerOf(client.tenant)}/oauth2/register?${query}`,
    ...renderRules(client),
  });
}

function json(status: number, body: object): HttpResponse {
  const headers = { 'content-type': 'application/json', ...uncached };
  return { status, headers, body: JSON.stringify(body) };
}

const unauthorized: HttpResponse = {
  status: 401,
  headers: {
    'content-type': 'application/json',
    'www-authenticate': 'Bearer realm="mintmark", error="invalid_token"',
    ...uncached,
  },
  body: JSON.stringify({ error: 'invalid_token' }),
};

const notFound: HttpResponse = { status: 404, headers: uncached, body: undefined };
