/**
 * A small MCP client for the command line. All that it is told is the address of a server; where to
 * sign in, as whom and for what, it finds out.
 *
 *     node examples/mcp/client.ts http://127.0.0.1:8480/mcp
 *     list_notes
 *     add_note {"text":"buy milk"}
 *
 * Each line of input calls a tool; each line of output is one event in JSON. With `--client-id URL`
 * it is known by the metadata document at that URL; without, it registers itself. `--session FILE`
 * keeps what it was given for the next time.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import {
  Client,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'client-id': { type: 'string' }, session: { type: 'string' } },
});
const url = new URL(positionals[0] ?? 'http://127.0.0.1:8480/mcp');

function tell(event: string, more: object = {}): void {
  console.log(JSON.stringify({ event, ...more }));
}

/** What the SDK wants remembered between its steps: client, tokens, verifier, where it looked. */
function createMemory(file: string | undefined) {
  const kept: Record<string, unknown> =
    file !== undefined && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  return {
    get: <T>(name: string) => kept[name] as T | undefined,
    set(name: string, value: unknown): void {
      kept[name] = value;
      if (file !== undefined) writeFileSync(file, JSON.stringify(kept), { mode: 0o600 });
    },
  };
}

/** Where the browser comes back to. */
async function startCallback() {
  let heard = (_parameters: URLSearchParams): void => {};
  const server = createServer((request, answer) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    answer.writeHead(pathname === '/callback' ? 200 : 404, { 'content-type': 'text/plain' });
    answer.end(pathname === '/callback' ? 'You may close this window.' : '');
    if (pathname === '/callback') heard(searchParams);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    redirectUrl: `http://localhost:${(server.address() as AddressInfo).port}/callback`,
    next: () =>
      new Promise<URLSearchParams>((resolve) => {
        heard = resolve;
      }),
  };
}

const memory = createMemory(values.session);
const callback = await startCallback();
let returned = callback.next();

const provider: OAuthClientProvider = {
  redirectUrl: callback.redirectUrl,
  ...(values['client-id'] === undefined ? {} : { clientMetadataUrl: values['client-id'] }),
  clientMetadata: {
    client_name: 'Notes on the command line',
    redirect_uris: [callback.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  state() {
    const state = randomBytes(16).toString('base64url');
    memory.set('state', state);
    return state;
  },
  clientInformation: () => memory.get('client'),
  saveClientInformation: (client) => memory.set('client', client),
  tokens: () => memory.get('tokens'),
  saveTokens(tokens) {
    memory.set('tokens', tokens);
    tell('tokens', { scope: tokens.scope });
  },
  codeVerifier: () => memory.get<string>('verifier') ?? '',
  saveCodeVerifier: (verifier) => memory.set('verifier', verifier),
  discoveryState: () => memory.get('discovery'),
  saveDiscoveryState: (state) => memory.set('discovery', state),
  invalidateCredentials(scope) {
    if (scope === 'all' || scope === 'client') memory.set('client', undefined);
    if (scope === 'all' || scope === 'tokens') memory.set('tokens', undefined);
  },
  redirectToAuthorization(address) {
    returned = callback.next();
    tell('sign_in', { url: address.href });
  },
};

const client = new Client(
  { name: 'notes-cli', version: '1.0.0' },
  { versionNegotiation: { mode: 'auto' } },
);
client.onerror = ({ message }) => tell('trouble', { message });
let transport = new StreamableHTTPClientTransport(url, { authProvider: provider });

/** Does it, once more after each sign-in that it turns out to need. */
async function signedIn<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      const parameters = await returned;
      if (parameters.get('state') !== memory.get('state')) throw new Error('a stranger’s answer');
      const failure = parameters.get('error');
      if (failure !== null) throw new Error(`not signed in: ${failure}`);
      await transport.finishAuth(parameters);
    }
  }
}

async function connect(): Promise<void> {
  transport = new StreamableHTTPClientTransport(url, { authProvider: provider });
  await client.connect(transport);
}

async function callTool(line: string): Promise<void> {
  const [, name = '', json = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
  const onprogress = ({ message }: { message?: string }): void => tell('progress', { message });
  try {
    const call = { name, arguments: json === '' ? {} : JSON.parse(json) };
    const { content } = await signedIn(() => client.callTool(call, { onprogress }));
    tell('result', { tool: name, content });
  } catch (error) {
    tell('failed', { tool: name, message: (error as Error).message });
  }
}

try {
  await signedIn(connect);
  const { tools } = await client.listTools();
  tell('connected', { tools: tools.map((tool) => tool.name) });
  for await (const line of createInterface(process.stdin)) void callTool(line);
} catch (error) {
  tell('failed', { message: (error as Error).message });
  process.exitCode = 1;
}
await client.close();
process.exit();
