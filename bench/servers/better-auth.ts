/** Peer: better-auth's API key plugin on SQLite, behind bare `node:http`. Prints `port key`. */
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';

const database = new DatabaseSync(`${process.argv[2]}/better-auth.sqlite`);
database.exec('PRAGMA journal_mode=WAL');
const auth = betterAuth({
  database,
  secret: 'bench-secret-of-at-least-thirty-two-characters-9f3a',
  baseURL: 'http://127.0.0.1',
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [apiKey({ rateLimit: { enabled: false } })],
});
await (await getMigrations(auth.options)).runMigrations();
const { user } = await auth.api.signUpEmail({
  body: { email: 'bench@example.com', password: 'correct horse battery', name: 'bench' },
});
const { key } = await auth.api.createApiKey({ body: { userId: user.id, name: 'bench' } });

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', async () => {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const verdict = await auth.api.verifyApiKey({ body: { key: body.key } });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ active: verdict.valid, id: verdict.key?.id }));
  });
}).listen(0, '127.0.0.1', function () {
  console.log((this.address() as { port: number }).port, key);
});
