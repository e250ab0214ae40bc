/** A raw connection in a test's hands. */
import { connect, type Socket } from 'node:net';

export interface Talk {
  readonly socket: Socket;
  readonly text: () => string;
  /** Resolves with everything received, once the server has closed. */
  readonly closed: Promise<string>;
  /** Resolves once the text has been received. */
  until(text: string): Promise<void>;
}

/** Connects, sends, and gathers what comes back. */
export function talk(port: number, send = ''): Talk {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let look = (): void => {};
  socket.setEncoding('latin1');
  socket.on('data', (data: string) => {
    text += data;
    look();
  });
  socket.on('error', () => {});
  if (send !== '') socket.write(send);
  return {
    socket,
    text: () => text,
    closed: new Promise((resolve) => socket.on('close', () => resolve(text))),
    until: (wanted) =>
      new Promise((resolve) => {
        look = () => {
          if (text.includes(wanted)) resolve();
        };
        look();
      }),
  };
}

/** A request head for one host. */
export const head = (line: string, ...more: readonly string[]): string =>
  [line, 'Host: a.test', ...more, '\r\n'].join('\r\n');
export const last = 'Connection: close';
