/** After `close` a store answers nothing, and says why. */
import { describe, expect, it } from 'vitest';
import type { Store } from '../store.ts';
import { freshTenant, nodeRow } from './rows.ts';

export function describeClosing(open: () => Promise<readonly Store[]>): void {
  describe('a closed store', () => {
    it('has finished what was asked before, and refuses the rest', async () => {
      const stores = await open();
      const [store] = stores;
      const row = nodeRow(freshTenant(), 'a');
      const act = { steps: [{ do: 'put', table: 'nodes', row }], audit: null } as const;
      const asked = store!.acts.run(act);
      await Promise.all(stores.map(({ upkeep }) => upkeep.close()));
      expect(await asked).toMatchObject({ outcome: 'done' });
      const closed = { code: 'store_closed' };
      await expect(store!.acts.run(act)).rejects.toMatchObject(closed);
      await expect(store!.nodes.get(row.tenant, 'a')).rejects.toMatchObject(closed);
      await expect(store!.nodes.list({ limit: 1 })).rejects.toMatchObject(closed);
      await expect(store!.nodes.count()).rejects.toMatchObject(closed);
      await expect(store!.upkeep.check()).rejects.toMatchObject(closed);
      await store!.upkeep.close();
    });
  });
}
