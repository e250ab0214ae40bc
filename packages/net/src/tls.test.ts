import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import type { HttpHandler, HttpResponse, Timers } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from './conformance/certificate.ts';
import { head, talk } from './conformance/talk.ts';
import { type Listener, type ListenerLimits, type ListenOptions, listen } from './listener.ts';

let listener: Listener | undefined;
let events: unknown[] = [];

afterEach(async () => {
  await listener?.close();
  listener = undefined;
  events = [];
});

const ok: HttpResponse = { status: 200, headers: {}, body: 'ok' };

async function open(
  handler: HttpHandler,
  options: Partial<ListenOptions> & { readonly limits?: Partial<ListenerLimits> } = {},
): Promise<number> {
  const { streamHandler: _none, ...rest } = options;
  listener = await listen({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers },
    log: (event) => events.push(event),
    ...rest,
    handler,
  });
  return listener.port;
}

describe('TLS', () => {
  const certificate = selfSigned('service.test');
  const folder = mkdtempSync(join(tmpdir(), 'mintmark-tls-'));
  const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  function write(pair: { cert: string; key: string }): void {
    writeFileSync(tls.certFile, pair.cert);
    writeFileSync(tls.keyFile, pair.key);
  }
  afterEach(() => write(certificate));

  function get(port: number, options: object = {}) {
    return new Promise<{ headers: Record<string, unknown>; cert: string }>((resolve, reject) => {
      const sent = httpsRequest(
        { host: '127.0.0.1', port, ca: certificate.cert, agent: false, ...options },
        (answer) => {
          const { fingerprint256 } = (answer.socket as TLSSocket).getPeerCertificate();
          answer.resume();
          answer.on('end', () => resolve({ headers: answer.headers, cert: fingerprint256 }));
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  }

  it('serves with HSTS, on any address', async () => {
    write(certificate);
    let scheme = '';
    const port = await open(
      (request) => {
        ({ scheme } = request);
        return ok;
      },
      { tls, host: '0.0.0.0' },
    );
    const { headers } = await get(port);
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    expect(scheme).toBe('https');
  });

  it('refuses TLS 1.1', async () => {
    write(certificate);
    const port = await open(() => ok, { tls });
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' };
    await expect(get(port, old)).rejects.toThrow();
  });

  it('says so when the files cannot be read', async () => {
    const missing = { ...tls, keyFile: join(folder, 'missing.pem') };
    await expect(open(() => ok, { tls: missing })).rejects.toMatchObject({ code: 'tls_unusable' });
  });

  it('takes a new certificate when the files change, but no wrong one', async () => {
    write(certificate);
    let look = (): void => {};
    let seen = 0;
    const timers: Timers = {
      ...systemTimers,
      every(_ms, run) {
        look = run;
        return () => {};
      },
    };
    const port = await open(() => ok, { tls, timers, log: () => seen++ });
    const lookAgain = async (): Promise<void> => {
      const before = seen;
      look();
      while (seen === before) await new Promise<void>((r) => systemTimers.after(1, r));
    };
    const first = await get(port);
    const other = selfSigned('service.test');
    writeFileSync(tls.keyFile, other.key);
    utimesSync(tls.keyFile, 1, 1);
    await lookAgain();
    expect((await get(port)).cert).toBe(first.cert);
    write(other);
    utimesSync(tls.keyFile, 2, 2);
    await lookAgain();
    const second = await get(port, { ca: other.cert });
    expect(second.cert).not.toBe(first.cert);
    rmSync(tls.keyFile);
    await lookAgain();
    expect((await get(port, { ca: other.cert })).cert).toBe(second.cert);
  });

  it('shows a client’s certificate only where its authority is known', async () => {
    write(certificate);
    const client = selfSigned('client.test');
    const stranger = selfSigned('stranger.test');
    const clientCaFile = join(folder, 'ca.pem');
    writeFileSync(clientCaFile, client.cert);
    const seen: (Uint8Array | undefined)[] = [];
    const port = await open(
      (request) => {
        seen.push(request.peerCertificate);
        return ok;
      },
      { tls: { ...tls, clientCaFile } },
    );
    await get(port, client);
    await get(port, stranger);
    await get(port);
    expect(seen.map((one) => one === undefined)).toEqual([false, true, true]);
    const der = Buffer.from(client.cert.replace(/-----.*-----|\n/g, ''), 'base64');
    expect(Buffer.from(seen[0]!).equals(der)).toBe(true);
  });

  it('answers nothing to plain HTTP on its port', async () => {
    write(certificate);
    const port = await open(() => ok, { tls });
    expect(await talk(port, head('GET / HTTP/1.1')).closed).toBe('');
    const socket = tlsConnect({ port, host: '127.0.0.1', ca: certificate.cert });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    expect(socket.alpnProtocol).toBe(false);
    socket.destroy();
  });
});
