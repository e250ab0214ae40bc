import { get } from 'node:http';
import { systemTimers } from '@mintmark/core/system';
import type { Gateway } from '@mintmark/gateway';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { isBehindProxy, startJudges } from './judges.ts';
import { createLog } from './log.ts';

const log = createLog('silent', { write: () => undefined });
const ports = { timers: systemTimers };
const nobody = () => Promise.reject(new Error('nobody asks'));
const gateway = { decide: nobody, rateLimits: {} as Gateway['rateLimits'] };

function configOf(gateway: object, more: object = {}) {
  return configSchema.parse({ gateway, ...more });
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, (answer) => resolve(answer.resume().statusCode)).on('error', reject);
  });
}

describe('the judge on the authority’s port', () => {
  it.each<[boolean, string, object]>([
    [false, 'by itself', {}],
    [false, 'with a name on this machine', { issuer: 'http://127.0.0.1:9000' }],
    [true, 'named https without TLS of its own', { issuer: 'https://id.example' }],
    [true, 'told of a proxy', { authority: { trusted_proxies: ['10.0.0.0/8'] } }],
    [
      false,
      'ending TLS itself',
      { issuer: 'https://id.example', authority: { tls_cert: 'c', tls_key: 'k' } },
    ],
  ])('takes it to be behind a proxy: %s, %s', (expected, _what, more) => {
    expect(isBehindProxy(configOf({}, more))).toBe(expected);
  });
});

describe('the judge’s listener', () => {
  it('is there where an address is named, and hears loopback alone by default', async () => {
    const none = await startJudges(ports, { config: configOf({}), log, gateway });
    expect(none.at.judge).toBeUndefined();
    await none.close();
    const config = configOf({ judge_listen: '127.0.0.1:0', judge_proxies: ['192.0.2.1'] });
    const judges = await startJudges(ports, { config, log, gateway });
    expect(await statusOf(`${judges.at.judge}/ext-authz/`)).toBe(403);
    await judges.close();
  });

  it('is refused blocks that nobody can read, and plain HTTP outside loopback', async () => {
    const bad = configOf({ judge_proxies: ['10.0.0.0/99'] });
    const starting = startJudges(ports, { config: bad, log, gateway });
    await expect(starting).rejects.toMatchObject({ code: 'bad_judge_proxies' });
    const open = configOf({ judge_listen: '0.0.0.0:0' });
    const opening = startJudges(ports, { config: open, log, gateway });
    await expect(opening).rejects.toMatchObject({ code: 'insecure_http' });
  });
});
