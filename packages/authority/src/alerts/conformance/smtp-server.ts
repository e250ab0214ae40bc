/** A mail server as small as can be, for tests: real sockets, no TLS, everything heard is kept. */
import { createServer, type Server } from 'node:net';

export interface SmtpServer {
  readonly port: number;
  /** All that clients have said. */
  heard(): string;
  close(): Promise<void>;
}

/** Takes one message a connection (RFC 5321 appendix D.1). */
export async function openSmtpServer(host = '127.0.0.1'): Promise<SmtpServer> {
  let all = '';
  const server: Server = createServer((socket) => {
    let said = '';
    let isData = false;
    socket.write('220 test ESMTP\r\n');
    socket.on('data', (chunk) => {
      said += chunk.toString();
      all += chunk.toString();
      if (isData && !said.endsWith('\r\n.\r\n')) return;
      const isEnd = /QUIT\r\n$/.test(said);
      const answer = isData ? '250 taken' : /DATA\r\n$/.test(said) ? '354 go on' : '250 ok';
      isData = answer.startsWith('354');
      socket.write(`${isEnd ? '221 bye' : answer}\r\n`);
      if (isEnd) socket.end();
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as { port: number }).port,
    heard: () => all,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
