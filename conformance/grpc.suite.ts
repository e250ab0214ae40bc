/** A foreign gRPC client and server, with the gateway between them. */
import {
  Client,
  credentials,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { until } from './rig/until.ts';

const same = (value: Buffer): Buffer => value;
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path, requestStream, responseStream },
  ...{ requestSerialize: same, requestDeserialize: same },
  ...{ responseSerialize: same, responseDeserialize: same },
});
const service: ServiceDefinition = {
  unary: method('/echo.Echo/Unary', false, false),
  many: method('/echo.Echo/Many', false, true),
  talk: method('/echo.Echo/Talk', true, true),
};

let folder: Folder;
let installation: Installation;
let running: Running;
let server: Server;
let client: Client;
let key: string;
const seen: Metadata[] = [];

beforeAll(async () => {
  server = new Server();
  const unary: handleUnaryCall<Buffer, Buffer> = (asked, answer) => {
    seen.push(asked.metadata);
    const word = asked.request.toString();
    if (word === 'fail') return answer({ code: status.NOT_FOUND, details: 'no such thing' });
    const trailer = new Metadata();
    trailer.set('x-trailer', 'behind');
    answer(null, asked.request, trailer);
  };
  server.addService(service, {
    unary,
    many(asked: { request: Buffer; write(one: Buffer): void; end(): void }) {
      for (let i = 0; i < 100; i++) asked.write(Buffer.from(`${asked.request}-${i}`));
      asked.end();
    },
    talk(asked: NodeJS.ReadWriteStream) {
      asked.on('data', (one: Buffer) => asked.write(one)).on('end', () => asked.end());
    },
  } as never);
  const port = await new Promise<number>((resolve, reject) => {
    const at = '127.0.0.1:0';
    server.bindAsync(at, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  folder = freshFolder();
  installation = await initialise(folder.path);
  running = await start(installation, { flags: ['--gateway-http2', 'clear'] });
  const upstream = `http://127.0.0.1:${port}`;
  const match = { path_prefix: '/echo.Echo' };
  const route = { name: 'echo', match, upstream, protocol: 'http2', scopes: ['echo'] };
  await apply(installation, { routes: [route] });
  const made = await call(installation, 'POST /v1/keys', { name: 'grpc', scopes: ['echo'] });
  key = String(made.body['key']);
  client = new Client(new URL(installation.gateway).host, credentials.createInsecure());
  await until('the key is known', () =>
    unary_('hello').then(
      () => true,
      () => undefined,
    ),
  );
}, 60_000);

afterAll(async () => {
  client?.close();
  server?.forceShutdown();
  await running?.child.stop('SIGKILL');
  folder?.remove();
});

function identified(credential = key): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${credential}`);
  return metadata;
}

function unary_(
  word: string,
  metadata = identified(),
): Promise<{ word: string; trailer: unknown }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const made = client.makeUnaryRequest(
      ...(['/echo.Echo/Unary', same, same, Buffer.from(word), metadata] as const),
      (error, value) => {
        if (error !== null) reject(error);
        else text = String(value);
      },
    );
    made.on('status', ({ code, metadata: behind }) => {
      if (code === status.OK) resolve({ word: text, trailer: behind.get('x-trailer')[0] });
    });
  });
}

describe('gRPC through the gateway', () => {
  it('brings status and trailers back', async () => {
    expect(await unary_('hello')).toEqual({ word: 'hello', trailer: 'behind' });
    const metadata = seen.at(-1)!;
    expect(metadata.get('authorization')).toEqual([]);
    expect(metadata.get('x-mintmark-credential-kind')).toEqual(['api_key']);
  });

  it('brings failures back as the server told them', async () => {
    await expect(unary_('fail')).rejects.toMatchObject({
      ...{ code: status.NOT_FOUND, details: 'no such thing' },
    });
  });

  it('refuses who has no credential, in words that gRPC understands', async () => {
    await expect(unary_('hello', new Metadata())).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
  });

  it('streams from the server, whole and in order', async () => {
    const words: string[] = [];
    const stream = client.makeServerStreamRequest(
      ...(['/echo.Echo/Many', same, same, Buffer.from('n'), identified()] as const),
    );
    for await (const one of stream) words.push(String(one));
    expect(words).toEqual(Array.from({ length: 100 }, (_, i) => `n-${i}`));
  });

  it('streams in both directions, one word at a time', async () => {
    const stream = client.makeBidiStreamRequest('/echo.Echo/Talk', same, same, identified());
    for (const word of ['one', 'two', 'three']) {
      const back = new Promise((resolve) => stream.once('data', resolve));
      stream.write(Buffer.from(word));
      expect(String(await back)).toBe(word);
    }
    const ended = new Promise<{ code: number }>((resolve) => stream.once('status', resolve));
    stream.on('data', () => {}).end();
    expect((await ended).code).toBe(status.OK);
  });
});
