/** A link between two networks that a suite can cut: a port of its own in front of another one. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface Link {
  readonly origin: string;
  /** Ends what is connected, and refuses what comes. */
  cut(): Promise<void>;
  restore(): Promise<void>;
}

/** @param origin `http://host:port` of what it leads to */
export async function openLink(origin: string): Promise<Link> {
  const { hostname, port } = new URL(origin);
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  function lead(near: Socket): void {
    const far = connect(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }

  async function open(at: number): Promise<number> {
    const one = createServer(lead);
    server = one;
    await new Promise<void>((resolve) => one.listen(at, '127.0.0.1', resolve));
    return (one.address() as AddressInfo).port;
  }

  const own = await open(0);
  return {
    origin: `http://127.0.0.1:${own}`,
    async cut() {
      const one = server;
      server = undefined;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) =>
        one === undefined ? resolve() : one.close(() => resolve()),
      );
    },
    async restore() {
      await open(own);
    },
  };
}
