import { expect, it } from 'vitest';
import { copyTogether } from './backup.ts';

/** @param versions what the custody file holds at each reading */
async function copied(versions: readonly string[]): Promise<readonly unknown[]> {
  const readings = [...versions];
  let copies = 0;
  let discarded = 0;
  const custody = await copyTogether({
    copyDatabase: async () => {
      copies += 1;
    },
    discardCopy: () => {
      discarded += 1;
    },
    readCustody: () => Buffer.from(readings.shift() ?? ''),
  });
  return [String(custody), copies, discarded];
}

it('copies once where the custody file holds still', async () => {
  expect(await copied(['a', 'a'])).toEqual(['a', 1, 0]);
});

it('copies again where a root key was destroyed or made meanwhile', async () => {
  expect(await copied(['a b', 'b', 'b', 'b'])).toEqual(['b', 2, 1]);
});

it('makes no backup of what will not hold still', async () => {
  const fault = copied(['a', 'b', 'b', 'c', 'c', 'd']);
  await expect(fault).rejects.toMatchObject({ code: 'backup_custody_changed' });
});
