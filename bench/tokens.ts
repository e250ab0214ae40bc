/**
 * `node bench/tokens.ts [--rounds N]`: operations per CPU-second of the token formats, ours beside
 * jose and beside the bare primitive. Rounds are interleaved and medians printed, so that a busy
 * machine slows all of them alike. Bars: minting within 15 % of a bare signature, verification
 * within 10 % of a bare check.
 */
import { sign, verify } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  type ClientId,
  freshId,
  type SubjectId,
  seededEntropy,
  type TenantId,
  type TokenId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import {
  type AccessTokenClaims,
  accessTokenSigningInput,
  assembleJws,
  buildSecretToken,
  createKeySet,
  createVerifiedCache,
  generateSigningKey,
  hashSecret,
  importVerificationKey,
  localSigner,
  parseSecretToken,
  type VerifiedAccessToken,
  verifyAccessToken,
} from '@mintmark/tokens';
import { importJWK, type JWK, jwtVerify, SignJWT } from 'jose';

type Run = () => unknown;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const roundMs = 80;

const now = 1_790_000_000 as UnixSeconds;
const issuer = 'https://as.example';
const audience = 'https://api.example';
const claims: AccessTokenClaims = {
  issuer,
  subject: 'client-ABCDEFGHIJKLMNOPQ' as SubjectId,
  audience: [audience],
  clientId: 'client-ABCDEFGHIJKLMNOPQ' as ClientId,
  scopes: ['orders:read', 'orders:write'],
  issuedAt: now,
  expiresAt: (now + 600) as UnixSeconds,
  tokenId: '0abc0123456789ABCDEFGHIJK' as TokenId,
  position: 123_456,
  tenant: 'default' as TenantId,
};

async function cases(): Promise<ReadonlyMap<string, Run>> {
  const { privateKey, publicJwk, kid } = await generateSigningKey('ES256');
  const signer = localSigner({ privateKey, algorithm: 'ES256', kid });
  const imported = importVerificationKey(publicJwk, { algorithms: ['ES256'] });
  if (!imported.ok) throw new Error(imported.refusal.reason);
  const set = createKeySet({ keys: [imported.value], epoch: '1' });
  if (!set.ok) throw new Error(set.refusal.reason);
  const keys = set.value;
  const joseKey = await importJWK(publicJwk as JWK, 'ES256');

  const mint = () => {
    const input = accessTokenSigningInput(claims, signer);
    return assembleJws(input, signer.sign(utf8(input)));
  };
  const token = mint();
  const input = utf8(token.slice(0, token.lastIndexOf('.')));
  const signature = Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url');
  const signOptions = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const verifyOptions = { key: imported.value.keyObject, dsaEncoding: 'ieee-p1363' } as const;

  const cache = createVerifiedCache<VerifiedAccessToken>();
  const expectation = { issuer, audience, keys, now };
  const accepted = (result: { ok: boolean }) => {
    if (!result.ok) throw new Error('refused');
  };
  const { payload } = (() => {
    const result = verifyAccessToken(token, expectation);
    if (!result.ok) throw new Error(result.refusal.reason);
    return result.value;
  })();
  const expired = { ...expectation, now: claims.expiresAt };

  const entropy = seededEntropy(1);
  const id = freshId(entropy);
  const key = buildSecretToken({ prefix: 'mm', kind: 'key', id, entropy });
  const pepper = new Uint8Array(32);
  const hashInput = { pepper, tenant: 'default', id, secret: key.secret };

  return new Map<string, Run>([
    ['bare crypto.sign ES256', () => sign('sha256', input, signOptions)],
    ['mint an access token, ours', mint],
    [
      'mint an access token, jose',
      () =>
        new SignJWT({ ...payload })
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
          .sign(privateKey),
    ],
    ['bare crypto.verify ES256', () => verify('sha256', input, verifyOptions, signature)],
    ['verify an access token, ours', () => accepted(verifyAccessToken(token, expectation))],
    [
      'verify an access token, jose',
      () => jwtVerify(token, joseKey, { issuer, audience, typ: 'at+jwt', currentDate }),
    ],
    [
      'verify one seen before, ours',
      () => accepted(verifyAccessToken(token, { ...expectation, cache })),
    ],
    ['refuse an expired one, ours', () => verifyAccessToken(token, expired)],
    ['parseSecretToken', () => accepted(parseSecretToken(key.text, 'mm'))],
    ['hashSecret', () => hashSecret(hashInput)],
    ['buildSecretToken', () => buildSecretToken({ prefix: 'mm', kind: 'key', id, entropy })],
  ]);
}

const currentDate = new Date(now * 1000);

/** @returns operations per second of CPU time, all threads of the process counted */
async function measure(run: Run): Promise<number> {
  const start = process.cpuUsage();
  let operations = 0;
  let micros = 0;
  do {
    for (let i = 0; i < 50; i++) await run();
    operations += 50;
    const used = process.cpuUsage(start);
    micros = used.user + used.system;
  } while (micros < roundMs * 1000);
  return (operations / micros) * 1_000_000;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

const runs = await cases();
const results = new Map<string, number[]>([...runs.keys()].map((name) => [name, []]));
// The first rounds are the compiler's: what they measure is dropped.
for (let round = 0; round < 4; round++) for (const run of runs.values()) await measure(run);
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, run] of runs) results.get(name)!.push(await measure(run));
}
const medians = new Map([...results].map(([name, figures]) => [name, median(figures)]));
for (const [name, figure] of medians) {
  console.log(`${name.padEnd(32)} ${Math.round(figure).toLocaleString('en').padStart(10)} /CPU-s`);
}
const ratio = (a: string, b: string) => (medians.get(a)! / medians.get(b)!).toFixed(2);
console.log(
  `mint / bare sign      ${ratio('mint an access token, ours', 'bare crypto.sign ES256')}`,
);
console.log(
  `verify / bare verify  ${ratio('verify an access token, ours', 'bare crypto.verify ES256')}`,
);
