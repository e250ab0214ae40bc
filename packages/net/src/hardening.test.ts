import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { HttpRequest } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Listener, listen } from './listener.ts';

interface Case {
  readonly name: string;
  readonly raw: readonly (string | { readonly repeat: string; readonly times: number })[];
  readonly expect: string;
  readonly seen?: string;
}

const file = new URL('../../../vectors/http-requests/requests.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly Case[] };

let listener: Listener;
let seen: string[] = [];

beforeAll(async () => {
  listener = await listen({
    host: '127.0.0.1',
    port: 0,
    timers: systemTimers,
    async handler(request: HttpRequest) {
      const body = await request.body(1024);
      const query = request.query === undefined ? '' : `?${request.query}`;
      const bytes = body === 'too_large' ? body : body.length;
      const host = request.header('host')?.toLowerCase();
      seen.push(`${request.method} ${request.path}${query} ${host} ${bytes}`);
      return { status: 200, headers: {}, body: undefined };
    },
  });
});
afterAll(() => listener.close());

/** Sends raw bytes; resolves once `answers` final answers came, or the server closed. */
function exchange(raw: Buffer, answers: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(listener.port, '127.0.0.1', () => socket.write(raw));
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
      const final = statuses(received).filter((status) => status !== '100');
      // Whether the connection lives on is seen from one more request on it.
      if (final.length === answers) socket.write('GET /still-open HTTP/1.1\r\nHost: probe\r\n\r\n');
      if (final.length > answers) {
        socket.destroy();
        resolve(`${statuses(received).slice(0, -1).join(' ')} open`);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(`${statuses(received).join(' ')} close`));
  });
}

function statuses(received: string): readonly string[] {
  return [...received.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map((match) => match[1]!);
}

describe('raw requests', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    seen = [];
    const raw = one.raw
      .map((part) => (typeof part === 'string' ? part : part.repeat.repeat(part.times)))
      .join('');
    const expected = one.expect.split(' ');
    const answers = expected.filter((word) => /^[2-5]/.test(word)).length;
    expect(await exchange(Buffer.from(raw, 'latin1'), answers)).toBe(one.expect);
    const probe = 'GET /still-open probe 0';
    expect(seen.filter((line) => line !== probe).join('|')).toBe(one.seen ?? '');
  });

  it('answers the same when the bytes come one by one', async () => {
    for (const one of cases.filter(({ raw }) => raw.length === 1).slice(0, 12)) {
      seen = [];
      const answer = await new Promise<string>((resolve) => {
        const socket = connect(listener.port, '127.0.0.1');
        socket.setNoDelay(true);
        let received = '';
        socket.on('data', (data) => {
          received += data.toString('latin1');
          if (statuses(received).length === one.expect.split(' ').length - 1) socket.destroy();
        });
        socket.on('close', () => resolve(statuses(received).join(' ')));
        for (const byte of Buffer.from(one.raw[0] as string, 'latin1')) {
          socket.write(Buffer.of(byte));
        }
      });
      expect(`${answer} open`).toBe(one.expect);
    }
  });
});
