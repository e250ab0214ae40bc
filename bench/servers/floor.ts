/**
 * The floor that this machine allows: bare `node:http` that reads the same request and answers the
 * same number of bytes, with one bare ES256 signature where the work needs one. Prints `port`.
 * Arguments: data folder (unused), answer bytes, `sign` or `plain`.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';

const answer = 'x'.repeat(Number(process.argv[3]));
const signs = process.argv[4] === 'sign';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signingInput = Buffer.alloc(400, 'a');

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (signs) sign('sha256', signingInput, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(Buffer.concat(chunks).length > 0 ? answer : '');
  });
}).listen(0, '127.0.0.1', function () {
  console.log((this.address() as { port: number }).port);
});
