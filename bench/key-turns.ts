/**
 * How long a gateway is busy with one page of keys, parsing and taking it: nothing else is answered
 * meanwhile. A million keys, page by page; CPU time of the thread, so that what else runs on the
 * machine does not count.
 *
 * node bench/key-turns.ts
 */
import {
  defaultTenant,
  freshId,
  limits,
  parseFeedKeys,
  parseJson,
  type TenantId,
} from '@mintmark/core';
import { systemClock, systemEntropy } from '@mintmark/core/system';
import { StatusView } from '../packages/gateway/src/view/status-view.ts';

const pages = 1_000;
const tenant = defaultTenant as TenantId;
const view = new StatusView({ tenant, clock: systemClock, log: console.error });
const head = { tenant, epoch: 'e', head: 1, issuer: 'i', entries: [], nextKeys: '0' };
view.applySnapshot(head, systemClock.monotonicMs());
const turns: number[] = [];
for (let page = 0; page < pages; page++) {
  const text = pageText();
  const before = process.threadCpuUsage();
  const json = parseJson(text);
  const parsed = json.ok ? parseFeedKeys(json.value) : json;
  if (!parsed.ok) throw new Error('a page cannot be read');
  view.applyKeys(parsed.value, view.wantedKeys!);
  const { user, system } = process.threadCpuUsage(before);
  turns.push((user + system) / 1_000);
}
turns.sort((a, b) => a - b);
const of = (share: number): string => turns[Math.floor((pages - 1) * share)]!.toFixed(1);
console.log(`${view.keyCount} keys; a page p50 ${of(0.5)}, p99 ${of(0.99)}, most ${of(1)} ms`);

function pageText(): string {
  const hash = () => Buffer.from(systemEntropy.bytes(32)).toString('base64url');
  const entries = Array.from({ length: limits.feedKeysAtOnce }, (_, index) => {
    const own = { id: freshId(systemEntropy), tenant, status: 'active', owner: `team-${index}` };
    const rest = { scopes: ['read', 'write'], createdAt: 1_790_000_000_000 };
    const keys = { verifier: hash(), derivationKey: hash() };
    return { type: 'key', position: 1, key: { ...own, ...rest, ...keys } };
  });
  return JSON.stringify({ tenant, epoch: 'e', entries, nextKeys: '0' });
}
