/**
 * A service behind the gateway that believes nobody but the gateway: `node upstream.ts` with ISSUER
 * (the authority), AUDIENCE (what the route names, else this service's origin as the route has it)
 * and PORT. It needs no library and no secret, only the public key set.
 *
 * To be read as a recipe: signature, type, issuer, audience, time, method, path, query, and each
 * token once.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';

const { ISSUER = '', AUDIENCE = '', PORT = '9000' } = process.env;
const keySetUrl = `${ISSUER}/.well-known/internal-jwks.json`;

type Claims = Readonly<Record<string, unknown>>;

let keys = new Map<string, KeyObject>();
let askedAt = 0;
/** Tokens that were used, until their end: a recorded request cannot be sent again. */
const used = new Map<string, number>();

async function keyOf(kid: string): Promise<KeyObject | undefined> {
  // A gateway that has just started has a new key; strangers' names cost one look a second.
  if (!keys.has(kid) && Date.now() - askedAt > 1_000) {
    askedAt = Date.now();
    const answer = await fetch(keySetUrl);
    const set = (await answer.json()) as { keys: (JsonWebKey & { kid: string })[] };
    keys = new Map(set.keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]));
  }
  return keys.get(kid);
}

/** @returns the claims, or what is wrong */
async function judge(request: IncomingMessage): Promise<Claims | string> {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return 'no token';
  const [head = '', body = '', signature = ''] = token.split('.');
  const read = (part: string): Claims => JSON.parse(Buffer.from(part, 'base64url').toString());
  const header = read(head);
  // The algorithm is ours to choose, and the type parts these tokens from all others.
  if (header['alg'] !== 'ES256' || header['typ'] !== 'mm-internal+jwt') return 'wrong kind';
  const key = await keyOf(String(header['kid']));
  if (key === undefined) return 'unknown key';
  const signed = Buffer.from(`${head}.${body}`);
  const by = { key, dsaEncoding: 'ieee-p1363' } as const;
  if (!verify('sha256', signed, by, Buffer.from(signature, 'base64url'))) return 'bad signature';
  const claims = read(body);
  if (claims['iss'] !== ISSUER || claims['aud'] !== AUDIENCE) return 'not for this service';
  const now = Date.now() / 1000;
  if (Number(claims['exp']) <= now || Number(claims['iat']) > now + 5) return 'not now';
  const [path, query] = (request.url ?? '').split(/\?(.*)/s);
  const digest = query === undefined ? undefined : createHash('sha256').update(query);
  if (claims['htm'] !== request.method || claims['htp'] !== path) return 'another request';
  if (claims['qsh'] !== digest?.digest('base64url')) return 'another query';
  for (const [jti, end] of used) if (end <= now) used.delete(jti);
  if (used.has(String(claims['jti']))) return 'used before';
  used.set(String(claims['jti']), Number(claims['exp']));
  return claims;
}

const server = createServer(async (request, response) => {
  const judged = await judge(request).catch(() => 'unreadable');
  const isRefused = typeof judged === 'string';
  response.writeHead(isRefused ? 401 : 200, { 'content-type': 'application/json' });
  const seen = { authorization: request.headers.authorization, url: request.url };
  response.end(
    JSON.stringify(isRefused ? { error: judged, ...seen } : { claims: judged, ...seen }),
  );
});
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : PORT;
  console.log(`http://127.0.0.1:${port}`);
});
