/**
 * What each kind of target does with a secret: the very request, file or process. The API servers
 * of Kubernetes and Vault are held to their published contracts here, not to the real programs.
 */
import { createHmac, hash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  err,
  manualClock,
  NetworkFault,
  ok,
  seededEntropy,
  type UnixMs,
  utf8,
} from '@mintmark/core';
import type { GuardedClient, OutboundRequest } from '@mintmark/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandTarget } from './command.ts';
import type { Parcel } from './delivery.ts';
import { fileTarget } from './file.ts';
import { kubernetesTarget } from './kubernetes.ts';
import { vaultTarget } from './vault.ts';
import { webhookTarget } from './webhook.ts';

const parcel: Parcel = {
  id: 'run1',
  tenant: 'default',
  rule: 'payments',
  kind: 'key',
  credential: 'k2',
  predecessor: 'k1',
  predecessorEndsAt: 1_790_000_000_000 as UnixMs,
  cause: 'age',
  secret: 'mm_key_k2_très secret',
};
const tenants = ['default'];

type Answer = Awaited<ReturnType<GuardedClient['send']>> | NetworkFault;
let sent: OutboundRequest[];
let answer: Answer;

const client = {
  async send(request: OutboundRequest) {
    sent.push(request);
    if (answer instanceof NetworkFault) throw answer;
    return answer;
  },
};

const answering = (status: number): Answer =>
  ok({ status, header: () => undefined, body: new Uint8Array() });

beforeEach(() => {
  sent = [];
  answer = answering(200);
});

describe('a webhook', () => {
  const secret = utf8('a secret of more than thirty-two bytes');
  const parts = { tenants, secret, client, clock: manualClock(1_790_000_000_000) };
  const target = webhookTarget({
    ...{ ...parts, url: 'https://hooks.example/rotated', entropy: seededEntropy(1) },
  });

  it('is sent the secret once for each try, signed with all that matters', async () => {
    expect(await target.deliver(parcel, {})).toEqual(ok(undefined));
    const { url, method, headers = {}, body = '' } = sent[0]!;
    expect([url, method]).toEqual(['https://hooks.example/rotated', 'POST']);
    expect(JSON.parse(String(body))).toEqual({
      ...{ type: 'credential.rotated', id: 'run1', tenant: 'default', rotation: 'payments' },
      ...{ kind: 'key', credential: 'k2', predecessor: 'k1', cause: 'age' },
      ...{ predecessor_ends_at: '2026-09-21T14:13:20.000Z', secret: parcel.secret },
    });
    expect(headers['idempotency-key']).toBe('"run1"');
    // RFC 9421 §2.5, made anew from what arrived.
    const digest = `sha-256=:${hash('sha256', String(body), 'base64')}:`;
    expect(headers['content-digest']).toBe(digest);
    const parameters = headers['signature-input']!.slice('sig1='.length);
    const base = [
      '"@method": POST',
      '"@target-uri": https://hooks.example/rotated',
      '"content-type": application/json',
      `"content-digest": ${digest}`,
      '"idempotency-key": "run1"',
      `"@signature-params": ${parameters}`,
    ].join('\n');
    const signature = createHmac('sha256', secret).update(base).digest('base64');
    expect(headers['signature']).toBe(`sig1=:${signature}:`);
    expect(parameters).toContain(
      '("@method" "@target-uri" "content-type" "content-digest" "idempotency-key")',
    );
  });

  it('has no places', () => {
    expect(target.judge({})).toBeUndefined();
    expect(target.judge({ at: 'x' })).toContain('no places');
  });

  it('is never sent a secret in clear', async () => {
    const url = 'http://127.0.0.1/rotated';
    const open = webhookTarget({ ...parts, url, entropy: seededEntropy(1) });
    expect(await open.deliver(parcel, {})).toEqual(
      err({ reason: 'refused', detail: 'https_required' }),
    );
    expect(sent).toEqual([]);
  });

  it.each<[Answer, string, string]>([
    [answering(302), 'refused', 'status 302'],
    [answering(503), 'refused', 'status 503'],
    [err({ reason: 'body_too_large', bytesMax: 1 }), 'unreachable', 'body_too_large'],
    [new NetworkFault('outbound_timeout', 'x'), 'timeout', 'outbound_timeout'],
    [new NetworkFault('outbound_failed', 'x'), 'unreachable', 'outbound_failed'],
  ])('that does not take it is a failure: %#', async (given, reason, detail) => {
    answer = given;
    expect(await target.deliver(parcel, {})).toEqual(err({ reason, detail }));
  });
});

describe('Kubernetes', () => {
  const target = kubernetesTarget({
    ...{ tenants, server: 'https://k8s.example:6443', namespace: 'shop', client },
    token: async () => 'service-account',
  });

  it('is asked to apply one member of one Secret (server-side apply)', async () => {
    answer = answering(201);
    const done = await target.deliver(parcel, { at: 'payments-api', key: 'api.key' });
    expect(done).toEqual(ok(undefined));
    const { url, method, headers, body } = sent[0]!;
    expect(method).toBe('PATCH');
    expect(url).toBe(
      'https://k8s.example:6443/api/v1/namespaces/shop/secrets/payments-api' +
        '?fieldManager=mintmark&force=true',
    );
    expect(headers).toEqual({
      authorization: 'Bearer service-account',
      accept: 'application/json',
      'content-type': 'application/apply-patch+yaml',
    });
    expect(JSON.parse(String(body))).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'payments-api', namespace: 'shop' },
      data: { 'api.key': Buffer.from(parcel.secret, 'utf8').toString('base64') },
    });
  });

  it('that forbids it is a failure', async () => {
    answer = answering(403);
    expect(await target.deliver(parcel, { at: 'a' })).toEqual(
      err({ reason: 'refused', detail: 'status 403' }),
    );
  });

  it('has places that are names of Secrets', () => {
    expect(target.judge({ at: 'a-b.c' })).toBeUndefined();
    expect(target.judge({ at: 'a', key: 'tls.key' })).toBeUndefined();
    for (const at of [undefined, 'A', '../x', 'a/b', 'a?x', '-a', 'a'.repeat(254)]) {
      expect(target.judge({ at }), at).toEqual(expect.any(String));
    }
    expect(target.judge({ at: 'a', key: 'a/b' })).toEqual(expect.any(String));
  });
});

describe('Vault', () => {
  const settings = { tenants, url: 'https://vault.example:8200', mount: 'kv/team', client };
  const target = vaultTarget({
    ...{ ...settings, prefix: 'rotated/', namespace: 'eu' },
    token: async () => 's.token',
  });

  it('is asked to write a version (KV version 2)', async () => {
    expect(await target.deliver(parcel, { at: 'shop/payments', key: 'token' })).toEqual(
      ok(undefined),
    );
    const { url, method, headers, body } = sent[0]!;
    expect([method, url]).toEqual([
      'POST',
      'https://vault.example:8200/v1/kv/team/data/rotated/shop/payments',
    ]);
    expect(headers).toEqual({
      'x-vault-token': 's.token',
      'x-vault-request': 'true',
      'x-vault-namespace': 'eu',
      'content-type': 'application/json',
    });
    expect(JSON.parse(String(body))).toEqual({ data: { token: parcel.secret } });
  });

  it('has places that are paths', () => {
    expect(target.judge({ at: 'a/b_c.d' })).toBeUndefined();
    for (const at of [undefined, '/a', 'a/', 'a//b', '../a', 'a/../b', 'a?b', 'a%2fb']) {
      expect(target.judge({ at }), at).toEqual(expect.any(String));
    }
    expect(target.judge({ at: 'a', key: 'a b' })).toEqual(expect.any(String));
  });
});

describe('a file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mintmark-deliver-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

  it('is replaced whole, with the mode that was configured and no other', async () => {
    const path = join(folder, 'app.key');
    writeFileSync(path, 'old', { mode: 0o644 });
    const reader = openSync(path, 'r');
    for (const [mode, text] of [
      [0o600, '600'],
      [0o640, '640'],
    ] as const) {
      const target = fileTarget({ tenants, folder, mode });
      expect(await target.deliver(parcel, { at: 'app.key' })).toEqual(ok(undefined));
      expect(readFileSync(path, 'utf8')).toBe(parcel.secret);
      expect(modeOf(path)).toBe(text);
    }
    // By a new file in its place: a reader of the old one reads the old one to its end.
    expect(readFileSync(reader, 'utf8')).toBe('old');
    closeSync(reader);
    expect(readdirSync(folder)).toEqual(['app.key']);
  });

  it('takes a draft that was left by a try that died', async () => {
    writeFileSync(join(folder, '.app.key.run1'), 'half of a draft, and longer than the secret is');
    const target = fileTarget({ tenants, folder, mode: 0o600 });
    expect(await target.deliver(parcel, { at: 'app.key' })).toEqual(ok(undefined));
    expect(readFileSync(join(folder, 'app.key'), 'utf8')).toBe(parcel.secret);
    expect(readdirSync(folder)).toEqual(['app.key']);
  });

  it('never stands outside the folder', async () => {
    const inside = join(folder, 'inside');
    mkdirSync(inside);
    mkdirSync(join(folder, 'outside'));
    symlinkSync(join(folder, 'outside'), join(inside, 'way'));
    writeFileSync(join(folder, 'target'), 'mine');
    symlinkSync(join(folder, 'target'), join(inside, 'link'));
    const target = fileTarget({ tenants, folder: inside, mode: 0o600 });
    expect(await target.deliver(parcel, { at: 'way/x' })).toEqual(
      err({ reason: 'not_written', detail: 'outside the folder' }),
    );
    expect(existsSync(join(folder, 'outside', 'x'))).toBe(false);
    // A link at the very place is replaced, and not followed.
    expect(await target.deliver(parcel, { at: 'link' })).toEqual(ok(undefined));
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('mine');
    for (const at of [undefined, '/etc/x', '../x', 'a/../../x', '.hidden', 'a//b', 'a\0', 'a/']) {
      expect(target.judge({ at }), at).toEqual(expect.any(String));
    }
    expect(target.judge({ at: 'a/b.key' })).toBeUndefined();
    expect(target.judge({ at: 'a', key: 'x' })).toEqual(expect.any(String));
  });

  it('that cannot be written is a failure, and leaves what was there', async () => {
    const target = fileTarget({ tenants, folder, mode: 0o600 });
    expect(await target.deliver(parcel, { at: 'none/x' })).toEqual(
      err({ reason: 'not_written', detail: 'ENOENT' }),
    );
    mkdirSync(join(folder, 'full'));
    expect(await target.deliver(parcel, { at: 'full' })).toMatchObject({ ok: false });
  });
});

describe('a command', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mintmark-deliver-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const timers = { after: () => () => undefined };

  function program(text: string): string {
    const path = join(folder, 'program');
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o700);
    return path;
  }

  it('gets the secret on its input, facts about it beside, and its own arguments', async () => {
    const out = join(folder, 'out');
    const path = program(`{ cat; echo; echo "$1"; env | sort; } > ${out}`);
    const argv = [path, '$(id); `id`'] as const;
    const target = commandTarget({ tenants, argv, timers });
    expect(await target.deliver(parcel, {})).toEqual(ok(undefined));
    const [secret, argument, ...environment] = readFileSync(out, 'utf8').trim().split('\n');
    expect(secret).toBe(parcel.secret);
    expect(argument).toBe('$(id); `id`');
    const names = environment.map((line) => line.split('=')[0]);
    const shell = new Set(['_', 'PWD', 'OLDPWD', 'SHLVL']);
    expect(names.filter((name) => !shell.has(name!))).toEqual([
      'MINTMARK_CAUSE',
      'MINTMARK_CREDENTIAL',
      'MINTMARK_KIND',
      'MINTMARK_PREDECESSOR',
      'MINTMARK_PREDECESSOR_ENDS_AT',
      'MINTMARK_ROTATION',
      'MINTMARK_ROTATION_ID',
      'MINTMARK_TENANT',
      'PATH',
    ]);
    expect(environment.join('\n')).not.toContain(parcel.secret);
    expect(target.judge({})).toBeUndefined();
    expect(target.judge({ key: 'x' })).toEqual(expect.any(String));
  });

  it('that fails, is not there or does not end is a failure', async () => {
    const failing = commandTarget({ tenants, argv: [program('exit 3')], timers });
    expect(await failing.deliver(parcel, {})).toEqual(
      err({ reason: 'command_failed', detail: 'exit 3' }),
    );
    const absent = commandTarget({ tenants, argv: [join(folder, 'absent')], timers });
    expect(await absent.deliver(parcel, {})).toEqual(
      err({ reason: 'command_failed', detail: 'ENOENT' }),
    );
    let ring: () => void = () => {};
    const clock = {
      after(_ms: number, run: () => void) {
        ring = run;
        return () => undefined;
      },
    };
    const endless = commandTarget({ tenants, argv: [program('exec sleep 60')], timers: clock });
    const asked = endless.deliver(parcel, {});
    ring();
    expect(await asked).toEqual(err({ reason: 'timeout', detail: 'killed' }));
  });
});
