import {
  type AuditEvent,
  CustodyFault,
  concatBytes,
  defaultTenant,
  manualClock,
  seededEntropy,
  type Timers,
  type UnixMs,
  utf8,
} from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { exportAudit, headAt } from './export.ts';
import { createRecorder, type PersonalSealer } from './record.ts';
import { createSequencer } from './sequencer.ts';
import { verifyAudit } from './verify.ts';
import { verifyExport } from './verify-export.ts';

const clock = manualClock(1_700_000_000_000);
const timers: Pick<Timers, 'after'> = {
  after(_ms, run) {
    queueMicrotask(run);
    return () => undefined;
  },
};
const size = 6;

/** Marks instead of encrypting; opens nothing of the tenant whose key is `lost`. */
function markingSealer(lost?: string): PersonalSealer {
  return {
    seal: async (_, context, plaintext) => concatBytes(utf8(`${context}|`), plaintext),
    async open(tenant, context, sealed) {
      if (tenant === lost) throw new CustodyFault('custody_unknown_key', 'gone');
      return sealed.subarray(context.length + 1);
    },
  };
}

const sealer = markingSealer();
let store: Store;

beforeEach(async () => {
  store = openMemoryStore();
  const recorder = createRecorder({ sealer, entropy: seededEntropy(5), clock });
  for (let i = 0; i < size; i++) {
    await store.acts.run({ steps: [], audit: await recorder.record(eventOf(`k${i}`)) });
  }
  await createSequencer({ store, clock }).tick();
});

function eventOf(id: string): AuditEvent {
  return {
    tenant: defaultTenant,
    action: 'key.create',
    at: clock.nowMs() as UnixMs,
    actor: { kind: 'system', id: 'test' },
    object: { kind: 'key', id },
    related: { kind: 'key', id: 'k0' },
    result: 'done',
    personal: { address: '192.0.2.1' },
  };
}

async function edit(index: number, set: Partial<Row<'auditLog'>>): Promise<void> {
  await store.acts.run({
    steps: [{ do: 'update', table: 'auditLog', where: { index }, set, refused: 'none' }],
    audit: null,
  });
}

async function exported(withPersonal = true): Promise<string> {
  const ports = { store, clock, ...(withPersonal ? { sealer } : {}) };
  let text = '';
  for await (const line of exportAudit(ports)) text += line;
  return text;
}

async function* chunksOf(text: string, bytes: number): AsyncGenerator<Uint8Array> {
  const whole = utf8(text);
  for (let at = 0; at < whole.length; at += bytes) yield whole.subarray(at, at + bytes);
}

async function fileProblems(text: string): Promise<readonly unknown[]> {
  return (await verifyExport(chunksOf(text, 1000))).problems;
}

describe('an exported file', () => {
  it('verifies by itself, in pieces of any size, with and without personal data', async () => {
    const text = await exported();
    expect(text.split('\n')).toHaveLength(size + 2);
    expect(text).toContain('192.0.2.1');
    for (const bytes of [1, 7, 100_000]) {
      const report = await verifyExport(chunksOf(text, bytes));
      expect(report).toMatchObject({ ok: true, problems: [], head: { size } });
    }
    const bare = await exported(false);
    expect(bare).not.toContain('192.0.2.1');
    expect(await fileProblems(bare)).toEqual([]);
    expect(await fileProblems(bare.trimEnd())).toEqual([]);
  });

  it('continues an earlier one', async () => {
    const full = await verifyAudit({ store, clock, timers });
    const start = { size: 2, chain: (await store.auditLog.get(1))?.chain as Uint8Array };
    let text = '';
    for await (const line of exportAudit({ store, clock }, { start })) text += line;
    const report = await verifyExport(chunksOf(text, 500), { anchors: [full.head] });
    expect(report).toMatchObject({ ok: true, head: { size } });
    expect(text.split('\n')).toHaveLength(size);
  });

  it('verifies pages that follow one another, and no others', async () => {
    const pages: string[] = [];
    for (const [from, leavesMax] of [
      [0, 2],
      [2, 3],
      [5, 9],
    ] as const) {
      let text = '';
      const start = await headAt(store, from);
      for await (const line of exportAudit({ store, clock }, { start, leavesMax })) text += line;
      pages.push(text);
    }
    const [first, second, third] = pages as [string, string, string];
    expect(await fileProblems(first + second + third)).toEqual([]);
    const wrong = expect.objectContaining({ problem: 'wrong_page' });
    expect(await fileProblems(first + third)).toContainEqual(wrong);
    expect(await fileProblems(first + first + second)).toContainEqual(wrong);
    const cut = first.trimEnd().split('\n').slice(0, -1).join('\n');
    expect(await fileProblems(`${cut}\n${second}`)).toContainEqual(wrong);
  });

  it('shows pages that were cut off at either end, where the whole log is asked for', async () => {
    const pages: string[] = [];
    for (const from of [0, 2, 4]) {
      const start = await headAt(store, from);
      let text = '';
      for await (const line of exportAudit({ store, clock }, { start, leavesMax: 2 })) text += line;
      pages.push(text);
    }
    const judged = async (
      some: readonly string[],
      anchors: { size: number; chain: Uint8Array }[],
    ) => (await verifyExport(chunksOf(some.join(''), 1000), { whole: true, anchors })).problems;
    expect(await judged(pages, [])).toEqual([]);
    expect(await judged(pages.slice(1), [])).toEqual([
      { problem: 'unknown_start', index: 0, count: 2 },
    ]);
    expect(await judged(pages.slice(1), [await headAt(store, 2)])).toEqual([]);
    expect(await judged(pages.slice(0, 2), [])).toEqual([
      { problem: 'truncated', index: 4, count: 2 },
    ]);
    expect(await fileProblems(pages[1]!)).toEqual([]);
  });

  it('shows edit, deletion, reordering, doubling and truncation', async () => {
    const lines = (await exported()).trimEnd().split('\n');
    const file = (changed: readonly string[]) => fileProblems(`${changed.join('\n')}\n`);
    const edited = lines.with(3, lines[3]!.replace('"done"', '"gone"'));
    expect(await file(edited)).toEqual([{ problem: 'wrong_chain', index: 2 }]);
    expect(await file(lines.toSpliced(3, 1))).toEqual([{ problem: 'missing', index: 2, count: 1 }]);
    const swapped = lines.with(3, lines[4]!).with(4, lines[3]!);
    expect(await file(swapped)).toEqual([
      { problem: 'missing', index: 2, count: 1 },
      { problem: 'out_of_order', index: 2 },
    ]);
    expect(await file([...lines, lines[size]!])).toEqual([
      { problem: 'out_of_order', index: size - 1 },
    ]);
    expect(await file(lines.slice(0, -2))).toEqual([
      { problem: 'truncated', index: size - 2, count: 2 },
    ]);
    expect(await file(lines.slice(0, 1))).toEqual([
      { problem: 'truncated', index: 0, count: size },
    ]);
  });

  it('shows personal data or salt that is not what the leaf committed to', async () => {
    const lines = (await exported()).trimEnd().split('\n');
    const address = lines.with(2, lines[2]!.replace('192.0.2.1', '192.0.2.2'));
    expect(await fileProblems(address.join('\n'))).toEqual([
      { problem: 'wrong_personal', index: 1 },
    ]);
    const salt = lines.with(2, lines[2]!.replace(/"salt":"./, '"salt":"_'));
    expect(await fileProblems(salt.join('\n'))).toEqual([{ problem: 'wrong_personal', index: 1 }]);
  });

  it('names a line that is damaged', async () => {
    const lines = (await exported()).trimEnd().split('\n');
    const bad = ['', '{', '[]', '{"index":-1}', '{"index":1,"chain":"!","leaf":{}}'];
    const salts = ['1', '"AAAA"', `"${'A'.repeat(200)}"`];
    const salted = salts.map((salt) => lines[2]!.replace(/"salt":"[^"]*"/, `"salt":${salt}`));
    for (const line of [...bad, ...salted]) {
      const found = await fileProblems(lines.with(2, line).join('\n'));
      expect(found).toContainEqual({ problem: 'malformed_line', line: 3 });
    }
    const long = await fileProblems(lines.with(2, `{"x":"${'y'.repeat(300_000)}"}`).join('\n'));
    expect(long).toContainEqual({ problem: 'malformed_line', line: 3 });
  });

  it('refuses a file that is no export', async () => {
    for (const text of ['', 'hello\n', '{"format":"other"}\n', '{"format":"mintmark-audit-1"}\n']) {
      await expect(verifyExport(chunksOf(text, 10))).rejects.toMatchObject({
        code: 'audit_not_an_export',
      });
    }
  });

  it('does not let stored bytes break out of their line', async () => {
    const row = (await store.auditLog.get(2)) as Row<'auditLog'>;
    const leaf = concatBytes(row.leaf, utf8('}\n{"index":99}'));
    await edit(2, { leaf });
    const text = await exported();
    expect(text.split('\n')).toHaveLength(size + 2);
    expect(await fileProblems(text)).toContainEqual({ problem: 'malformed_line', line: 4 });
  });
});
