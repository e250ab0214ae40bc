/**
 * Agents: the notes server of examples/mcp stands behind the gateway, and the client beside it is
 * told its address and nothing else. It finds the authority, becomes a client there, sends a person
 * through a real browser, and asks for more where a tool needs more. The tests follow one another.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates } from './rig/certificate.ts';
import { type Child, runChild, startChild } from './rig/child.ts';
import { startChromium } from './rig/chromium.ts';
import { exchange, type Json } from './rig/exchange.ts';
import {
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { until } from './rig/until.ts';

const example = new URL('../examples/mcp', import.meta.url).pathname;
const password = 'a long walk on the beach';

let home: string;
let installation: Installation;
let running: Running;
let notes: Child;
let documents: Server;
let chromium: Browser;
let context: BrowserContext;
let page: Page;
let userId: string;
/** The MCP server and another API, each with tokens of its own. */
let resource: string;
let other: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-mcp-'));
  const { ca, cert, key } = await makeCertificates(home);
  documents = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  documents.listen(0, '127.0.0.1', resolve);
  await listening;

  installation = await initialise(join(home, 'mintmark'));
  resource = `${installation.gateway}/mcp`;
  other = `${installation.gateway}/other`;
  const env = {
    MINTMARK_REGISTRATION_MODE: 'open',
    MINTMARK_REGISTRATION_METADATA_DOCUMENTS: 'true',
    MINTMARK_REGISTRATION_SCOPES: 'notes:read,notes:write,offline_access',
    MINTMARK_REGISTRATION_AUDIENCES: `${resource},${other}`,
    // So that the client's document can be on this machine.
    MINTMARK_OUTBOUND_DEVELOPMENT_LOOPBACK: 'true',
    MINTMARK_OUTBOUND_CA: ca,
  };
  running = await start(installation, { env });
  notes = startChild(process.execPath, [join(example, 'server.ts')], {
    cwd: home,
    env: { RESOURCE: resource, PORT: '0' },
  });
  const upstream = await until(
    'the MCP server listens',
    () => /^http:\S+/.exec(notes.stdout())?.[0],
  );
  const route = (path: string) => ({
    match: { path_prefix: path },
    upstream,
    audience: `${installation.gateway}${path}`,
    scopes: ['notes:read'],
  });
  await apply(installation, {
    routes: [
      { name: 'mcp', ...route('/mcp') },
      { name: 'other', ...route('/other') },
    ],
  });
  const made = await call(installation, 'POST /v1/users', { username: 'alice', password });
  expect(made.status, made.text).toBe(201);
  userId = String(made.body['id']);
  chromium = await startChromium();
});

afterAll(async () => {
  await chromium?.close();
  await notes?.stop();
  await running?.child.stop();
  documents?.close();
  rmSync(home, { recursive: true, force: true });
});

interface Told extends Json {
  readonly event: string;
}

interface Agent {
  readonly child: Child;
  /** The next event of that name which nobody has waited for. */
  next(event: string): Promise<Told>;
  token(): string;
}

let agents = 0;

/** The command-line client, told the address of the server. */
function startAgent(...flags: readonly string[]): Agent {
  agents += 1;
  const session = join(home, `session-${agents}.json`);
  const args = [join(example, 'client.ts'), resource, '--session', session, ...flags];
  const child = startChild(process.execPath, args, { cwd: home, input: { open: true } });
  let read = 0;
  return {
    child,
    async next(event) {
      return until(`the agent tells: ${event}`, () => {
        const told = child.stdout().split('\n').slice(0, -1);
        const at = told.findIndex((line, i) => i >= read && JSON.parse(line).event === event);
        if (at < 0 && child.ended() !== undefined) {
          throw new Error(`the agent ended: ${child.stdout()}${child.stderr()}`);
        }
        if (at < 0) return undefined;
        read = at + 1;
        return JSON.parse(told[at]!) as Told;
      });
    },
    token: () => JSON.parse(readFileSync(session, 'utf8')).tokens.access_token,
  };
}

/** The parameters of a sign-in that an agent asks for. */
function askedBy({ url }: Told): Record<string, string> {
  return Object.fromEntries(new URL(String(url)).searchParams);
}

/** A person in a browser of their own. */
async function openBrowser(): Promise<void> {
  await context?.close();
  context = await chromium.newContext({ javaScriptEnabled: false });
  page = await context.newPage();
}

async function signIn({ url }: Told): Promise<void> {
  await page.goto(String(url));
  await page.fill('input[name=username]', 'alice');
  await page.fill('input[name=password]', password);
  await page.click('button[type=submit]');
  await page.waitForURL(/\/consent/);
}

async function agree(): Promise<void> {
  await page.click('button[type=submit]');
  await page.waitForURL(/\/callback/);
}

const textOf = (told: Told) => (told['content'] as { text: string }[])[0]!.text;

let registered: Agent;

describe('an MCP client that is told nothing but an address', () => {
  it('is refused with where to go and what to ask for', async () => {
    const { status, headers } = await exchange(resource);
    expect(status).toBe(401);
    const metadata = `${installation.gateway}/.well-known/oauth-protected-resource/mcp`;
    const told = headers.get('www-authenticate');
    expect(told).toContain(`scope="notes:read", resource_metadata="${metadata}"`);
    expect((await exchange(metadata)).body).toMatchObject({
      resource,
      authorization_servers: [installation.issuer],
      scopes_supported: ['notes:read'],
    });
  });

  it('finds the authority, registers itself, and is signed in by a person', async () => {
    registered = startAgent();
    await openBrowser();
    const wanted = await registered.next('sign_in');
    expect(askedBy(wanted)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      resource,
      scope: 'notes:read offline_access',
    });
    expect(String(wanted['url'])).toMatch(new RegExp(`^${installation.issuer}/`));
    await signIn(wanted);
    const shown = await page.content();
    // Where the answer goes, and that nobody vouches for the name.
    expect(shown).toContain('Notes on the command line');
    expect(shown).toContain(new URL(askedBy(wanted)['redirect_uri']!).host);
    expect(shown).toContain(resource);
    await agree();
    expect((await registered.next('connected'))['tools']).toContain('list_notes');
    registered.child.say('list_notes');
    expect(await registered.next('result')).toMatchObject({ tool: 'list_notes' });
  });

  it('asks the person for more when a tool needs more, and goes on with it', async () => {
    registered.child.say('add_note {"text":"buy milk"}');
    const more = await registered.next('sign_in');
    expect(askedBy(more)['scope']?.split(' ')).toEqual(
      expect.arrayContaining(['notes:read', 'notes:write']),
    );
    await page.goto(String(more['url']));
    await page.waitForURL(/\/consent/);
    expect(await page.content()).toContain('notes:write');
    await agree();
    expect(textOf(await registered.next('result'))).toBe('added');
    registered.child.say('list_notes');
    expect(textOf(await registered.next('result'))).toBe(`${userId}: buy milk`);
  });

  it('hears of what happens while a call goes on', async () => {
    registered.child.say('watch_notes {"count":2}');
    expect(await registered.next('progress')).toMatchObject({ message: 'watching' });
    for (const text of ['first', 'second']) {
      registered.child.say(`add_note {"text":"${text}"}`);
      expect(await registered.next('progress')).toMatchObject({ message: text });
    }
    await until('the call ends', () =>
      registered.child.stdout().includes('2 notes') ? true : undefined,
    );
  });

  it('has tokens for that server alone', async () => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
    const ask = (url: string) =>
      exchange(url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${registered.token()}`,
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
        },
        body: JSON.stringify(list),
      });
    expect((await ask(resource)).status).toBe(200);
    const refused = await ask(other);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('may be known by the URL of its own metadata instead', async () => {
    const { port } = documents.address() as AddressInfo;
    const clientId = `https://localhost:${port}/notes-cli.json`;
    documents.on('request', (_request, answer) => {
      answer.writeHead(200, { 'content-type': 'application/json' });
      answer.end(
        JSON.stringify({
          client_id: clientId,
          client_name: 'Notes from afar',
          redirect_uris: ['http://localhost/callback'],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          token_endpoint_auth_method: 'none',
        }),
      );
    });
    const agent = startAgent('--client-id', clientId);
    await openBrowser();
    const wanted = await agent.next('sign_in');
    expect(askedBy(wanted)).toMatchObject({ client_id: clientId, resource });
    await signIn(wanted);
    const shown = await page.content();
    expect(shown).toContain('Notes from afar');
    expect(shown).toContain(clientId);
    await agree();
    await agent.next('connected');
    agent.child.say('list_notes');
    expect(textOf(await agent.next('result'))).toContain('buy milk');
    await agent.child.stop();
  });

  it('is cut off by a revocation, in the middle of a call too', async () => {
    registered.child.say('watch_notes {"count":9}');
    await registered.next('progress');
    const target = { kind: 'user', id: userId };
    const revoked = await call(installation, 'POST /v1/revocations', { target, reason: 'left' });
    expect(revoked.status, revoked.text).toBe(200);
    expect(String((await registered.next('trouble'))['message'])).toContain('disconnected');
    registered.child.say('list_notes');
    await registered.next('sign_in');
    await registered.child.stop();
  });
});

describe('the example', () => {
  it('holds to its types', async () => {
    const tsc = new URL('../node_modules/.bin/tsc', import.meta.url).pathname;
    const done = await runChild(tsc, ['-p', join(example, '..')], { cwd: home });
    expect(done, done.stdout).toMatchObject({ code: 0 });
  });
});
