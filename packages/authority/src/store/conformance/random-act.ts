/** Acts at random, over few keys, so that most of them meet what others left. */
import type { TenantId } from '@mintmark/core';
import type { Act, FeedDraft, Step } from '../act.ts';
import type { TableName } from '../tables.ts';
import { auditRow, clientRow, deviceRow, nodeRow, revocationDraft, tokenRow } from './rows.ts';

/** The tables that random acts touch; their final rows are compared. */
export const randomTables = [
  'clients',
  'nodes',
  'tokens',
  'deviceGrants',
  'feed',
  'feedHead',
  'revocations',
  'auditPending',
] as const satisfies readonly TableName[];

export interface Dice {
  /** A whole number from 0 to below `count`. */
  below(count: number): number;
}

/** xorshift32: the same seed rolls the same numbers. */
export function seededDice(seed: number): Dice {
  let state = seed >>> 0 || 1;
  return {
    below(count) {
      state ^= state << 13;
      state >>>= 0;
      state ^= state >>> 17;
      state ^= state << 5;
      state >>>= 0;
      return state % count;
    },
  };
}

/**
 * @param input.shape decides which steps there are, and what they look like
 * @param input.dice decides the values in them
 */
export function randomAct(input: Context & { number: number }): Act {
  const { shape, dice, tenant, number } = input;
  const branch = () => ({
    steps: Array.from({ length: shape.below(4) }, () => randomStep(input)),
    audit: shape.below(3) === 0 ? null : auditRow(tenant, { id: auditId(dice, tenant, number) }),
  });
  const act: Act = branch();
  if (shape.below(2) === 0) return act;
  return { ...act, otherwise: { r0: branch(), r1: branch() } };
}

/** Never taken: SQLite enters records in its log at once, where nothing looks for a second one. */
function auditId(dice: Dice, tenant: string, number: number): string {
  return `${tenant} ${number} ${dice.below(1e6)}`;
}

interface Context {
  readonly shape: Dice;
  readonly dice: Dice;
  readonly tenant: TenantId;
}

type Refusing = Context & { readonly refused: string };

function randomStep(context: Context): Step {
  const { shape } = context;
  const refusing = { ...context, refused: `r${shape.below(3)}` };
  switch (shape.below(6)) {
    case 0:
      return clientStep(refusing);
    case 1:
    case 2:
      return nodeStep(refusing);
    case 3:
      return tokenStep(refusing);
    case 4:
      return deviceStep(refusing);
    default:
      return feedStep(refusing);
  }
}

function clientStep({ shape, dice, tenant, refused }: Refusing): Step {
  const clientId = `c${dice.below(4)}`;
  const status = () => (dice.below(2) === 0 ? 'active' : 'disabled');
  const where = { tenant, clientId, status: status() };
  const row = clientRow(tenant, clientId, dice.below(9));
  const table = 'clients';
  switch (shape.below(5)) {
    case 0:
      return { do: 'insert', table, row, refused };
    case 1:
      return { do: 'require', table, where, refused };
    case 2: {
      const set = { status: status(), metadata: { n: dice.below(1_000) / 8 } };
      return { do: 'update', table, where, set, refused };
    }
    case 3:
      return { do: 'delete', table, where, refused };
    default:
      return { do: 'insertMany', table, rows: [row, clientRow(tenant, `d${dice.below(40)}`)] };
  }
}

function nodeStep({ shape, dice, tenant, refused }: Refusing): Step {
  const row = nodeRow(tenant, `n${dice.below(5)}`, dice.below(5));
  const table = 'nodes';
  const is = (['>', '>=', '<', '<=', '!='] as const)[shape.below(5)]!;
  const where = { tenant, position: { is, value: dice.below(5) } };
  const may = shape.below(2) === 0 ? {} : { refused };
  switch (shape.below(6)) {
    case 0:
      return { do: 'put', table, row };
    case 1:
      return { do: 'merge', table, row, set: { position: { add: 1 }, epoch: `e${dice.below(3)}` } };
    case 2:
      return { do: 'update', table, where, set: { seenAt: { add: -3 } }, ...may };
    case 3:
      return { do: 'delete', table, where: { tenant, node: row.node }, ...may };
    case 4: {
      const keys = [row.node, 'n0', 'nobody'].slice(dice.below(3)).map((node) => [tenant, node]);
      return { do: 'deleteMany', table, keys };
    }
    default:
      return { do: 'require', table, where, refused };
  }
}

function tokenStep({ shape, dice, tenant, refused }: Refusing): Step {
  const partition = 40_000 + dice.below(4);
  const id = `t${dice.below(4)}`;
  const family = shape.below(2) === 0 ? null : 'f';
  const where = { partition, tenant, family };
  const table = 'tokens';
  switch (shape.below(4)) {
    case 0:
      return { do: 'update', table, where, set: { family: dice.below(2) === 0 ? null : 'g' } };
    case 1:
      return { do: 'delete', table, where: { partition, tenant, id }, refused };
    case 2:
      return { do: 'require', table, where, refused };
    default:
      return { do: 'insert', table, row: { ...tokenRow(partition, tenant, id), family }, refused };
  }
}

function deviceStep({ shape, dice, tenant, refused }: Refusing): Step {
  const row = deviceRow(tenant, `d${dice.below(4)}`, `u${dice.below(6)}`);
  const status = (['pending', 'approved'] as const)[dice.below(2)]!;
  const table = 'deviceGrants';
  switch (shape.below(4)) {
    case 0: {
      const polledAt = dice.below(2) === 0 ? null : dice.below(9);
      const set = { status, polledAt, approval: shape.below(2) === 0 ? null : { n: 1 } };
      return { do: 'update', table, where: { tenant, id: row.id, status: 'pending' }, set };
    }
    case 1:
      return { do: 'delete', table, where: { tenant, userCode: row.userCode }, refused };
    default:
      return { do: 'insert', table, row, refused };
  }
}

function feedStep({ shape, dice, tenant, refused }: Refusing): Step {
  const id = `c${dice.below(4)}`;
  const at = dice.below(1_000_000);
  if (shape.below(3) === 0) {
    const position = { is: '>', value: dice.below(60) } as const;
    const where = { tenant, targetKind: 'client', targetId: id, position };
    return { do: 'absent', table: 'feed', where, refused };
  }
  const route = { type: 'route', name: id, route: null } as FeedDraft;
  const entries = [route, revocationDraft(id, at)].slice(dice.below(2));
  if (shape.below(2) === 0) return { do: 'feed', tenant, entries, at };
  const target = { targetKind: 'client', targetId: id };
  const revocation = { tenant, id: `r${dice.below(60)}`, ...target, reason: '', actor: '', at };
  return { do: 'feed', tenant, entries, at, revocation };
}
