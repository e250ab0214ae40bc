import { limits, manualClock, type TenantId } from '@mintmark/core';
import { beforeEach, expect, it } from 'vitest';
import { registrationOff } from '../clients/registration.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { createTenantDirectory, type TenantDirectory } from './directory.ts';

const clock = manualClock(1_790_000_000_000);
const defaults = {
  registration: registrationOff,
  sessions: { idleSeconds: 1, absoluteSeconds: 2 },
  branding: { name: 'Mintmark', color: '#000000' },
};

let store: Store;
let directory: TenantDirectory;
let reads: string[];

beforeEach(() => {
  store = openMemoryStore();
  reads = [];
  const tenants: Store['tenants'] = {
    ...store.tenants,
    async get(...key) {
      reads.push(String(key[0]));
      return store.tenants.get(...key);
    },
  };
  directory = createTenantDirectory({ store: { tenants }, clock, defaults });
});

async function put(tenant: string, more: Partial<Row<'tenants'>> = {}): Promise<void> {
  const row: Row<'tenants'> = {
    ...{ tenant, name: tenant, status: 'active', createdAt: 1, version: 1 },
    ...{ settings: null, sessionsEndedBefore: null, ...more },
  };
  const act = { steps: [{ do: 'put', table: 'tenants', row } as const], audit: null };
  await store.acts.run(act);
  directory.forget(act);
}

const statusOf = (name: string) => directory.within(name as TenantId, ({ status }) => status);

it('reads a tenant once for many requests, and again when the time is over', async () => {
  await put('acme');
  for (let i = 0; i < 3; i++) expect(await statusOf('acme')).toBe('active');
  expect(reads).toEqual(['acme']);
  clock.advanceMs(limits.tenantViewMs);
  await statusOf('acme');
  expect(reads).toEqual(['acme', 'acme']);
});

it('sees a change of this process at once, and one of another within the bound', async () => {
  await put('acme');
  await statusOf('acme');
  await put('acme', { status: 'disabled' });
  expect(await statusOf('acme')).toBe('disabled');
  await put('acme', { status: 'deleted' });
  expect(await statusOf('acme')).toBeUndefined();
  expect(await statusOf('nobody')).toBeUndefined();
});

it('holds a bounded number of tenants, and those in use whatever happens', async () => {
  await put('first');
  await directory.within('first' as TenantId, async () => {
    for (let i = 0; i < limits.tenantsHeldMax + 10; i++) {
      await put(`t${i}`);
      await statusOf(`t${i}`);
    }
    expect(directory.size).toBeLessThanOrEqual(limits.tenantsHeldMax + 1);
    expect(directory.policy('first' as TenantId).branding.name).toBe('Mintmark');
  });
  expect(() => directory.policy('t0' as TenantId)).toThrow('was not entered');
});

it('joins what a tenant has of its own with what the configuration says', async () => {
  const branding = { name: 'ACME', color: '#112233' };
  await put('acme', { settings: JSON.stringify({ branding }), sessionsEndedBefore: 7 });
  await directory.within('acme' as TenantId, ({ policy }) => {
    expect(policy.branding).toEqual(branding);
    expect(policy.sessions).toEqual({ ...defaults.sessions, endedBefore: 7 });
    expect(policy.registration).toBe(registrationOff);
  });
});

it('refuses settings that a newer program wrote', async () => {
  await put('acme', { settings: JSON.stringify({ unheard: 1 }) });
  await expect(statusOf('acme')).rejects.toMatchObject({ code: 'store_newer' });
});

it('does not remember what was read before a change and arrived after it', async () => {
  await put('acme');
  const reading = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const slow: Store['tenants'] = {
    ...store.tenants,
    async get(...key) {
      const row = await store.tenants.get(...key);
      reading.resolve();
      await released.promise;
      return row;
    },
  };
  directory = createTenantDirectory({ store: { tenants: slow }, clock, defaults });
  const early = statusOf('acme');
  await reading.promise;
  await put('acme', { status: 'disabled' });
  released.resolve();
  expect(await early).toBe('active');
  expect(await statusOf('acme')).toBe('disabled');
});
