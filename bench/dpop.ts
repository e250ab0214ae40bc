/**
 * What a DPoP proof costs (RFC 9449): client credentials with a proof and without one, on the same
 * server in turns, beside a bare verification of ES256 on this machine. The difference is what the
 * proof adds: its check, its one use, and the thumbprint in the token.
 *
 * node bench/dpop.ts [--rounds 3] [--seconds 4]
 */
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadFlatOut, type Work } from './load.ts';
import { startMintmark } from './mintmark.ts';
import { credentialsOf, issueWork } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
  },
});
const seconds = Number(values.seconds);
/** More than are sent: a proof is good once. */
const proofsASecond = 12_000;

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const directory = mkdtempSync(join(tmpdir(), 'mintmark-dpop-'));
mkdirSync(join(directory, 'server'));
const server = await startMintmark(join(directory, 'server'), credentialsOf);
const plain = issueWork(server.port);
try {
  await server.setFormat('jwt');
  const rows = { plain: [] as number[], proven: [] as number[], bare: [] as number[] };
  for (let round = 0; round < Number(values.rounds); round++) {
    rows.plain.push(measure(plain, (work) => work));
    rows.proven.push(measure(plain, withProofs));
    rows.bare.push(bareVerification());
  }
  const [without, withProof, bare] = [rows.plain, rows.proven, rows.bare].map(median);
  console.log(`CPU a request: ${without!.toFixed(0)} µs, with a proof ${withProof!.toFixed(0)} µs`);
  const added = withProof! - without!;
  console.log(`added ${added.toFixed(0)} µs: ${(added / bare!).toFixed(2)} bare verifications`);
  console.log(`(one takes ${bare!.toFixed(0)} µs)`);
} finally {
  await server.process.stop();
  rmSync(directory, { recursive: true, force: true });
}

function measure(work: Work, prepare: (work: Work, forSeconds: number) => Work): number {
  const options = { connections: 64, directory };
  loadFlatOut(prepare(work, 2), { ...options, seconds: 2 });
  const prepared = prepare(work, seconds);
  const before = server.process.cpuMicros();
  const { requestsPerSecond } = loadFlatOut(prepared, { ...options, seconds });
  return (server.process.cpuMicros() - before) / (requestsPerSecond * seconds);
}

function withProofs(work: Work, forSeconds: number): Work {
  const file = join(directory, 'proofs');
  const header = encode({
    typ: 'dpop+jwt',
    alg: 'ES256',
    jwk: publicKey.export({ format: 'jwk' }),
  });
  const lines: string[] = [];
  for (let i = 0; i < proofsASecond * forSeconds; i++) lines.push(proof(header, work));
  writeFileSync(file, lines.join('\n'));
  return { ...work, varying: { header: 'dpop', file } };
}

function proof(header: string, { port, path }: Work): string {
  const payload = encode({
    jti: randomBytes(12).toString('base64url'),
    htm: 'POST',
    htu: `http://127.0.0.1:${port}${path}`,
    iat: Math.floor(Date.now() / 1000),
  });
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const signature = sign('sha256', Buffer.from(`${header}.${payload}`), key);
  return `${header}.${payload}.${signature.toString('base64url')}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** Microseconds of one `verify` of Node. */
function bareVerification(): number {
  const data = randomBytes(400);
  const signature = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  const { user } = process.cpuUsage();
  const times = 4_000;
  for (let i = 0; i < times; i++) verify('sha256', data, key, signature);
  return (process.cpuUsage().user - user) / times;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
