import { limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { Entities, type EntityInput } from './entities.ts';
import { EntityUid } from './entity-uid.ts';
import { parseEntities } from './value-json.ts';

const uid = (id: string): EntityUid => new EntityUid('T', id);

/** `"a<b,c"`: a with the parents b and c. */
function inputs(...lines: readonly string[]): EntityInput[] {
  return lines.map((line) => {
    const [id, parents] = line.split('<');
    return { uid: uid(id!), parents: parents === undefined ? [] : parents.split(',').map(uid) };
  });
}

function entitiesOf(...lines: readonly string[]): Entities {
  const made = Entities.of(inputs(...lines));
  if (!made.ok) throw new Error(made.refusal.reason);
  return made.value;
}

function above(entities: Entities, id: string): string[] {
  return [...entities.get(uid(id))!.ancestors].map((key) => key.slice(4, -1)).sort();
}

describe('Entities', () => {
  it('closes the hierarchy, through parents that are no entities as far as they go', () => {
    const entities = entitiesOf('a<b', 'b<c,d', 'c<e', 'x<ghost');
    expect(above(entities, 'a')).toEqual(['b', 'c', 'd', 'e']);
    expect(above(entities, 'x')).toEqual(['ghost']);
  });

  it('refuses duplicates, cycles and endless hierarchies', () => {
    expect(Entities.of(inputs('a', 'a'))).toMatchObject({
      refusal: { reason: 'duplicate_entity', entity: 'T::"a"' },
    });
    for (const lines of [['a<a'], ['a<b', 'b<a'], ['a<b', 'b<c', 'c<d,a', 'd']]) {
      expect(Entities.of(inputs(...lines))).toMatchObject({ refusal: { reason: 'cycle' } });
    }
    const chain = Array.from(
      { length: limits.policyAncestorsMax + 2 },
      (_, at) => `${at}<${at + 1}`,
    );
    expect(Entities.of(inputs(...chain))).toMatchObject({
      refusal: { reason: 'too_many_ancestors' },
    });
  });

  it('takes a request’s own entities on top, and keeps the snapshot as it was', () => {
    const base = entitiesOf('group<org', 'org');
    const both = base.with(inputs('me<team', 'team<group'));
    if (!both.ok) throw new Error(both.refusal.reason);
    expect(above(both.value, 'me')).toEqual(['group', 'org', 'team']);
    expect(both.value.get(uid('org'))).toBe(base.get(uid('org')));
    expect(base.get(uid('me'))).toBeUndefined();
    expect([...both.value].map((entity) => entity.uid.id).sort()).toEqual([
      'group',
      'me',
      'org',
      'team',
    ]);
    expect(both.value.with(inputs('me', 'me')).ok).toBe(false);
  });

  it('closes anew where an added entity stands between those below it and those above', () => {
    const base = entitiesOf('me<ghost', 'org');
    const both = base.with(inputs('ghost<org'));
    if (!both.ok) throw new Error(both.refusal.reason);
    expect(above(both.value, 'me')).toEqual(['ghost', 'org']);
    const replaced = both.value.with(inputs('ghost<elsewhere'));
    if (!replaced.ok) throw new Error(replaced.refusal.reason);
    expect(above(replaced.value, 'me')).toEqual(['elsewhere', 'ghost']);
    expect(both.value.with(inputs('org<me'))).toMatchObject({ refusal: { reason: 'cycle' } });
    expect(both.value.with(inputs('ghost', 'ghost')).ok).toBe(false);
  });

  it('keeps types and ids apart, whatever stands in them', () => {
    const odd = new EntityUid('A', 'x"::"y');
    expect(odd.key).not.toBe(new EntityUid('A', 'x').key);
    expect(`${odd}`).toBe('A::"x\\"::\\"y"');
  });
});

describe('parseEntities', () => {
  const one = (changes: object): unknown => [
    { uid: { type: 'User', id: 'a' }, attrs: {}, parents: [], ...changes },
  ];

  it('reads Cedar’s JSON form', () => {
    const parsed = parseEntities(
      one({
        attrs: { boss: { __entity: { type: 'User', id: 'b' } }, n: [1, { a: true }] },
        parents: [{ __entity: { type: 'Group', id: 'g' } }],
        tags: { ip: { __extn: { fn: 'ip', arg: '10.0.0.1' } } },
      }),
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal));
    const [entity] = parsed.value;
    expect(entity!.attributes).toEqual({ boss: new EntityUid('User', 'b'), n: [1, { a: true }] });
    expect([...entity!.ancestors]).toEqual(['Group::"g"']);
    expect(entity!.tags['ip']).toMatchObject({ kind: 'ipaddr', prefix: 32 });
  });

  it('says where a value is none', () => {
    const deep = JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`);
    const cases: readonly (readonly [unknown, string])[] = [
      [{}, ''],
      [[1], '[0]'],
      [one({ extra: 1 }), '[0].extra'],
      [one({ uid: { type: 'a b', id: '' } }), '[0].uid'],
      [one({ uid: { type: 'A' } }), '[0].uid'],
      [one({ attrs: { a: null } }), '[0].attrs.a'],
      [one({ attrs: { a: 1.5 } }), '[0].attrs.a'],
      [one({ attrs: { a: { __expr: '1' } } }), '[0].attrs.a'],
      [one({ attrs: { a: 2n ** 63n } }), '[0].attrs.a'],
      [one({ attrs: { a: [{ __extn: { fn: 'ip', arg: 'x' } }] } }), '[0].attrs.a[0]'],
      [one({ attrs: { a: { __extn: { fn: 'eval', arg: 'x' } } } }), '[0].attrs.a'],
      [one({ attrs: { a: { __extn: { arg: 'x' } } } }), '[0].attrs.a'],
      [one({ attrs: { a: { __extn: { fn: 'offset', args: [1, 2] } } } }), '[0].attrs.a'],
      [one({ attrs: { a: deep } }), `[0].attrs.a${'[0]'.repeat(31)}`],
      [one({ uid: { type: 'Action', id: 'a' }, parents: [{ type: 'B', id: '' }] }), '[0].parents'],
    ];
    for (const [json, path] of cases) {
      expect(parseEntities(json)).toMatchObject({ refusal: { reason: 'malformed', path } });
    }
  });

  it('reads what methods make of extension values', () => {
    const moment = { __extn: { fn: 'datetime', arg: '2024-01-01' } };
    const day = { __extn: { fn: 'duration', arg: '1d' } };
    const parsed = parseEntities(
      one({ attrs: { at: { __extn: { fn: 'offset', args: [moment, day] } } } }),
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal));
    const [entity] = parsed.value;
    expect(entity!.attributes['at']).toMatchObject({ epochMs: Date.UTC(2024, 0, 2) });
  });
});
