/**
 * Lists of addresses from real parts: CrowdSec's local API as Debian ships it, and a TAXII 2.1
 * server. What they list is refused at a gateway, and what they take back is let in.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningCrowdsec, startCrowdsec } from './rig/crowdsec.ts';
import { exchange } from './rig/exchange.ts';
import {
  administer,
  apply,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { type Folder, freshFolder, mintmark } from './rig/mintmark.ts';
import { type RunningTaxii, startTaxii } from './rig/taxii.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

let folder: Folder;
let crowdsec: RunningCrowdsec;
let taxii: RunningTaxii;
let lists: Server;
let listUrl: string;
let list = '';
let upstream: Upstream;
let installation: Installation;
let running: Running;

beforeAll(async () => {
  folder = freshFolder();
  const homes = ['crowdsec', 'taxii'].map((name) => join(folder.path, name));
  for (const home of homes) mkdirSync(home);
  crowdsec = await startCrowdsec(homes[0]!);
  taxii = await startTaxii(homes[1]!, 2);
  upstream = await startUpstream();
  lists = createServer((_request, response) => response.end(list)).listen(0, '127.0.0.1');
  await until('the lists are served', () => (lists.listening ? true : undefined));
  listUrl = `http://127.0.0.1:${(lists.address() as AddressInfo).port}`;
  const origins = [crowdsec.url, taxii.origin, listUrl];
  const config = {
    threats: { private_origins: origins },
    gateway: { trusted_proxies: ['127.0.0.1'] },
  };
  writeFileSync(join(folder.path, 'mintmark.yaml'), JSON.stringify(config));
  installation = await initialise(folder.path);
  running = await start(installation);
  await apply(installation, {
    routes: ['crowd', 'bots', 'drop'].map((feed) => ({
      ...{ name: feed, match: { path_prefix: `/${feed}` }, upstream: upstream.origin },
      ...{ credential: 'none', threats: { action: 'refuse', feeds: [feed] } },
    })),
  });
}, 120_000);

afterAll(async () => {
  await running?.child.stop('SIGKILL');
  await upstream?.close();
  await crowdsec?.stop();
  await taxii?.stop();
  lists?.close();
  folder?.remove();
});

async function statusOf(feed: string, address: string): Promise<number> {
  const headers = { 'x-forwarded-for': address };
  return (await exchange(`${installation.gateway}/${feed}`, { headers })).status;
}

function becomes(feed: string, address: string, status: number): Promise<true> {
  return until(`${address} is answered ${status}`, async () =>
    (await statusOf(feed, address)) === status ? true : undefined,
  );
}

async function command(...args: readonly string[]): Promise<Record<string, unknown>> {
  const done = await administer(installation, ...args);
  if (done.code !== 0) throw new Error(`${args.join(' ')}: ${done.stderr}`);
  return JSON.parse(done.stdout) as Record<string, unknown>;
}

async function progressOf(feed: string): Promise<Record<string, unknown>> {
  return (await command('threat-feed', 'show', feed))['progress'] as Record<string, unknown>;
}

/** With a secret on standard input, as an operator pipes it. */
async function create(feed: string, secret: string, ...args: readonly string[]): Promise<void> {
  const { home, issuer, adminKey } = installation;
  const env = { HOME: home, MINTMARK_SERVER: issuer, MINTMARK_TOKEN: adminKey };
  const line = ['threat-feed', 'create', feed, ...args, '--secret', '-', '--every', '10s'];
  const done = await mintmark(line, { cwd: home, env, input: secret });
  expect(done).toMatchObject({ code: 0 });
}

describe('CrowdSec', () => {
  const address = '203.0.113.7';

  it('shuts out whom it decides on, and lets in again whom it lets go', async () => {
    await crowdsec.decisions('add', '--ip', address, '--duration', '4h', '--reason', 'suite');
    expect(await statusOf('crowd', address)).toBe(200);
    const secret = await crowdsec.bouncer('mintmark');
    await create('crowd', secret, '--kind', 'crowdsec', '--url', crowdsec.url);
    await becomes('crowd', address, 403);
    expect(await statusOf('crowd', '203.0.113.8')).toBe(200);
    const found = await command('threat-feed', 'lookup', address);
    expect(found['items']).toMatchObject([{ feed: 'crowd', reason: 'ban suite (cscli)' }]);
    // By its changes from here on.
    await crowdsec.decisions('add', '--range', '198.51.99.0/24', '--duration', '4h');
    await becomes('crowd', '198.51.99.200', 403);
    await crowdsec.decisions('delete', '--ip', address);
    await becomes('crowd', address, 200);
  });

  it('that is gone is said to be, and what it listed counts to its end', async () => {
    await crowdsec.stop();
    await until('the failure shows', async () => {
      const { failures } = await progressOf('crowd');
      return Number(failures) > 0 ? true : undefined;
    });
    expect(await statusOf('crowd', '198.51.99.200')).toBe(403);
  });
});

describe('a TAXII collection', () => {
  const indicator = (number: number, more: object = {}) => ({
    ...{ type: 'indicator', spec_version: '2.1', name: 'bot', pattern_type: 'stix' },
    id: `indicator--00000000-0000-4000-8000-00000000000${number}`,
    ...{ created: '2026-01-01T00:00:00.000Z', modified: '2026-01-01T00:00:00.000Z' },
    valid_from: '2026-01-01T00:00:00Z',
    pattern: `[ipv4-addr:value = '203.0.113.1${number}']`,
    ...more,
  });

  it('is read whole, page by page, and then by what was added and revoked', async () => {
    await taxii.add(...[1, 2, 3].map((number) => indicator(number)));
    const { collection, user, password } = taxii;
    await create('bots', password, '--kind', 'taxii', '--url', collection, '--user', user);
    await becomes('bots', '203.0.113.13', 403);
    expect(await progressOf('bots')).toMatchObject({ listed: 3, passed_over: 0, fault: null });
    await taxii.add(
      indicator(4),
      indicator(1, { modified: '2026-02-01T00:00:00.000Z', revoked: true }),
    );
    await becomes('bots', '203.0.113.14', 403);
    await becomes('bots', '203.0.113.11', 200);
    expect(await statusOf('bots', '203.0.113.12')).toBe(403);
  });
});

describe('a plain list', () => {
  it('shuts out nobody whom its rules protect, whatever it says', async () => {
    list = ['0.0.0.0/0', '127.0.0.1', '10.0.0.0/8', '203.0.113.20 # listed'].join('\n');
    await create('drop', 'unused', '--kind', 'plain', '--url', `${listUrl}/drop.txt`);
    await becomes('drop', '203.0.113.20', 403);
    expect(await statusOf('drop', '203.0.113.21')).toBe(200);
    expect(await progressOf('drop')).toMatchObject({ listed: 1, refused: 3 });
    list = '<html>please sign in</html>';
    await command('threat-feed', 'refresh', 'drop');
    await until('the failure shows', async () => {
      const { fault } = await progressOf('drop');
      return fault === 'not one line of it is an address' ? true : undefined;
    });
    expect(await statusOf('drop', '203.0.113.20')).toBe(403);
  });
});
