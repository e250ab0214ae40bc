/** One question to a socket of HAProxy, and its answer: it closes when it has said all. */
import { createConnection } from 'node:net';
import { NetworkFault, type Timers } from '@mintmark/core';

/** It answers within milliseconds; one that does not is treated as absent. */
const answerMs = 2_000;

/**
 * @param command one line, or one with a payload behind it
 * @throws NetworkFault `proxy_unreachable`
 */
export function askHaproxy(
  socket: string,
  command: string,
  timers: Pick<Timers, 'after'>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const connection = createConnection(socket);
    const fail = (cause: unknown): void => {
      cancel();
      connection.destroy();
      reject(unreachable(socket, cause));
    };
    const cancel = timers.after(answerMs, () => fail(new Error('no answer')));
    connection.on('error', fail);
    connection.on('data', (part) => parts.push(Buffer.from(part)));
    connection.on('end', () => {
      cancel();
      connection.destroy();
      resolve(Buffer.concat(parts).toString('utf8').trim());
    });
    connection.write(`${command}\n`);
  });
}

function unreachable(socket: string, cause: unknown): NetworkFault {
  return new NetworkFault('proxy_unreachable', `HAProxy does not answer at ${socket}`, {
    cause,
    hint: 'start HAProxy with the generated configuration, and let this command use its socket',
  });
}
