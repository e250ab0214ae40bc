/**
 * Minting against the end of a tenant, through three authorities over one store: whatever wins, no
 * token is good after the acknowledgement.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { openRaceStores, racedStores } from './store/conformance/race-stores.ts';
import { addTenant } from './tenant-bed.ts';

const callers = 30;
const trials = 5;

type Bed = Awaited<ReturnType<typeof authorityBed>>;

describe.each(racedStores)('on %s', (kind) => {
  let close: () => Promise<void> = async () => undefined;
  let bed: Bed;
  let processes: readonly Pick<Bed, 'post'>[] = [];

  beforeAll(async () => {
    const opened = await openRaceStores(kind);
    close = opened.close;
    const [first, ...more] = opened.stores;
    bed = await authorityBed(1, first);
    const others = more.map((store) => bed.replica(store));
    processes = [bed, ...(await Promise.all(others))];
  });
  afterAll(() => close());

  it('leaves no live token of a tenant that was disabled', async () => {
    for (let trial = 0; trial < trials; trial++) {
      const tenant = await addTenant(bed, `t${trial}`);
      const client = await tenant.addClient({ access_token_format: trial % 2 ? 'opaque' : 'jwt' });
      const form = { grant_type: 'client_credentials' };
      const mint = (i: number) =>
        processes[i % processes.length]!.post(tenant.at('/oauth2/token'), form, client);
      await Promise.all(processes.map((_, i) => mint(i)));
      const asked = Array.from({ length: callers }, (_, i) => mint(i));
      const path = `/v1/tenants/${tenant.tenant}`;
      const turn = (status: string) =>
        bed.manage('PATCH', path, { json: { status }, ifMatch: '*' });
      expect((await turn('disabled')).status).toBe(200);
      const late = await Promise.all(processes.map((_, i) => mint(i)));
      expect(late.filter(({ status }) => status === 200)).toEqual([]);
      const minted = (await Promise.all(asked)).filter(({ status }) => status === 200);
      expect((await turn('active')).status).toBe(200);
      for (const { json } of minted) {
        const token = String(json['access_token']);
        const told = await bed.post(tenant.at('/oauth2/introspect'), { token }, client);
        expect(told.json).toEqual({ active: false });
      }
      expect((await mint(0)).status).toBe(200);
    }
  });
});
