import { type JsonValue, parseCidr, parseJson, type UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCrowdsecStream } from './crowdsec.ts';
import type { ListRead, ListResult } from './listed.ts';
import { formatNetworkKey, judgeNetwork, type NetworkRules, parseNetwork } from './network.ts';
import { readPlainList } from './plain-list.ts';
import { readTaxiiEnvelope } from './stix.ts';

const now = 1_790_000_000 as UnixSeconds;

function shown(result: ListResult) {
  if (!result.ok) return result.refusal;
  return shownRead(result.value);
}

function shownRead({ added, removed, passedOver }: ListRead) {
  return {
    added: added.map(({ network, reason, until }) => {
      return [formatNetworkKey(network.key), reason, until && until - now];
    }),
    removed: removed.map(({ key }) => formatNetworkKey(key)),
    passed: passedOver.examples.map(({ text, message }) => `${text} ${message}`),
  };
}

describe('plain lists', () => {
  it('hold an address or a block a line, with comments that become reasons', () => {
    const text = '# drop list\r\n203.0.113.7\r\n\n198.51.100.0/24 ; SBL1\n 2001:db8::/32# six\n';
    expect(shown(readPlainList(text))).toEqual({
      added: [
        ['203.0.113.7', '', undefined],
        ['198.51.100.0/24', 'SBL1', undefined],
        ['2001:db8::/32', 'six', undefined],
      ],
      removed: [],
      passed: [],
    });
  });

  it('pass over lines that are no address, and show the first five', () => {
    const read = readPlainList(['300.1.1.1', '10.0.0.1/8', ...Array(7).fill('<html>')].join('\n'));
    expect(read.ok && read.value.passedOver.count).toBe(9);
    expect(read.ok && read.value.passedOver.examples.map(({ message }) => message)).toEqual([
      'not an IPv4 or IPv6 address',
      'bits behind the prefix are not zero',
      ...Array(3).fill('not an IPv4 or IPv6 address'),
    ]);
  });

  it('carry nothing into a reason that steers a terminal', () => {
    const read = readPlainList('203.0.113.7 # red \u001b[31m alert\u0000');
    expect(read.ok && read.value.added[0]?.reason).toBe('red  [31m alert');
  });
});

describe('a stream of CrowdSec', () => {
  const decision = {
    ...{ id: 3, origin: 'cscli', scenario: 'crowdsecurity/ssh-bf', type: 'ban' },
    ...{ duration: '3h59m58.5s', scope: 'Ip', value: '203.0.113.7' },
  };

  it('brings what was decided and what has ended', () => {
    const range = { ...decision, scope: 'range', value: '198.51.100.0/24', duration: '10s' };
    const body = { new: [decision, range], deleted: [{ ...decision, value: '203.0.113.9' }] };
    expect(shown(readCrowdsecStream(body, now))).toEqual({
      added: [
        ['203.0.113.7', 'ban crowdsecurity/ssh-bf (cscli)', 14_398],
        ['198.51.100.0/24', 'ban crowdsecurity/ssh-bf (cscli)', 10],
      ],
      removed: ['203.0.113.9'],
      passed: [],
    });
  });

  it('may be empty', () => {
    const empty = { added: [], removed: [], passed: [] };
    expect(shown(readCrowdsecStream({ new: null, deleted: null }, now))).toEqual(empty);
    expect(shown(readCrowdsecStream({}, now))).toEqual(empty);
  });

  it('is passed over where a decision is about no address, or ends nobody knows when', () => {
    const others = [
      { ...decision, scope: 'Country', value: 'XX' },
      { ...decision, duration: 'for ever' },
      { ...decision, value: 'evil' },
    ];
    expect(shown(readCrowdsecStream({ new: others }, now))).toMatchObject({
      added: [],
      passed: [
        'Country XX is about no address',
        '203.0.113.7 has no duration',
        'evil not an IPv4 or IPv6 address',
      ],
    });
  });

  it.each([
    [[], 'the answer is no object'],
    [{ new: {} }, 'new is no list'],
    [{ deleted: 'x' }, 'deleted is no list'],
    [{ new: [null] }, 'new holds what is no decision'],
  ] as const)('refuses %j', (body, message) => {
    const refusal = { reason: 'malformed_list', message };
    expect(shown(readCrowdsecStream(body as unknown as JsonValue, now))).toEqual(refusal);
  });
});

describe('an envelope of TAXII', () => {
  const indicator = {
    ...{ type: 'indicator', id: 'indicator--1', name: 'scanner', pattern_type: 'stix' },
    ...{ pattern: "[ipv4-addr:value = '203.0.113.7']", valid_from: '2026-01-01T00:00:00Z' },
  };
  const read = (...objects: readonly object[]) => {
    const page = readTaxiiEnvelope({ objects } as unknown as JsonValue, now);
    return page.ok ? shownRead(page.value.list) : page.refusal;
  };

  it('lists the addresses of indicators until they end', () => {
    const until = new Date((now + 90) * 1000).toISOString();
    expect(read({ ...indicator, valid_until: until }, { type: 'malware' })).toEqual({
      added: [['203.0.113.7', 'scanner', 90]],
      removed: [],
      passed: [],
    });
  });

  it('takes off the list what is revoked or has ended', () => {
    const ended = { ...indicator, valid_until: '2026-01-02T00:00:00.000Z' };
    expect(read({ ...indicator, revoked: true }, ended)).toMatchObject({
      added: [],
      removed: ['203.0.113.7', '203.0.113.7'],
    });
  });

  it.each([
    ["[ipv4-addr:value ISSUBSET '198.51.100.0/24']", ['198.51.100.0/24']],
    ["[ipv6-addr:value = '2001:db8::1']", ['2001:db8::1']],
    ["[ipv4-addr:value IN ('203.0.113.1', '203.0.113.2')]", ['203.0.113.1', '203.0.113.2']],
    [
      "[ipv4-addr:value = '203.0.113.1' OR ipv6-addr:value = '2001:db8::2'] OR " +
        "[ ipv4-addr:value='203.0.113.3' ] ",
      ['203.0.113.1', '2001:db8::2', '203.0.113.3'],
    ],
  ])('reads %s', (pattern, addresses) => {
    const answer = read({ ...indicator, pattern });
    expect('added' in answer && answer.added.map(([address]) => address)).toEqual(addresses);
  });

  it.each([
    "[ipv4-addr:value = '203.0.113.1' AND network-traffic:dst_port = 22]",
    "[ipv4-addr:value != '203.0.113.1']",
    "[NOT ipv4-addr:value = '203.0.113.1']",
    "[domain-name:value = 'example.com']",
    "[ipv4-addr:value = '203.0.113.1'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.2']",
    "[ipv4-addr:value = '203.0.113.1'] WITHIN 30 SECONDS",
    '[ipv4-addr:value = 203.0.113.1]',
    "[ipv4-addr:value IN '203.0.113.1']",
    "[ipv4-addr:value = '203.0.113.1'",
    "[ipv4-addr:value = '203\\.0.113.1']",
    '',
    `[ipv4-addr:value IN (${Array(1_001).fill("'203.0.113.1'").join(',')})]`,
  ])('passes over a pattern that says more or less: %s', (pattern) => {
    expect(read({ ...indicator, pattern })).toMatchObject({
      added: [],
      passed: ['indicator--1 its pattern is not about addresses alone'],
    });
  });

  it.each([
    [{ pattern_type: 'snort' }, 'has no STIX pattern'],
    [{ valid_until: 'tomorrow' }, 'its valid_until is no moment'],
    [{ valid_from: 7 }, 'its valid_from is no moment'],
    [{ valid_from: '2099-01-01T00:00:00Z' }, 'is not valid yet'],
  ])('passes over an indicator with %j', (wrong, message) => {
    expect(read({ ...indicator, ...wrong })).toMatchObject({ passed: [`indicator--1 ${message}`] });
  });

  it('says whether there is more, and where', () => {
    const page = readTaxiiEnvelope({ more: true, next: 'abc' }, now);
    expect(page).toMatchObject({ ok: true, value: { more: true, next: 'abc' } });
  });

  it.each([
    [[], 'the envelope is no object'],
    [{ objects: {} }, 'objects is no list'],
    [{ objects: [1] }, 'objects holds what is no object'],
    [{ more: 'yes' }, 'more is neither true nor false'],
    [{ next: 1 }, 'next is no text'],
  ] as const)('refuses %j', (body, message) => {
    const refusal = { reason: 'malformed_list', message };
    expect(readTaxiiEnvelope(body as unknown as JsonValue, now)).toEqual({ ok: false, refusal });
  });
});

describe('whatever a source sends', () => {
  const any = fc.oneof(fc.string(), fc.json());
  it('its reader neither throws nor lists what is no block', () => {
    fc.assert(
      fc.property(any, (text) => {
        const json = parseJson(text);
        const value = json.ok ? json.value : null;
        const reads = [readPlainList(text), readCrowdsecStream(value, now)];
        for (const read of reads) {
          if (!read.ok) continue;
          for (const { network } of read.value.added) {
            expect(parseNetwork(formatNetworkKey(network.key)).ok).toBe(true);
          }
        }
        readTaxiiEnvelope(value, now);
      }),
    );
  });
});

describe('blocks', () => {
  const rules: NetworkRules = {
    widest: { ipv4: 8, ipv6: 19 },
    takesPrivate: false,
    protected: ['198.51.100.40', '2600:1::/48'].map((text) => {
      const range = parseCidr(text);
      if (!range.ok) throw new Error(text);
      return range.value;
    }),
  };
  const judge = (text: string, more: Partial<NetworkRules> = {}) => {
    const network = parseNetwork(text);
    if (!network.ok) return network.refusal.reason;
    return judgeNetwork(network.value, { ...rules, ...more })?.reason;
  };

  it.each([
    ['203.0.113.7', undefined],
    ['45.0.0.0/8', undefined],
    ['2600:2::/32', undefined],
    ['0.0.0.0/0', 'too_wide'],
    ['44.0.0.0/7', 'too_wide'],
    ['::/0', 'too_wide'],
    ['2000::/18', 'too_wide'],
    ['10.1.2.3', 'not_public'],
    ['192.168.0.0/16', 'not_public'],
    ['127.0.0.1', 'not_public'],
    ['172.0.0.0/8', 'not_public'],
    ['169.254.169.254', 'not_public'],
    ['fe80::1', 'not_public'],
    ['::ffff:10.0.0.1', 'not_public'],
    ['198.51.100.40', 'protected'],
    ['198.51.0.0/16', 'protected'],
    ['2600:1:0:7::/64', 'protected'],
    ['2600::/20', 'protected'],
    ['1.2.3', 'malformed'],
    ['010.0.0.1', 'malformed'],
  ])('%s: %s', (text, reason) => {
    expect(judge(text)).toBe(reason);
  });

  it('are taken wider, or private, where the feed was permitted to', () => {
    expect(judge('44.0.0.0/7', { widest: { ipv4: 1, ipv6: 1 } })).toBeUndefined();
    expect(judge('10.1.2.3', { takesPrivate: true })).toBeUndefined();
  });

  it('say what they hold that is protected', () => {
    const network = parseNetwork('198.51.0.0/16');
    expect(network.ok && judgeNetwork(network.value, rules)?.message).toBe(
      'holds 198.51.100.40, which this installation protects',
    );
  });
});
