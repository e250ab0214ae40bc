/** A claims hook behind a real server that behaves in every way that it should not. */
import { createHmac, hash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { err, limits, manualClock, seededEntropy } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { createGuardedClient } from '@mintmark/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClaimsHook, type HookFailure } from './claims-hook.ts';
import { webhookSource } from './webhook.ts';

const secret = Buffer.from('a secret of thirty-two bytes or more');
const question = { grant: 'client_credentials', subject: 'ü' };
const json = { 'content-type': 'application/json' };

type Behaviour = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server;
let url: string;
let behave: Behaviour;
let asked: number;
let failures: HookFailure[];
const clock = manualClock(1_790_000_000_000);

beforeEach(async () => {
  asked = 0;
  failures = [];
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      asked++;
      behave(request, response, Buffer.concat(parts).toString());
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/claims`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const says =
  (status: number, body: string, headers: Record<string, string> = json): Behaviour =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };

function open(deadlineMs = 5_000, at = url) {
  const client = createGuardedClient({ reach: 'operator', timers: systemTimers });
  const parts = { url: at, secret, client, clock, entropy: seededEntropy(1) };
  return createClaimsHook(
    { source: webhookSource(parts), deadlineMs, onFailure: 'refuse' },
    { clock, timers: systemTimers, failed: (failure) => failures.push(failure) },
  );
}

describe('a webhook', () => {
  it('is asked by a signed request, and its answer counts', async () => {
    let seen: { request: IncomingMessage; body: string } | undefined;
    behave = (request, response, body) => {
      seen = { request, body };
      response.writeHead(200, json).end('{"access_token":{"groups":["a"]}}');
    };
    const answer = await open().consult(question, ['read']);
    expect(answer).toMatchObject({ ok: true, value: { accessToken: { groups: ['a'] } } });
    const { method, headers } = seen!.request;
    expect(method).toBe('POST');
    expect(JSON.parse(seen!.body)).toEqual(question);
    // As a receiver checks it, by RFC 9421 alone.
    const digest = `sha-256=:${hash('sha256', seen!.body, 'base64')}:`;
    expect(headers['content-digest']).toBe(digest);
    const [, parameters = ''] = /^sig1=(.*)$/.exec(String(headers['signature-input'])) ?? [];
    expect(parameters.replace(/nonce="[\w-]{22}"/, 'nonce')).toBe(
      '("@method" "@target-uri" "content-type" "content-digest")' +
        ';created=1790000000;keyid="mintmark";nonce;alg="hmac-sha256"',
    );
    const base = [
      '"@method": POST',
      `"@target-uri": ${url}`,
      '"content-type": application/json',
      `"content-digest": ${digest}`,
      `"@signature-params": ${parameters}`,
    ].join('\n');
    const signature = createHmac('sha256', secret).update(base).digest('base64');
    expect(headers['signature']).toBe(`sig1=:${signature}:`);
  });

  it('may have nothing to say', async () => {
    behave = says(204, '', {});
    expect(await open().consult(question, ['read'])).toMatchObject({ ok: true });
  });

  it.each<[string, Behaviour, HookFailure]>([
    ['falls over', says(500, '{}'), 'server_error'],
    ['is overloaded', says(503, '{}'), 'server_error'],
    ['knows no such page', says(404, '{}'), 'wrong_status'],
    ['leads elsewhere', says(302, '', { location: '/claims/' }), 'wrong_status'],
    ['leads elsewhere for good', says(308, '', { location: '/claims/' }), 'wrong_status'],
    ['sends a page', says(200, '{}', { 'content-type': 'text/html' }), 'malformed'],
    ['sends no type', says(200, '{}', {}), 'malformed'],
    ['sends half of JSON', says(200, '{"access_token":'), 'malformed'],
    ['sends a name of JavaScript', says(200, '{"id_token":{"__proto__":1}}'), 'malformed'],
    ['nests without end', says(200, `{"id_token":{"a":${'['.repeat(3e4)}`), 'malformed'],
    ['sends what is reserved', says(200, '{"access_token":{"sub":"x"}}'), 'reserved_claim'],
    ['wants more', says(200, '{"scopes":["admin"]}'), 'wider_scope'],
    ['sends very much', says(200, `"${'a'.repeat(limits.hookAnswerBytesMax)}"`), 'too_large'],
    ['hangs up', (request) => void request.socket.destroy(), 'unreachable'],
  ])('that %s is a failure', async (_what, behaviour, failure) => {
    behave = behaviour;
    expect(await open().consult(question, ['read'])).toEqual(err(failure));
    expect([asked, failures]).toEqual([1, [failure]]);
  });

  it.each<[string, Behaviour]>([
    ['never answers', () => undefined],
    [
      'drips',
      (_request, response) => {
        response.writeHead(200, { ...json, 'content-length': '1000' });
        const stop = systemTimers.every(10, () => void response.write(' '));
        response.on('close', stop);
      },
    ],
  ])('that %s is left at the deadline', async (_what, behaviour) => {
    behave = behaviour;
    expect(await open(100).consult(question, ['read'])).toEqual(err('timeout'));
  });

  it('that is not there is a failure, and so is plain HTTP to another machine', async () => {
    const gone = open(5_000, 'http://127.0.0.1:1/');
    expect(await gone.consult(question, [])).toEqual(err('unreachable'));
    const plain = open(5_000, 'http://192.0.2.1/');
    expect(await plain.consult(question, [])).toEqual(err('unreachable'));
  });
});
