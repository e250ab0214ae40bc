/** Tokens, keys, revocations and routes that all contenders are given. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ClientId,
  defaultTenant,
  type FamilyId,
  type FeedEntry,
  type SubjectId,
  type TokenId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import { systemClock } from '@mintmark/core/system';
import { NativeMirror } from '@mintmark/gateway';
import {
  accessTokenSigningInput,
  assembleJws,
  generateSigningKey,
  localSigner,
} from '@mintmark/tokens';

const issuer = 'https://issuer.test';
const position = 1;

export interface World {
  readonly mirror: NativeMirror;
  /** `Bearer …` a line: one that is sent again and again, and as many as are sent but once. */
  readonly tokens: string;
  readonly pem: string;
}

/** @param folder for the files @param upstreamPort of the service behind all of them */
export async function makeWorld(folder: string, upstreamPort: number): Promise<World> {
  const { privateKey, kid, publicJwk } = await generateSigningKey('ES256');
  const signer = localSigner({ privateKey, algorithm: 'ES256', kid });
  const now = Math.floor(systemClock.nowMs() / 1000) as UnixSeconds;
  const token = (index: number): string => {
    const claims = {
      ...{ issuer, audience: [issuer], scopes: ['read', 'write'], tenant: defaultTenant, position },
      subject: `user-${index % 100}` as SubjectId,
      clientId: `client-${index % 10}` as ClientId,
      tokenId: `0f8a2b6c4d1e${index}` as TokenId,
      family: `7c1d9e3b5a2f${index}` as FamilyId,
      issuedAt: now,
      expiresAt: (now + 3_600) as UnixSeconds,
    };
    const input = accessTokenSigningInput(claims, signer);
    return assembleJws(input, signer.sign(utf8(input)));
  };
  const tokens = join(folder, 'tokens');
  const lines = Array.from({ length: 1_000 }, (_, index) => `Bearer ${token(index)}\n`);
  writeFileSync(tokens, lines.join(''));
  const mirror = new NativeMirror();
  mirror.replace({
    ...{ tenant: defaultTenant, epoch: 'bench', head: 1, issuer },
    entries: [
      { type: 'signing_key', position, kid, jwk: publicJwk, status: 'trusted' },
      { type: 'route', position, name: 'bench', route: route(upstreamPort) },
      ...revocations(now),
    ],
  });
  return { mirror, tokens, pem: mirror.view().keys[0]!.pem };
}

function route(upstreamPort: number): Readonly<Record<string, unknown>> {
  return {
    name: 'bench',
    match: { path_prefix: '/api' },
    upstream: `http://127.0.0.1:${upstreamPort}`,
    scopes: ['read'],
    limits: [{ name: 'calls', by: 'client', kind: 'rate', quota: 1_000_000, window_seconds: 1 }],
  };
}

/** Of others, and later than every token: each look-up finds a map that is not empty. */
function revocations(now: UnixSeconds): readonly FeedEntry[] {
  const kinds = ['token', 'family', 'client', 'user'] as const;
  return kinds.flatMap((kind) =>
    Array.from({ length: 1_000 }, (_, index): FeedEntry => {
      const target = { kind, id: `other-${kind}-${index}` };
      const expiresAt = (now + 86_400) as UnixSeconds;
      return { type: 'revocation', position: 9, target, expiresAt };
    }),
  );
}
