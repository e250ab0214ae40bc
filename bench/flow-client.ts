/**
 * A process of its own, on the core beside the server's: flows in which a request needs the answer
 * to the one before. Each connection goes through its own, one after the other, until the time is
 * over; the rate and the latencies of whole flows go out as JSON.
 *
 * node bench/flow-client.ts < order.json
 */
import { readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';

/** Refreshes in a chain: each presents the token that the last one brought. */
export interface RefreshOrder {
  readonly kind: 'refresh';
  readonly path: string;
  /** One for each connection. */
  readonly refreshTokens: readonly string[];
}

/** From the authorization endpoint, as somebody who is signed in and agreed, to tokens. */
export interface CodeOrder {
  readonly kind: 'code';
  readonly connections: number;
  readonly authorizePath: string;
  readonly cookie: string;
  readonly path: string;
}

export type FlowOrder = (RefreshOrder | CodeOrder) & {
  readonly port: number;
  readonly seconds: number;
  readonly authorization: string;
  /** What goes to the token endpoint beside the token or code. */
  readonly form: Readonly<Record<string, string>>;
};

export interface FlowsMeasured {
  readonly flowsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What the connections hold in the end. */
  readonly refreshTokens: readonly string[];
}

const order = JSON.parse(readFileSync(0, 'utf8')) as FlowOrder;
const latencies: number[] = [];
const startedAt = performance.now();
const end = startedAt + order.seconds * 1000;
const chains =
  order.kind === 'refresh'
    ? order.refreshTokens.map((token) => refreshChain(token))
    : Array.from({ length: order.connections }, () => codeChain(order));
const refreshTokens = await Promise.all(chains);
const seconds = (performance.now() - startedAt) / 1000;
latencies.sort((a, b) => a - b);
const at = (share: number): number => latencies[Math.floor(latencies.length * share)]!;
const measured: FlowsMeasured = {
  flowsPerSecond: latencies.length / seconds,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  refreshTokens,
};
console.log(JSON.stringify(measured));
process.exit(0);

async function refreshChain(first: string): Promise<string> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let token = first;
  while (performance.now() < end) {
    const begun = performance.now();
    const form = { ...order.form, grant_type: 'refresh_token', refresh_token: token };
    token = String((await tokens(agent, form))['refresh_token']);
    latencies.push(performance.now() - begun);
  }
  return token;
}

async function codeChain({ authorizePath, cookie }: CodeOrder): Promise<string> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (performance.now() < end) {
    const begun = performance.now();
    const { headers, statusCode } = await send(agent, 'GET', authorizePath, { cookie });
    const code = new URL(headers.location ?? 'none:').searchParams.get('code');
    if (code === null) throw new Error(`no code: ${statusCode} ${headers.location}`);
    await tokens(agent, { ...order.form, grant_type: 'authorization_code', code });
    latencies.push(performance.now() - begun);
  }
  return '';
}

async function tokens(
  agent: Agent,
  form: Record<string, string>,
): Promise<Record<string, unknown>> {
  const body = new URLSearchParams(form).toString();
  const answer = await send(
    agent,
    'POST',
    order.path,
    { authorization: order.authorization },
    body,
  );
  const text = answer.text;
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${text.slice(0, 300)}`);
  return JSON.parse(text) as Record<string, unknown>;
}

function send(
  agent: Agent,
  method: string,
  path: string,
  given: Record<string, string>,
  body?: string,
): Promise<IncomingMessage & { readonly text: string }> {
  return new Promise((resolve, reject) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const headers = body === undefined ? given : { ...given, ...form };
    const outgoing = request(
      { host: '127.0.0.1', port: order.port, path, method, agent, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(Object.assign(response, { text })));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
