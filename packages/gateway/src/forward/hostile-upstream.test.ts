/** Answers that were made to break a gateway, or to pass for somebody else's answer. */
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../conformance/ask.ts';
import { openRawUpstream, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let rig: Rig;
let upstream: RawUpstream;

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

async function open(answers: readonly string[]): Promise<void> {
  let count = 0;
  upstream = await openRawUpstream((socket) => {
    socket.write(Buffer.from(answers[count++] ?? answers.at(-1)!, 'latin1'));
  });
  rig = await openRig([{ name: 'all', match: {}, credential: 'none', upstream: upstream.url }]);
}

const ok = 'Content-Length: 2\r\n\r\nok';

describe('an answer that two readers could read differently', () => {
  it.each([
    ['a control character in a value', `HTTP/1.1 200 OK\r\nX-A: a\x01b\r\n${ok}`],
    ['a name that is none', `HTTP/1.1 200 OK\r\nX(A: a\r\n${ok}`],
    ['no name', `HTTP/1.1 200 OK\r\n: a\r\n${ok}`],
    ['a folded line', `HTTP/1.1 200 OK\r\nX: a\r\n b\r\n${ok}`],
    ['two lengths', `HTTP/1.1 200 OK\r\nContent-Length: 9\r\n${ok}`],
    ['one length twice', `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${ok}`],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: 2a\r\n\r\nok'],
    ['length and chunks', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${ok}`],
    ['a status of zero', `HTTP/1.1 000 OK\r\n${ok}`],
    ['a switch that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n'],
  ])('is a 502: %s', async (_name, answer) => {
    await open([answer]);
    expect((await ask(rig.listener.port)).status).toBe(502);
    await until(() => rig.gateway.renderMetrics().includes('live_requests 0'));
  });

  it('ends where its trailers cannot be read', async () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n';
    await open([`${head}2\r\nok\r\n0\r\nX: a\x01b\r\n\r\n`]);
    await expect(ask(rig.listener.port)).rejects.toThrow('aborted');
  });
});

describe('an answer to nobody', () => {
  it('is never given to whoever asks next', async () => {
    const poison = `HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`;
    await open([`HTTP/1.1 200 OK\r\n${ok}${poison}`, `HTTP/1.1 200 OK\r\n${ok}`]);
    expect((await ask(rig.listener.port)).body).toBe('ok');
    expect((await ask(rig.listener.port)).body).toBe('ok');
  });

  it('behind a status without a body does not pass for the next answer', async () => {
    await open([`HTTP/1.1 204 No Content\r\n${ok}`, `HTTP/1.1 200 OK\r\n${ok}`]);
    const received = await twoOnOneConnection();
    expect(received).toMatch(/^HTTP\/1\.1 204 [\s\S]*HTTP\/1\.1 200 [\s\S]*ok$/);
    expect(received.match(/content-length/gi)).toHaveLength(1);
  });
});

function twoOnOneConnection(): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(rig.listener.port, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => {
      received += data.toString('latin1');
    });
    socket.on('close', () => resolve(received));
    socket.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n');
    socket.write('Connection: close\r\n\r\n');
  });
}
