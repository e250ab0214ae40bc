/**
 * Signing keys under rotation: a verifier that caches the key set for as long as it may, and checks
 * a token as late as one may come, never meets one whose key it does not know.
 */
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { expect, inject, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';

const rotations = inject('rotations' as never) as number;
const rotateEverySeconds = 3600;
const publishAheadSeconds = 600;
const ttlSeconds = 600;
const stepSeconds = 60;

/** A resource server, with the copy of the key set that it may have by the cache's rules. */
function verifier(bed: Awaited<ReturnType<typeof authorityBed>>) {
  let copy: { readonly keys: JSONWebKeySet; readonly until: number } | undefined;
  return async (token: string, atMs: number): Promise<string> => {
    if (copy === undefined || copy.until <= atMs) {
      const { headers, json } = await bed.get('/.well-known/jwks.json');
      const age = /max-age=(\d+)/.exec(String(headers['cache-control']));
      copy = { keys: json as unknown as JSONWebKeySet, until: atMs + Number(age![1]) * 1000 };
    }
    const currentDate = new Date(atMs);
    const { protectedHeader } = await jwtVerify(token, createLocalJWKSet(copy.keys), {
      currentDate,
    });
    return String(protectedHeader.kid);
  };
}

it(`verifies every token through ${rotations} rotations, new ones and old ones`, async () => {
  const signing = { algorithms: ['ES256'], rotateEverySeconds, publishAheadSeconds } as const;
  const bed = await authorityBed(1, undefined, { signing });
  const client = await bed.addClient({ accessTokenTtlSeconds: ttlSeconds });
  const verify = verifier(bed);
  const kids = new Set<string>();
  const live: { readonly token: string; readonly endsAt: number }[] = [];
  let checked = 0;
  while (kids.size <= rotations) {
    for (let round = 0; round < 8; round++) await bed.authority.tick();
    const { status, json } = await bed.post(
      '/oauth2/token',
      { grant_type: 'client_credentials' },
      client,
    );
    expect(status).toBe(200);
    const now = bed.clock.nowMs();
    live.push({ token: String(json['access_token']), endsAt: now + ttlSeconds * 1000 });
    while (live[0]!.endsAt <= now) live.shift();
    // The youngest, and the one that is about to end.
    for (const { token } of [live.at(-1)!, live[0]!]) {
      kids.add(await verify(token, now));
      checked++;
    }
    bed.clock.advanceMs(stepSeconds * 1000);
  }
  console.log(`${rotations} rotations, ${checked} tokens verified, none failed`);
  expect(checked).toBeGreaterThan((rotations * rotateEverySeconds) / stepSeconds);
}, 600_000);
