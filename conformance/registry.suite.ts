/**
 * The main job on real input: Verdaccio, an npm registry, behind the gateway, and the ordinary npm
 * client in front of it. The registry's own port is known to the recording proxy alone, and the
 * recording proxy's to the gateway's route alone, so that what the registry saw is what crossed the
 * gateway. The tests follow one another: they are the life of one key and one token.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finished } from './rig/child.ts';
import { allowed } from './rig/decisions.ts';
import {
  administer,
  call,
  clientCredentials,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { type Installed, npmClient, textOf } from './rig/npm-client.ts';
import { type Recorder, startRecorder } from './rig/recorder.ts';
import { until } from './rig/until.ts';
import { startVerdaccio, type Verdaccio } from './rig/verdaccio.ts';

const audience = 'https://packages.example';
const plain = 'left-board';
const scoped = '@carpenter/right-board';
const builder = { id: 'builder', secret: 'Secret/that+its=operator%chose' };

let home: string;
let verdaccio: Verdaccio;
let recorder: Recorder;
let running: Running;
let installation: Installation;
let first: { readonly id: string; readonly key: string };
let second: { readonly id: string; readonly key: string };
let jwt: string;

/** Everything that an administrator does to put the registry behind the gateway. */
const wanted = (upstream: string) => ({
  clients: [
    {
      client_id: builder.id,
      client_secret: builder.secret,
      client_name: 'Build machine',
      grant_types: ['client_credentials'],
      scope: 'packages:read packages:write',
      audiences: [audience],
      access_token_format: 'jwt',
    },
  ],
  routes: [
    {
      name: 'packages',
      match: { path_prefix: '/' },
      upstream,
      audience,
      scopes: ['packages:read'],
      encoded_slash: 'opaque',
    },
  ],
});

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-registry-'));
  verdaccio = await startVerdaccio(join(home, 'verdaccio'));
  recorder = await startRecorder(verdaccio.port);
  installation = await initialise(join(home, 'mintmark'));
  running = await start(installation);
  writeFileSync(join(installation.home, 'wanted.json'), JSON.stringify(wanted(recorder.origin)));
  const applied = await command('apply', 'wanted.json');
  expect(applied, applied.stderr).toMatchObject({ code: 0 });
  jwt = await clientCredentials(installation, builder, { resource: audience });
});

afterAll(async () => {
  await running?.child.stop();
  await recorder?.close();
  await verdaccio?.child.stop();
  rmSync(home, { recursive: true, force: true });
});

function command(...args: readonly string[]): Promise<Finished> {
  return administer(installation, ...args);
}

/** A client with a cache and a home that nobody used before. */
function npm(token: string) {
  return npmClient(home, installation.gateway, token);
}

function install(token: string, ...packages: readonly string[]): Promise<Installed> {
  return npm(token).install(...packages);
}

describe('an npm registry behind the gateway', () => {
  it('takes a plain and a scoped package from an API key', async () => {
    const scopes = ['packages:read', 'packages:write'];
    const made = await command('key', 'create', '--name', 'npm', '--scope', ...scopes);
    expect(made).toMatchObject({ code: 0 });
    first = JSON.parse(made.stdout);
    for (const name of [plain, scoped]) {
      const published = await npm(first.key).publish(name, '1.0.0');
      expect(published, published.stderr).toMatchObject({ code: 0 });
    }
  });

  it('takes both from a JWT of the client credentials grant', async () => {
    expect(jwt.split('.')).toHaveLength(3);
    for (const name of [plain, scoped]) {
      const published = await npm(jwt).publish(name, '2.0.0');
      expect(published, published.stderr).toMatchObject({ code: 0 });
    }
  });

  it.each([
    ['the API key', () => first.key],
    ['the JWT', () => jwt],
  ])('gives both back to %s, with addresses that name the gateway', async (_, credential) => {
    const done = await install(credential(), `${plain}@1.0.0`, `${scoped}@2.0.0`);
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(done.read(plain)).toBe(textOf(plain, '1.0.0'));
    expect(done.read(scoped)).toBe(textOf(scoped, '2.0.0'));
    expect(done.resolved).toHaveLength(2);
    for (const url of done.resolved) expect(new URL(url).origin).toBe(installation.gateway);
  });

  it('refuses an install without a good credential', async () => {
    const wrong = `${first.key.slice(0, -1)}${first.key.endsWith('0') ? '1' : '0'}`;
    for (const token of [wrong, `${jwt.slice(0, -8)}AAAAAAAA`, 'x']) {
      const done = await install(token, plain);
      expect(done.code).toBe(1);
      expect(done.stderr).toContain('E401');
    }
  });

  it('fails no install while the key is rotated in the middle of a loop', async () => {
    let key = first.key;
    let turn = 0;
    const loop = async (): Promise<Installed[]> => {
      const done: Installed[] = [];
      while (turn++ < 12) done.push(await install(key, plain, scoped));
      return done;
    };
    const rotate = async (): Promise<Installed[]> => {
      await until('the loop is in its middle', () => (turn >= 4 ? true : undefined));
      const rotated = await command('key', 'rotate', first.id, '--overlap', '1h');
      expect(rotated, rotated.stderr).toMatchObject({ code: 0 });
      second = JSON.parse(rotated.stdout);
      // Somebody who has not heard yet, and somebody who has at once.
      const both = await Promise.all([install(first.key, plain), install(second.key, plain)]);
      key = second.key;
      return both;
    };
    const done = (await Promise.all([loop(), rotate()])).flat();
    expect(second.key).not.toBe(first.key);
    expect(done.map((one) => `${one.code} ${one.stderr}`)).toEqual(done.map(() => '0 '));
    const users = recorder.seen.map((one) => one.headers['x-mintmark-credential-id']);
    expect(users).toContain(first.id);
    expect(users).toContain(second.id);
  });

  it('refuses the old key when its overlap is over, and the new one goes on', async () => {
    const rotated = await command('key', 'rotate', second.id, '--overlap', '2s');
    expect(rotated, rotated.stderr).toMatchObject({ code: 0 });
    const third = JSON.parse(rotated.stdout) as typeof first;
    const refused = await until('the overlap ends', async () => {
      const done = await install(second.key, plain);
      return done.code === 0 ? undefined : done;
    });
    expect(refused.stderr).toContain('E401');
    expect(await install(third.key, plain)).toMatchObject({ code: 0 });
    second = third;
  });

  it('refuses the next install after a revocation of the key', async () => {
    expect(await install(second.key, plain)).toMatchObject({ code: 0 });
    const revoked = await command('key', 'revoke', second.id, '--reason', 'leaked');
    expect(revoked, revoked.stderr).toMatchObject({ code: 0 });
    const done = await install(second.key, plain);
    expect(done.code).toBe(1);
    expect(done.stderr).toContain('E401');
  });

  it('refuses the next install after a revocation of the JWT', async () => {
    expect(await install(jwt, plain)).toMatchObject({ code: 0 });
    const { jti } = JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString());
    const target = { kind: 'token', id: jti };
    const revoked = await call(installation, 'POST /v1/revocations', { target, reason: 'leaked' });
    expect(revoked.status, revoked.text).toBe(200);
    const done = await install(jwt, plain);
    expect(done.code).toBe(1);
    expect(done.stderr).toContain('E401');
  });

  it('let no request pass it by, and no credential through', async () => {
    expect(recorder.seen.length).toBeGreaterThan(40);
    expect(recorder.seen.some((one) => one.path.endsWith('.tgz'))).toBe(true);
    for (const one of recorder.seen) {
      expect(one.headers['x-mintmark-subject']).toBeDefined();
      expect(one.headers['authorization']).toBeUndefined();
      const text = JSON.stringify(one);
      for (const secret of [first.key, second.key, jwt]) expect(text).not.toContain(secret);
    }
    const seen = recorder.seen.length;
    await until('every decision is counted', async () =>
      (await allowed(installation)) >= seen ? true : undefined,
    );
    expect(await allowed(installation)).toBe(seen);
  });

  it('tells the whole story in an audit trail that verifies', async () => {
    const verified = await command('audit', 'verify');
    expect(verified, verified.stderr).toMatchObject({ code: 0 });
    // The late use of the old key is told too, once its tally is written.
    const acts = await until('the refusals are on record', async () => {
      const history = await command('key', 'history', first.id);
      expect(history, history.stderr).toMatchObject({ code: 0 });
      const { items } = JSON.parse(history.stdout) as { items: { action: string }[] };
      const actions = items.map((item) => item.action);
      return actions.includes('security.refused') ? actions : undefined;
    });
    expect(acts.filter((action) => action !== 'security.refused')).toEqual([
      'key.create',
      'key.rotate',
      'key.rotate',
      'revocation.create',
    ]);
  });
});
