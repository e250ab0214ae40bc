import { type JsonValue, parseJson, type UnixSeconds } from '@mintmark/core';
import {
  formatNetworkKey,
  judgeNetwork,
  type ListRead,
  parseNetwork,
  readCrowdsecStream,
  readPlainList,
  readTaxiiEnvelope,
} from '@mintmark/detection';
import { type Harness, invariant, utf8Text } from '../harness.ts';

const now = 1_790_000_000 as UnixSeconds;
const rules = { widest: { ipv4: 8, ipv6: 19 }, takesPrivate: false, protected: [] };

const decision = { scope: 'Ip', value: '203.0.113.7', duration: '4h1m2.5s', scenario: 's' };
const indicator = {
  ...{ type: 'indicator', id: 'indicator--1', pattern_type: 'stix' },
  pattern: "[ipv4-addr:value = '203.0.113.7' OR ipv6-addr:value IN ('2001:db8::/32')]",
};

/** Whatever a source sends, read in all three ways: what is listed is a block, and may be. */
export const readThreatListHarness: Harness = {
  name: 'read-threat-list',
  seeds: [
    '203.0.113.7\n198.51.100.0/24 # reason\n2001:db8::/32;\n',
    JSON.stringify({ new: [decision], deleted: [{ ...decision, scope: 'Range' }] }),
    JSON.stringify({ more: true, next: 'n', objects: [indicator] }),
    JSON.stringify({ objects: [{ ...indicator, valid_until: '2026-01-01T00:00:00Z' }] }),
    '0.0.0.0/0\n::/0\n10.0.0.0/8',
  ],
  dictionary: [
    ...['/', '/0', '/32', '::', '::ffff:', '#', ';', '\n', "'", '[', ']', ' OR ', ' IN '],
    ...['"new"', '"deleted"', '"objects"', '"revoked":true', 'ISSUBSET', 'ipv4-addr:value'],
    ...['-1s', '1h', '9e99', '"valid_until":', '"scope":"Range"', 'null'],
  ],
  run(input) {
    const text = utf8Text(input);
    const plain = readPlainList(text);
    invariant(plain.ok, 'a plain list is refused');
    const told = [behaviourOf('plain', plain.value)];
    const json = parseJson(text);
    if (!json.ok) return [...told, json.refusal.reason].join(' ');
    for (const read of [readCrowdsecStream(json.value, now), taxii(json.value)]) {
      told.push(read.ok ? behaviourOf('json', read.value) : read.refusal.message);
    }
    return told.join(' ');
  },
};

function taxii(value: JsonValue) {
  const page = readTaxiiEnvelope(value, now);
  return page.ok ? ({ ok: true, value: page.value.list } as const) : page;
}

function behaviourOf(kind: string, { added, removed, passedOver }: ListRead): string {
  for (const { network, reason } of added) {
    const text = formatNetworkKey(network.key);
    const again = parseNetwork(text);
    invariant(again.ok && again.value.key === network.key, 'another block when written');
    invariant(/^[\x20-\x7e\u00a0-\uffff]*$/.test(reason), 'a reason that steers a terminal');
    const { bits } = network;
    const isWide = bits < (network.range.family === 4 ? 8 : 19);
    const refusal = judgeNetwork(network, rules);
    invariant(!isWide || refusal?.reason === 'too_wide', 'a wide block is taken');
  }
  const sizes = [added, removed].map(({ length }) => Math.min(length, 2));
  return [kind, ...sizes, Math.min(passedOver.count, 2)].join(':');
}
