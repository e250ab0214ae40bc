/** An authority whose process is late: what matters most is answered to the end. */
import { type Pressure, type PressureLevel, priorities } from '@mintmark/core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

let level: PressureLevel;
const pressure: Pressure = {
  get level() {
    return level;
  },
  sheds: (priority) => priorities.indexOf(priority) < level,
  stop() {},
};

let bed: Awaited<ReturnType<typeof managementBed>>;
beforeAll(async () => {
  bed = await managementBed(1, undefined, { pressure });
});
beforeEach(() => {
  level = 0;
});

async function statusOf(method: 'GET' | 'POST', path: string, json?: unknown): Promise<number> {
  return (await bed.call(method, path, json === undefined ? {} : { json })).status;
}

describe('an authority under pressure', () => {
  it('turns away what matters least, then more, and revokes to the end', async () => {
    const made = await bed.call('POST', '/v1/keys', { json: { name: 'k', scopes: ['a'] } });
    expect(made.status).toBe(201);
    level = 1;
    expect(await statusOf('GET', '/openapi.json')).toBe(503);
    expect(await statusOf('GET', '/v1/keys')).toBe(200);
    level = 2;
    expect(await statusOf('GET', '/v1/keys')).toBe(503);
    expect(await statusOf('POST', '/v1/keys/verify', { key: 'mm_key_x' })).toBe(200);
    level = 3;
    expect(await statusOf('POST', '/v1/keys/verify', { key: 'mm_key_x' })).toBe(503);
    const target = { kind: 'key', id: made.body['id'] };
    expect(await statusOf('POST', '/v1/revocations', { target, reason: 'a test' })).toBe(200);
    expect(await statusOf('GET', '/login')).not.toBe(503);
    expect(await statusOf('GET', '/readyz')).toBe(200);
    level = 0;
    expect(await statusOf('GET', '/openapi.json')).toBe(200);
  });

  it('goes by the path without its tenant', async () => {
    level = 1;
    expect(await statusOf('GET', '/t/acme/openapi.json')).toBe(503);
    expect(await statusOf('GET', '/t/acme/login')).not.toBe(503);
    expect(await statusOf('GET', '/docs')).toBe(503);
  });
});
