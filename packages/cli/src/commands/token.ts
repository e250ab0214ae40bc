/** `mintmark token …`: get an access token, look inside one, verify one. */
import { type JsonObject, nowSeconds, ok, parseJson, rfc3339, type UnixMs } from '@mintmark/core';
import { jwsAlgorithms, parseKeySet, verifyAccessToken } from '@mintmark/tokens';
import { type Api, unexpected } from '../api/api.ts';
import type { Command, Outcome } from '../command.ts';
import { readSecret, readToken, tokenOperand } from '../secret-input.ts';
import { fields, type Style } from '../style.ts';
import { type DecodedJwt, decodeJwt } from './decode-jwt.ts';
import { cell, type Item, rowsOf, send, usage } from './send.ts';

const issue: Command = {
  name: 'token issue',
  summary: 'gets an access token for a client (client_credentials)',
  options: [
    { flags: '--client-id <id>', description: 'the client', required: true },
    {
      flags: '--client-secret <reference>',
      description: 'where its secret is: file:PATH, env:NAME, - for standard input',
      required: true,
    },
    {
      flags: '--scope <scopes...>',
      description: 'what it is for; default all that the client may',
    },
    { flags: '--resource <url>', description: 'for which API; default the first of the client' },
  ],
  examples: [
    ['mintmark token issue --client-id ci --client-secret env:CI_SECRET', 'the token and its life'],
    [
      'mintmark token issue --client-id ci --client-secret - --json < secret.txt',
      'as the endpoint answers',
    ],
  ],
  async run(invocation) {
    const { options, ports } = invocation;
    const secret = await readSecret(ports, options.text('client-secret')!);
    if (!secret.ok) return secret;
    const request = {
      method: 'POST',
      path: '/oauth2/token',
      client: { id: options.text('client-id')!, secret: secret.value },
      form: {
        grant_type: 'client_credentials',
        scope: options.list('scope')?.join(' '),
        resource: options.text('resource'),
      },
    } as const;
    return send(invocation, request, (style, body) =>
      fields(style, rowsOf(body, ['access_token', 'token_type', 'expires_in', 'scope'])),
    );
  },
};

const inspect: Command = {
  name: 'token inspect',
  summary: 'shows what a JWT says, without judging whether it is true',
  operands: [tokenOperand],
  examples: [['mintmark token inspect < token.txt', 'header and claims, nothing is sent anywhere']],
  async run(invocation) {
    const token = await readToken(invocation);
    if (!token.ok) return token;
    const jwt = decodeJwt(token.value);
    if (jwt === undefined) return usage('this is no JWT: an opaque token says nothing by itself');
    return ok({ json: jwt, text: (style) => jwtText(style, jwt) });
  },
};

const verify: Command = {
  name: 'token verify',
  summary: 'verifies a token; exits 1 where it is not good',
  description:
    'With a credential the server is asked, which knows of revocation and of opaque tokens. ' +
    'Without one, or with --offline, a JWT is verified here against the published keys: ' +
    'signature, issuer, time and, with --audience, for whom it is.',
  operands: [tokenOperand],
  options: [
    { flags: '--offline', description: 'by the published keys alone' },
    { flags: '--audience <audience>', description: 'API that the token must be for' },
  ],
  examples: [
    ['mintmark token verify < token.txt', 'as the server sees it'],
    [
      'mintmark token verify --offline --audience https://api.example < token.txt',
      'as an API does',
    ],
  ],
  async run(invocation) {
    const token = await readToken(invocation);
    if (!token.ok) return token;
    const api = await invocation.api();
    if (!api.ok) return api;
    const audience = invocation.options.text('audience');
    const ask = api.value.hasCredential && !invocation.options.flag('offline');
    if (ask) return askServer(api.value, token.value, audience);
    const issuer = await readIssuer(api.value);
    if (!issuer.ok) return issuer;
    const verified = verifyAccessToken(token.value, {
      ...issuer.value,
      now: nowSeconds(invocation.ports.clock),
      ...(audience === undefined ? {} : { audience }),
    });
    return verified.ok ? verdictOf(verified.value.payload) : refusedBy(verified.refusal.reason);
  },
};

async function askServer(api: Api, token: string, audience: string | undefined): Promise<Outcome> {
  const answer = await api.call({ method: 'POST', path: '/v1/tokens/inspect', body: { token } });
  if (!answer.ok) return answer;
  const { body } = answer.value;
  if (body['active'] !== true) return refusedBy(cell(body, 'reason'));
  const audiences = (body['audience'] ?? []) as readonly string[];
  if (audience !== undefined && !audiences.includes(audience)) return refusedBy('wrong_audience');
  return ok({
    json: { valid: true, token: body },
    text: (style) =>
      [style.good('valid'), fields(style, rowsOf(body, Object.keys(body)))].join('\n'),
  });
}

export const tokenCommands: readonly Command[] = [issue, inspect, verify];

function verdictOf(claims: JsonObject): Outcome {
  return ok({
    json: { valid: true, claims },
    text: (style) => [style.good('valid'), claimsText(style, claims)].join('\n'),
  });
}

function refusedBy(reason: string): Outcome {
  return ok({
    json: { valid: false, reason },
    text: (style) => style.bad(`refused: ${reason}`),
    negative: true,
  });
}

/** Issuer and keys, from the server's metadata (RFC 8414). */
async function readIssuer(api: Api) {
  const metadata = await api.call({
    method: 'GET',
    path: '/.well-known/oauth-authorization-server',
  });
  if (!metadata.ok) return metadata;
  const keys = await api.call({ method: 'GET', path: '/.well-known/jwks.json' });
  if (!keys.ok) return keys;
  const parsed = parseJson(keys.value.text);
  const set = parsed.ok
    ? parseKeySet(parsed.value, { algorithms: jwsAlgorithms, epoch: '' })
    : parsed;
  if (!set.ok) throw unexpected(api.server, `no usable key set: ${set.refusal.reason}`);
  return ok({ issuer: String(metadata.value.body['issuer']), keys: set.value.keySet });
}

function jwtText(style: Style, { header, claims }: DecodedJwt): string {
  return [
    style.warn('not verified'),
    fields(style, rowsOf(header as Item, Object.keys(header))),
    claimsText(style, claims),
  ].join('\n');
}

const timeClaims = new Set(['exp', 'iat', 'nbf', 'auth_time']);

function claimsText(style: Style, claims: JsonObject): string {
  const rows = rowsOf(claims as Item, Object.keys(claims)).map(([name, text]) => {
    const value = claims[name];
    const isTime = timeClaims.has(name) && typeof value === 'number' && Math.abs(value) < 1e11;
    return [name, isTime ? `${text} (${rfc3339((value * 1000) as UnixMs)})` : text] as const;
  });
  return fields(style, rows);
}
