/**
 * A gRPC server that judges nothing, and answers each call with as many bytes as the judge: `own`,
 * or the usual one. Prints its port.
 */
import { createRequire } from 'node:module';
import { ok } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { listenGrpc } from '@mintmark/net';

/** What is used of `@grpc/grpc-js`. */
interface GrpcJs {
  readonly Server: new () => {
    addService(
      definition: Readonly<Record<string, object>>,
      implementation: Readonly<Record<string, (call: unknown, done: Done) => void>>,
    ): void;
    bindAsync(at: string, credentials: unknown, done: (error: unknown, port: number) => void): void;
  };
  readonly ServerCredentials: { createInsecure(): unknown };
}
type Done = (error: unknown, value: Buffer) => void;

const path = '/envoy.service.auth.v3.Authorization/Check';
const answer = Buffer.alloc(400, 1);
if (process.argv[2] === 'own') {
  const { port } = await listenGrpc({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers, mayConnect: () => true },
    methods: { [path]: async () => ok(answer) },
  });
  console.log(port);
} else {
  console.log(await listenUsual());
}

function listenUsual(): Promise<number> {
  const { Server, ServerCredentials } = createRequire(import.meta.url)('@grpc/grpc-js') as GrpcJs;
  const same = (bytes: Buffer): Buffer => bytes;
  const server = new Server();
  server.addService(
    {
      check: {
        path,
        ...{ requestStream: false, responseStream: false },
        ...{ requestSerialize: same, requestDeserialize: same },
        ...{ responseSerialize: same, responseDeserialize: same },
      },
    },
    { check: (_call, done) => done(null, answer) },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
