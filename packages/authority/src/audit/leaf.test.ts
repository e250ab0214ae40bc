import { createHmac } from 'node:crypto';
import {
  type AuditEvent,
  canonicalJson,
  defaultTenant,
  parseJson,
  type UnixMs,
  utf8,
} from '@mintmark/core';
import { assert, constantFrom, option, property, record, string, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitTo, leafBytes, parseLeaf, renderLeaf, renderPersonal } from './leaf.ts';

const at = 1_700_000_000_123 as UnixMs;

const event: AuditEvent = {
  tenant: defaultTenant,
  action: 'key.rotate',
  at,
  actor: { kind: 'admin_key', id: 'a1' },
  object: { kind: 'key', id: 'k1' },
  related: { kind: 'key', id: 'k2' },
  result: 'done',
  why: 'schedule',
  detail: { overlap_seconds: 60, scopes: ['b', 'a'], Ä: true, a: 'x' },
  requestId: 'r1',
};

describe('a leaf', () => {
  it('is this text', () => {
    expect(renderLeaf('id1', event, 'c0ffee')).toBe(
      '{"action":"key.rotate","actor":{"id":"a1","kind":"admin_key"},' +
        '"detail":{"a":"x","overlap_seconds":60,"scopes":["b","a"],"Ä":true},' +
        '"id":"id1","object":{"id":"k1","kind":"key"},"personal_commitment":"c0ffee",' +
        '"related":{"id":"k2","kind":"key"},"request_id":"r1","result":"done",' +
        '"tenant":"default","time":"2023-11-14T22:13:20.123Z","v":1,"why":"schedule"}',
    );
  });

  it('is read back as it was written', () => {
    expect(parseLeaf(utf8(renderLeaf('id1', event, 'c0ffee')))).toEqual({
      id: 'id1',
      time: '2023-11-14T22:13:20.123Z',
      tenant: 'default',
      action: 'key.rotate',
      actor: { kind: 'admin_key', id: 'a1' },
      object: { kind: 'key', id: 'k1' },
      related: { kind: 'key', id: 'k2' },
      result: 'done',
      why: 'schedule',
      detail: { overlap_seconds: 60, scopes: ['b', 'a'], Ä: true, a: 'x' },
      requestId: 'r1',
      personalCommitment: 'c0ffee',
    });
  });

  it('is canonical whatever the strings are, lone surrogates included', () => {
    const text = string({ unit: 'binary' });
    const anyEvent = record({
      why: option(text, { nil: undefined }),
      requestId: option(text, { nil: undefined }),
      result: text,
      key: text.filter((name) => name !== '__proto__' && name.isWellFormed()),
      value: text,
      broken: constantFrom('', '\ud800', 'a\udfffb'),
    });
    assert(
      property(anyEvent, ({ why, requestId, result, key, value, broken }) => {
        const written = renderLeaf(
          'id1',
          {
            ...event,
            result: result + broken,
            detail: { [key]: value + broken, list: [value + broken] },
            ...(why === undefined ? {} : { why: why + broken }),
            ...(requestId === undefined ? {} : { requestId: requestId + broken }),
          },
          undefined,
        );
        const parsed = parseJson(written);
        expect(parsed.ok && canonicalJson(parsed.value)).toBe(written);
        expect(parseLeaf(utf8(written))).toBeDefined();
        expect(leafBytes(JSON.parse(written))).toEqual(utf8(written));
      }),
    );
  });

  it('is refused where it is not canonical, or a member has another type', () => {
    const good = renderLeaf('id1', event, 'c0ffee');
    const bad = [
      good.replace(':', ': '),
      good.slice(0, -1),
      `${good} `,
      good.replace('"v":1', '"v":2'),
      good.replace('"id":"id1"', '"id":1'),
      good.replace('"why":"schedule"', '"why":1'),
      good.replace('{"id":"k1","kind":"key"}', '{"id":"k1"}'),
      good.replace('{"id":"a1","kind":"admin_key"}', '"a1"'),
      good.replace('{"id":"k2","kind":"key"}', 'null'),
      good.replace(/"detail":\{[^}]*\}/, '"detail":[]'),
      '[]',
      '',
    ];
    for (const text of bad) expect(parseLeaf(utf8(text)), text).toBeUndefined();
    expect(parseLeaf(Uint8Array.of(0xff))).toBeUndefined();
  });

  it('cannot hold a number that JSON cannot', () => {
    const broken = { ...event, detail: { count: Number.NaN } };
    expect(() => renderLeaf('id1', broken, undefined)).toThrow(TypeError);
  });
});

describe('personal data', () => {
  it('is written canonically, and not at all where there is none', () => {
    expect(renderPersonal({ userAgent: 'curl', address: '192.0.2.1' })).toBe(
      '{"address":"192.0.2.1","userAgent":"curl"}',
    );
    expect(renderPersonal({ note: 'a\ud800' })).toBe('{"note":"a\ufffd"}');
    expect(renderPersonal({})).toBeUndefined();
    expect(renderPersonal(undefined)).toBeUndefined();
  });

  it('is committed to by HMAC-SHA-256 under its salt', () => {
    // RFC 4231 §4.3, test case 2.
    expect(commitTo(utf8('Jefe'), 'what do ya want for nothing?')).toBe(
      Buffer.from(
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
        'hex',
      ).toString('base64url'),
    );
    assert(
      property(uint8Array({ maxLength: 64 }), string({ unit: 'grapheme' }), (salt, text) => {
        const expected = createHmac('sha256', salt).update(text).digest('base64url');
        expect(commitTo(salt, text)).toBe(expected);
      }),
    );
    expect(() => commitTo(new Uint8Array(65), 'x')).toThrow(RangeError);
  });
});
