import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import type {
  HttpHandler,
  HttpRequest,
  HttpResponse,
  PeerCertificate,
  Timers,
} from '@mintmark/core';
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
  await listener?.close();
  listener = await listen({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers },
    log: (event) => events.push(event),
    ...rest,
    handler,
  });
  return listener.port;
}

function ask(port: number, headers: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, headers, agent: false }, (answer) => {
      answer.resume().on('end', resolve);
    });
    sent.on('error', reject).end();
  });
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

  it('offers ChaCha20 in TLS 1.2, unless AES-GCM alone is wanted', async () => {
    write(certificate);
    const chacha = 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305';
    const only = { maxVersion: 'TLSv1.2', ciphers: chacha };
    await get(await open(() => ok, { tls }), only);
    const strict = await open(() => ok, { tls: { ...tls, aesGcmOnly: true } });
    await expect(get(strict, only)).rejects.toThrow();
    await get(strict, { maxVersion: 'TLSv1.2' });
    await get(strict);
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

  it('has the certificate of the name that is asked for, and takes new ones of it', async () => {
    write(certificate);
    const pairs = ['a.test', '*.b.test'].map((name, i) => {
      const pair = selfSigned(name);
      const files = { certFile: join(folder, `${i}.pem`), keyFile: join(folder, `${i}.key`) };
      writeFileSync(files.certFile, pair.cert);
      writeFileSync(files.keyFile, pair.key);
      return { pair, files };
    });
    let look = (): void => {};
    const timers: Timers = {
      after: systemTimers.after,
      every(_ms, run) {
        look = run;
        return () => {};
      },
    };
    const more = pairs.map(({ files }) => files);
    const port = await open(() => ok, { tls: { ...tls, more }, timers });
    const subjectFor = (servername: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const options = { port, host: '127.0.0.1', servername, rejectUnauthorized: false };
        const socket: TLSSocket = tlsConnect(options, () => {
          resolve(socket.getPeerX509Certificate()!.subject);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    expect(await subjectFor('A.test')).toBe('CN=a.test');
    expect(await subjectFor('x.b.test')).toBe('CN=*.b.test');
    for (const name of ['service.test', 'b.test', 'y.x.b.test', 'other.test']) {
      expect(await subjectFor(name)).toBe('CN=service.test');
    }
    const next = selfSigned('c.test');
    await new Promise<void>((r) => systemTimers.after(20, r));
    writeFileSync(pairs[0]!.files.certFile, next.cert);
    writeFileSync(pairs[0]!.files.keyFile, next.key);
    utimesSync(pairs[0]!.files.keyFile, 3, 3);
    look();
    while (!events.some((event) => (event as { type: string }).type === 'certificate_reloaded')) {
      await new Promise<void>((r) => systemTimers.after(1, r));
    }
    expect(await subjectFor('c.test')).toBe('CN=c.test');
    expect(await subjectFor('a.test')).toBe('CN=service.test');
    const unfit = { certFile: pairs[0]!.files.certFile, keyFile: pairs[1]!.files.keyFile };
    await expect(open(() => ok, { tls: { ...tls, more: [unfit] } })).rejects.toMatchObject({
      code: 'tls_unusable',
    });
  });

  it('shows a client’s certificate, and whether a named authority vouches for it', async () => {
    write(certificate);
    const client = selfSigned('client.test');
    const stranger = selfSigned('stranger.test');
    const clientCaFile = join(folder, 'ca.pem');
    writeFileSync(clientCaFile, client.cert);
    const seen: (PeerCertificate | undefined)[] = [];
    const handler = (request: HttpRequest) => {
      seen.push(request.peerCertificate);
      return ok;
    };
    const port = await open(handler, { tls: { ...tls, clientCaFile } });
    for (const shown of [client, stranger, {}]) await get(port, shown);
    const der = ({ cert }: { readonly cert: string }) => new X509Certificate(cert).raw;
    expect(seen).toEqual([
      { der: der(client), trusted: true },
      { der: der(stranger), trusted: false },
      undefined,
    ]);
    // Without authorities of clients nobody vouches, whatever the system trusts.
    const loose = await open(handler, { tls: { ...tls, clientCertificates: true } });
    await get(loose, client);
    expect(seen.at(-1)).toEqual({ der: der(client), trusted: false });
  });

  it('takes a certificate in a header from a trusted proxy alone', async () => {
    const { cert } = selfSigned('client.test');
    const { raw } = new X509Certificate(cert);
    const byteSequence = `:${raw.toString('base64')}:`;
    const seen: (PeerCertificate | undefined)[] = [];
    const handler = (request: HttpRequest) => {
      seen.push(request.peerCertificate);
      return ok;
    };
    const certificateHeader = { name: 'client-cert', verified: true };
    const proxied = await open(handler, { certificateHeader, trustedProxies: ['127.0.0.1'] });
    const values = [byteSequence, encodeURIComponent(cert), ':AAAA:', 'nonsense', '%', ''];
    for (const value of values) await ask(proxied, { 'client-cert': value });
    expect(seen.slice(0, 2)).toEqual([
      { der: raw, trusted: true },
      { der: raw, trusted: true },
    ]);
    expect(seen.slice(2).every((one) => one === undefined)).toBe(true);
    const direct = await open(handler, { certificateHeader });
    await ask(direct, { 'client-cert': byteSequence });
    const silent = await open(handler, { trustedProxies: ['127.0.0.1'] });
    await ask(silent, { 'client-cert': byteSequence });
    expect(seen.slice(-2)).toEqual([undefined, undefined]);
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
