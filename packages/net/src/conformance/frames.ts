/**
 * HTTP/2 by hand (RFC 9113 §4): a client that sends any frames it likes, as attackers do. Fields
 * are written as literals without indexing (RFC 7541 §6.2.2).
 */
import { connect, type Socket } from 'node:net';

export const frameTypes = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const endStream = 1;
export const endHeaders = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export interface FrameTalk {
  readonly socket: Socket;
  readonly frames: readonly Frame[];
  readonly closed: () => boolean;
  send(...frames: readonly Buffer[]): boolean;
  /** Resolves once a frame like this has come, or the server has closed. */
  until(wanted: (frame: Frame) => boolean): Promise<Frame | undefined>;
}

export function frame(
  type: number,
  options: { readonly flags?: number; readonly stream?: number; readonly payload?: Buffer } = {},
): Buffer {
  const { flags = 0, stream = 0, payload = Buffer.alloc(0) } = options;
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Name and value in turn. */
export function fieldBlock(fields: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    parts.push(Buffer.of(0), text(fields[i]!), text(fields[i + 1]!));
  }
  return Buffer.concat(parts);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** RFC 7541 §5.1, with a prefix of seven bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const out = [127];
  let rest = value - 127;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.of(...out, rest);
}

export function headers(
  stream: number,
  fields: readonly string[],
  flags = endHeaders | endStream,
): Buffer {
  return frame(frameTypes.headers, { flags, stream, payload: fieldBlock(fields) });
}

export const get = (path: string, ...more: readonly string[]): readonly string[] => [
  ...[':method', 'GET', ':scheme', 'http', ':authority', 'a.test', ':path', path],
  ...more,
];

/** One setting. */
export function settings(id: number, value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(id, 0);
  payload.writeUInt32BE(value, 2);
  return frame(frameTypes.settings, { payload });
}

/** The four bytes of an error code. */
export function reset(stream: number, code = 8): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(code);
  return frame(frameTypes.reset, { stream, payload });
}

/** Connects and sends the preface (RFC 9113 §3.4). @param first its SETTINGS */
export function openFrames(port: number, first = frame(frameTypes.settings)): FrameTalk {
  const socket = connect(port, '127.0.0.1');
  const frames: Frame[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let closed = false;
  let look = (): void => {};
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
    look();
  });
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      frames.push({
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        stream: rest.readUInt32BE(5),
        payload: rest.subarray(9, end),
      });
      rest = rest.subarray(end);
    }
    look();
  });
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(first);
  return {
    ...{ socket, frames, closed: () => closed },
    send: (...all) => all.map((one) => socket.destroyed || socket.write(one)).every(Boolean),
    until: (wanted) =>
      new Promise((resolve) => {
        look = () => {
          const found = frames.find(wanted);
          if (found !== undefined || closed) resolve(found);
        };
        look();
      }),
  };
}
