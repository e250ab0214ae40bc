import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { initLocalCustody, migrateStore } from '@mintmark/authority';
import { manualClock, seededEntropy } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { run, startMs } from '../fake-ports.ts';
import type { Check } from './check.ts';
import { checkListener } from './files.ts';

describe('mintmark doctor', () => {
  let data: string;
  /** As it should be, too: somebody hears before things break. */
  const told = ['--mail-url', 'smtp://localhost', '--alerts-contact', 'ops@example.com'];

  /** An installation whose key lies elsewhere, as it should. */
  beforeEach(async () => {
    data = mkdtempSync(join(tmpdir(), 'mintmark-doctor-'));
    const clock = manualClock(startMs);
    await migrateStore(`sqlite:${data}`, { clock });
    const path = join(data, 'custody.json');
    const unlock = { by: 'key_file', path: `${data}.key` } as const;
    await (await initLocalCustody({ path, unlock, clock, entropy: seededEntropy(1) })).close();
  });

  afterEach(() => {
    timersRun = undefined;
    rmSync(data, { recursive: true, force: true });
    rmSync(`${data}.key`, { force: true });
  });

  /** How many timers run at once; undefined: none ever does. */
  let timersRun: number | undefined;

  async function examine(...args: readonly string[]) {
    const line = [
      'doctor',
      '--json',
      '--data',
      data,
      '--custody-key-file',
      `${data}.key`,
      ...told,
      ...args,
    ];
    const server = () => new Response('ready\n');
    const { exit, out } = await run(line, {
      server,
      ...(timersRun === undefined ? {} : { stopAfterTimers: timersRun }),
    });
    const { checks } = JSON.parse(out) as { checks: Check[] };
    const bad = checks.filter(({ verdict }) => verdict !== 'pass');
    return { exit, checks, bad: bad.map(({ check, verdict }) => `${verdict} ${check}`) };
  }

  function sql(text: string): void {
    const db = new DatabaseSync(join(data, 'mintmark.db'));
    db.exec(text);
    db.close();
  }

  it('passes a sound installation', async () => {
    const { exit, bad } = await examine();
    expect(bad.filter((one) => !one.endsWith(' disk'))).toEqual([]);
    expect(exit).toBe(0);
  });

  it('fails what other accounts can read, and says which chmod', async () => {
    chmodSync(data, 0o755);
    chmodSync(`${data}.key`, 0o644);
    chmodSync(join(data, 'mintmark.db'), 0o640);
    const { exit, bad, checks } = await examine();
    expect(exit).toBe(1);
    expect(bad).toEqual(
      expect.arrayContaining([
        'fail data_folder',
        'fail custody_key',
        'fail custody',
        'fail database_file',
      ]),
    );
    const folder = checks.find(({ check }) => check === 'data_folder');
    expect(folder?.todo).toBe(`chmod 700 ${data}`);
  });

  it('warns of a custody key beside the data', async () => {
    const { bad } = await examine('--custody-key-file', join(data, 'custody.key'));
    expect(bad).toContain('warn custody_key_beside');
  });

  it('asks for a name where nobody named an installation', async () => {
    const before = process.cwd();
    const nowhere = mkdtempSync(join(tmpdir(), 'mintmark-nowhere-'));
    process.chdir(nowhere);
    try {
      const { exit, err } = await run('doctor --json');
      expect(exit).toBe(2);
      expect(JSON.parse(err).error).toEqual({
        code: 'usage',
        message: 'no installation in ./data',
        hint: 'name it with --data or --config',
      });
      // A lost database or custody is no usage error.
      mkdirSync('data');
      writeFileSync(join('data', 'custody.json'), '{}');
      expect((await run('doctor --json')).exit).toBe(1);
    } finally {
      process.chdir(before);
      rmSync(nowhere, { recursive: true });
    }
  });

  it('fails where there is no installation', async () => {
    const { exit, bad } = await examine('--data', join(data, 'nothing'));
    expect(exit).toBe(1);
    expect(bad).toEqual(
      expect.arrayContaining(['warn data_folder', 'fail custody', 'fail database']),
    );
  });

  it('fails plain HTTP beyond this machine, allowed or not', async () => {
    expect((await examine('--listen', '0.0.0.0:80')).bad).toContain('fail authority_tls');
    const open = await examine('--listen', '0.0.0.0:80', '--insecure-http');
    expect(open.bad).toContain('fail authority_tls');
  });

  it('warns of operations that others can reach', async () => {
    const flag = '--gateway-operations-listen';
    expect((await examine(flag, '0.0.0.0:8481')).bad).toContain('warn gateway_operations');
    expect((await examine(flag, '127.0.0.1:8481')).bad).not.toContain('warn gateway_operations');
    expect((await examine()).bad).not.toContain('warn gateway_operations');
  });

  it('fails a certificate that is none', async () => {
    writeFileSync(join(data, 'tls.pem'), 'nothing');
    const path = join(data, 'tls.pem');
    const { bad } = await examine('--tls-cert', path, '--tls-key', path);
    expect(bad).toContain('fail authority_tls');
  });

  it('warns of records that wait for long, and of a schema to be migrated', async () => {
    sql(
      `INSERT INTO audit_pending (id, tenant, leaf, object, related, personal, at)
       VALUES ('a', 'default', x'00', 'key:1', NULL, NULL, ${startMs - 60_000})`,
    );
    expect((await examine()).bad).toContain('warn audit_lag');
    sql('DELETE FROM schema_migrations');
    expect((await examine()).bad).toContain('warn schema');
  });

  it('warns of clients whose codes neither PKCE nor a nonce guards', async () => {
    sql(
      `CREATE TABLE authorization_codes_p20700 (client_id TEXT, terms TEXT) STRICT;
       INSERT INTO authorization_codes_p20700 VALUES
         ('bare', '{"codeChallenge":null,"nonce":null}'),
         ('sound', '{"codeChallenge":null,"nonce":"n"}')`,
    );
    const { bad, checks, exit } = await examine();
    expect(bad).toContain('warn codes');
    expect(checks.find(({ check }) => check === 'codes')?.message).toMatch(/ of bare$/);
    expect(exit).toBe(0);
  });

  it('warns of limits that no cache makes exact, and says where the cache is away', async () => {
    sql(`INSERT INTO routes VALUES ('default', 'pay', '{"limits_mode":"strict"}', 0, 1)`);
    const { checks } = await examine();
    const check = checks.find((one) => one.check === 'limits');
    expect(check).toMatchObject({ verdict: 'warn', message: expect.stringContaining('pay') });
    timersRun = 99;
    const away = await examine('--cache', 'redis://127.0.0.1:1');
    expect(away.bad).toContain('fail cache');
    expect(away.bad).not.toContain('warn limits');
  });

  it('warns of keys that name countries where no database knows any', async () => {
    expect((await examine()).bad).not.toContain('warn countries');
    sql(
      `DROP TABLE keys;
       CREATE TABLE keys (status TEXT, allowed_countries TEXT, denied_countries TEXT) STRICT;
       INSERT INTO keys VALUES ('active', '["DE"]', NULL), ('revoked', '["DE"]', NULL)`,
    );
    const { checks } = await examine();
    const check = checks.find((one) => one.check === 'countries');
    expect(check).toMatchObject({ verdict: 'warn', message: expect.stringMatching(/^1 keys /) });
    const { bad } = await examine('--geo-database', '/somewhere.mmdb');
    expect(bad).not.toContain('warn countries');
  });

  it('fails a clock that was set back', async () => {
    sql(
      `INSERT INTO audit_log ("index", id, tenant, leaf, object, related, personal, at, chain)
       VALUES (0, 'a', 'default', x'00', 'key:1', NULL, NULL, ${startMs + 3_600_000}, x'00')`,
    );
    expect((await examine()).bad).toContain('fail clock');
  });

  it('fails a database that is newer than the program', async () => {
    sql('UPDATE schema_migrations SET needs = 9999');
    expect((await examine()).bad).toContain('fail database');
  });

  it('says of a database elsewhere that only the server can tell', async () => {
    const { bad } = await examine('--database', 'postgres://db/mint');
    expect(bad).toContain('warn database');
  });

  it('tells whether the server is ready', async () => {
    const line = ['doctor', '--data', data, '--custody-key-file', `${data}.key`];
    const broken = await run(line, { server: () => new Response('no', { status: 503 }) });
    expect(broken.exit).toBe(1);
    expect(broken.out).toContain('FAIL  server');
    const silent = await run(line);
    expect(silent.out).toContain('warn  server');
    expect(silent.exit).toBe(0);
  });

  it('shows warnings of the configuration', async () => {
    const line = ['doctor', '--data', data, '--custody-key-file', `${data}.key`];
    const { out } = await run(line, { environment: { MINTMARK_DATTA: 'x' } });
    expect(out).toContain('did you mean MINTMARK_DATA?');
  });
});

describe('checkListener', () => {
  const certificate = new URL('./test-certificate.pem', import.meta.url).pathname;
  const { config } = loadConfig({
    file: undefined,
    environment: {},
    flags: { listen: '0.0.0.0:443', 'tls-cert': certificate, 'tls-key': certificate },
  });
  const ends = Date.parse('2036-11-18T22:09:00Z');

  it.each([
    ['long before its end', ends - 400 * 86_400_000, 'pass'],
    ['in its last days', ends - 5 * 86_400_000, 'warn'],
    ['after its end', ends + 10 * 86_400_000, 'fail'],
  ])('judges a certificate %s', (_, now, verdict) => {
    expect(checkListener('authority', config, now)[0]).toMatchObject({ verdict });
  });
});
