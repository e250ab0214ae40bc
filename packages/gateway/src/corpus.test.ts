/** The raw requests of `vectors/http-requests`, through the gateway, seen from behind. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  openRawUpstream,
  plainAnswer,
  type RawUpstream,
  readRequests,
} from './conformance/raw-upstream.ts';
import { openRig, type Rig } from './conformance/rig.ts';

interface Case {
  readonly name: string;
  readonly raw: readonly (string | { readonly repeat: string; readonly times: number })[];
  readonly expect: string;
  readonly seen?: string;
}

const file = new URL('../../../vectors/http-requests/requests.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly Case[] };

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
  rig = await openRig([{ name: 'open', match: {}, credential: 'none', upstream: upstream.url }]);
});
afterAll(async () => {
  await rig.close();
  await upstream.close();
});

/** Sends raw bytes and, at the end of the list of answers, one more request that ends it all. */
function exchange(raw: Buffer, answers: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(rig.listener.port, '127.0.0.1', () => socket.write(raw));
    let received = '';
    let probed = false;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
      const final = [...received.matchAll(/HTTP\/1\.1 ([2-5][0-9]{2}) /g)].length;
      if (final < answers || probed) return;
      probed = true;
      socket.write('GET /probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

const method = '(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|QUERY)';
const line = "[A-Za-z0-9!#$%&'*+.^_`|~-]+: [\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n";
const wellFormed = new RegExp(`^${method} /[!-~]* HTTP/1\\.1\\r\\n(?:${line})+\\r\\n$`);

describe('raw requests through the gateway', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const before = upstream.conversations().map((text) => text.length);
    const raw = one.raw
      .map((part) => (typeof part === 'string' ? part : part.repeat.repeat(part.times)))
      .join('');
    const answers = one.expect.split(' ').filter((word) => /^[2-5]/.test(word)).length;
    await exchange(Buffer.from(raw, 'latin1'), answers);
    const requests = upstream
      .conversations()
      .flatMap((text, index) => readRequests(text.slice(before[index] ?? 0)).requests);
    for (const { head } of requests) {
      expect(head).toMatch(wellFormed);
      expect(head.match(/^host: /gim)).toHaveLength(1);
      expect(head).not.toMatch(/smuggled/);
      expect(head).not.toMatch(/^(?:upgrade|http2-settings|expect|authorization|x-api-key):/im);
      const framings = head.match(/^(?:content-length|transfer-encoding):/gim) ?? [];
      expect(framings.length).toBeLessThanOrEqual(1);
    }
    // What the listener would not show a handler never ends behind the gateway; a body that turned
    // out to be malformed on the way breaks off there.
    const own = requests.filter(({ head }) => !head.startsWith('GET /probe '));
    const seen = one.seen === undefined ? [] : one.seen.split('|');
    expect(own.filter(({ complete }) => complete).length).toBeLessThanOrEqual(seen.length);
    expect(own.length).toBeLessThanOrEqual(Math.max(1, seen.length));
    // Each came by some connection of the pool: their order there says nothing.
    const methods = seen.map((one) => one.split(' ', 1)[0]!);
    for (const { head, complete } of own) {
      const at = complete ? methods.indexOf(head.split(' ', 1)[0]!) : 0;
      expect(at).not.toBe(-1);
      if (complete) methods.splice(at, 1);
    }
  });
});
