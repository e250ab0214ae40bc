/** One request over `node:http`, which can say what `fetch` refuses to, and from any address. */
import { type IncomingMessage, request } from 'node:http';

export type Json = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body where it is a JSON object, else empty. */
  readonly body: Json;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Address to come from, within 127.0.0.0/8: bounds are kept for each. */
  readonly from?: string;
  /** Path and query to be sent as they stand, where a URL would change them. */
  readonly rawPath?: string;
}

/** @throws where the connection breaks before the answer is complete: `isBroken` of the error */
export function exchange(url: string, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, from, rawPath } = asked;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { ...length, ...headers },
      ...(from === undefined ? {} : { localAddress: from }),
      ...(rawPath === undefined ? {} : { path: rawPath }),
    };
    const sent = request(url, options, (reply) => {
      const parts: Buffer[] = [];
      reply.on('data', (part: Buffer) => parts.push(part));
      reply.on('error', reject);
      reply.on('end', () => resolve(answerOf(reply, Buffer.concat(parts).toString('utf8'))));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function answerOf(reply: IncomingMessage, text: string): Answer {
  const headers = new Headers();
  for (const [name, values] of Object.entries(reply.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const isJson = /json/.test(headers.get('content-type') ?? '');
  const value: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
  const body = typeof value === 'object' && value !== null ? (value as Json) : {};
  return { status: reply.statusCode ?? 0, headers, text, body };
}

/** The other side was not there, or went away. */
export function isBroken(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(`${code}`);
}
