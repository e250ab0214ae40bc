import { type JsonValue, limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { compiling, judgeValue, openSchemas } from './schema.ts';

function judge(schema: JsonValue, value: JsonValue, named = {}, as: 'json' | 'text' = 'json') {
  const check = compiling(() => openSchemas(named).compile(schema, ''));
  if (!check.ok) return `${check.refusal.pointer} ${check.refusal.message}`;
  return judgeValue(check.value, value, as).map(({ pointer, rule }) => `${pointer} ${rule}`);
}

/** A schema, what fits it, what does not. */
const keywords: readonly (readonly [JsonValue, readonly JsonValue[], readonly JsonValue[]])[] = [
  [true, [1, null, 'a', {}], []],
  [false, [], [1]],
  [{}, [1, null], []],
  [{ type: 'integer' }, [1, 1.0, -3], [1.5, '1', true, null]],
  [{ type: ['string', 'null'] }, ['a', null], [1, [], {}]],
  [{ type: 'object' }, [{}], [[], null, 'a']],
  [{ type: 'array' }, [[]], [{}, null]],
  [{ enum: [1, 'a', null, { a: [1] }] }, [1, 'a', null, { a: [1] }], ['1', { a: [2] }, []]],
  [{ const: { a: 1, b: 2 } }, [{ b: 2, a: 1 }], [{ a: 1 }]],
  [{ multipleOf: 0.01 }, [0.07, 19.99, 4.35, 'a'], [0.075]],
  [{ multipleOf: 3 }, [9, 0, -3], [10]],
  [{ maximum: 3, minimum: 1 }, [1, 3, 2.5, 'a'], [0.5, 3.1]],
  [{ exclusiveMaximum: 3, exclusiveMinimum: 1 }, [2], [1, 3]],
  [{ maxLength: 2, minLength: 1 }, ['a', '😀😀', 7], ['', '😀😀😀', 'abc']],
  [{ maxItems: 1, minItems: 1 }, [[1], 'a'], [[], [1, 2]]],
  [{ maxProperties: 1, minProperties: 1 }, [{ a: 1 }], [{}, { a: 1, b: 1 }]],
  [{ pattern: '^a+$' }, ['aa', 1], ['ab', '']],
  [{ pattern: '^a+$' }, [], ['a'.repeat(limits.patternedTextCharsMax + 1)]],
  [
    { uniqueItems: true },
    [[1, '1', { a: 1 }], 'a'],
    [
      [1, 1],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
  ],
  [{ uniqueItems: false }, [[1, 1]], []],
  [{ required: ['a'] }, [{ a: null }, 1], [{}, { b: 1 }]],
  [{ properties: { a: { type: 'string' } } }, [{ a: 'x', b: 1 }, {}], [{ a: 1 }]],
  [{ properties: { a: {} }, additionalProperties: false }, [{ a: 1 }], [{ b: 1 }]],
  [
    { patternProperties: { '^x-': { type: 'string' } }, additionalProperties: { type: 'number' } },
    [{ 'x-a': 'b', c: 1 }],
    [{ 'x-a': 1 }, { c: 'b' }],
  ],
  [{ propertyNames: { maxLength: 2 } }, [{ ab: 1 }], [{ abc: 1 }]],
  [{ dependentRequired: { a: ['b'] } }, [{}, { a: 1, b: 1 }], [{ a: 1 }]],
  [{ dependentSchemas: { a: { required: ['b'] } } }, [{}, { a: 1, b: 1 }], [{ a: 1 }]],
  [
    { prefixItems: [{ type: 'string' }], items: { type: 'number' } },
    [['a', 1], []],
    [[1], ['a', 'b']],
  ],
  [{ items: { type: 'number' } }, [[1, 2], []], [['a']]],
  [{ contains: { const: 1 } }, [[2, 1]], [[2], []]],
  [{ contains: { const: 1 }, minContains: 0, maxContains: 1 }, [[], [1]], [[1, 1]]],
  [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1], [0, 3]],
  [{ anyOf: [{ type: 'string' }, { minimum: 2 }] }, ['a', 2], [1]],
  [{ oneOf: [{ minimum: 1 }, { maximum: 2 }] }, [0, 3], [1, 2]],
  [{ not: { type: 'string' } }, [1], ['a']],
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, never awaited
  [{ if: { type: 'string' }, then: { minLength: 2 }, else: { minimum: 5 } }, ['ab', 5], ['a', 4]],
  [
    { format: 'date-time' },
    ['2026-02-28T10:00:00Z', '2024-02-29T10:00:00.5+01:00'],
    ['2026-02-29T10:00:00Z', '2026-01-01', '2026-01-01T25:00:00Z'],
  ],
  [{ format: 'date' }, ['2024-02-29', 1], ['2026-13-01', '2026-1-1']],
  [{ format: 'time' }, ['10:00:00Z'], ['10:00']],
  [{ format: 'uuid' }, ['123e4567-e89b-12d3-a456-426614174000'], ['123e4567']],
  [{ format: 'email' }, ["o'brien@example.org"], ['a', 'a@b c', '@b', 'a@@b']],
  [{ format: 'hostname' }, ['a.example'], ['-a', 'a..b']],
  [{ format: 'ipv4' }, ['192.0.2.1'], ['::1', '1.2.3']],
  [{ format: 'ipv6' }, ['2001:db8::1'], ['192.0.2.1', 'x']],
  [{ format: 'uri' }, ['https://a/b?c'], ['a b', '//x']],
  [{ format: 'byte' }, ['aGk=', ''], ['a', 'a===']],
  [{ format: 'int32' }, [2 ** 31 - 1, 'a'], [2 ** 31, 1.5]],
  [{ format: 'int64' }, [2 ** 53], [2 ** 64]],
  [{ format: 'colour' }, ['anything'], []],
];

describe('a schema', () => {
  it.each(keywords)('%j is what fits it', (schema, good, bad) => {
    for (const value of good) expect(judge(schema, value), JSON.stringify(value)).toEqual([]);
    for (const value of bad) expect(judge(schema, value), JSON.stringify(value)).not.toEqual([]);
  });

  it('says where and by which rule, and never what stood there', () => {
    const schema = {
      required: ['id'],
      properties: { tags: { items: { type: 'string' } }, 'a/b': { maximum: 1 } },
      additionalProperties: false,
    };
    const value = { tags: ['a', 1], 'a/b': 2, ['x'.repeat(99)]: 'secret' };
    expect(judge(schema, value)).toEqual([
      ' required',
      '/tags/1 type',
      '/a~1b maximum',
      `/${'x'.repeat(64)} additionalProperties`,
    ]);
    const many = Array.from({ length: 100 }, () => 1);
    expect(judge({ items: { type: 'string' } }, many)).toHaveLength(limits.misfitsMax);
  });

  it('does not ask of a request what only answers hold', () => {
    const properties = { id: { type: 'string', readOnly: true }, name: {} };
    expect(judge({ required: ['id', 'name'], properties }, { name: 1 })).toEqual([]);
  });

  it('follows references, also to itself', () => {
    const tree = { properties: { kids: { items: { $ref: '#/components/schemas/Tree' } } } };
    const Tree = { ...tree, required: ['name'] };
    const schema = { $ref: '#/components/schemas/Tree' };
    expect(judge(schema, { name: 1, kids: [{ name: 2, kids: [{}] }] }, { Tree })).toEqual([
      '/kids/0/kids/0 required',
    ]);
  });

  it('reads text as what it may stand for, each value by its own schema', () => {
    const schema = {
      type: 'object',
      properties: {
        age: { type: 'integer', maximum: 100 },
        phone: { type: 'string', minLength: 3 },
        on: { type: 'boolean' },
        tags: { type: 'array', items: { type: 'string', maxLength: 3 }, maxItems: 1 },
        level: { enum: [1, 2] },
        small: { type: 'integer', format: 'int32' },
      },
    };
    const text = (value: JsonValue) => judge(schema, value, {}, 'text');
    const good = { age: '5', phone: '123', on: 'true', tags: 'abc', level: '2', small: '7' };
    expect(text(good)).toEqual([]);
    expect(text({ age: '101' })).toEqual(['/age maximum']);
    expect(text({ age: '05' })).toEqual(['/age type']);
    expect(text({ on: 'yes' })).toEqual(['/on type']);
    expect(text({ tags: ['abc', 'abcd'] })).toEqual(['/tags/1 maxLength', '/tags maxItems']);
    expect(text({ level: '3' })).toEqual(['/level enum']);
    expect(text({ small: '3000000000' })).toEqual(['/small format']);
    expect(judge(schema, good)).not.toEqual([]);
  });

  it.each([
    [{ unevaluatedProperties: false }, '/unevaluatedProperties is not understood'],
    [{ $dynamicRef: '#a' }, '/$dynamicRef is not understood'],
    [{ nullable: true }, '/nullable is not understood'],
    [{ properties: { a: { maxLenght: 1 } } }, '/properties/a/maxLenght is not understood'],
    [{ $ref: 'https://elsewhere/a' }, '/$ref is no reference'],
    [{ $ref: '#/components/schemas/None' }, '/$ref is no reference'],
    [{ $ref: '#/components/schemas/toString' }, '/$ref is no reference'],
    [{ type: 'text' }, '/type is one of'],
    [{ type: [] }, '/type is one of'],
    [{ enum: 1 }, '/enum is a list'],
    [{ maximum: '1' }, '/maximum is a number'],
    [{ multipleOf: 0 }, '/multipleOf is a number above 0'],
    [{ maxLength: -1 }, '/maxLength is a whole number'],
    [{ uniqueItems: 1 }, '/uniqueItems is true or false'],
    [{ required: 'a' }, '/required is a list of names'],
    [{ properties: [] }, '/properties is an object'],
    [{ dependentRequired: { a: 1 } }, '/dependentRequired is an object'],
    [{ allOf: [] }, '/allOf is a list'],
    [{ contains: {}, minContains: 'a' }, '/contains minContains and'],
    [{ pattern: '(a)\\1' }, '/pattern refers back'],
    [{ patternProperties: { '(': {} } }, '/patternProperties/( is no regular'],
    [7, ' is no schema'],
  ] as [JsonValue, string][])('%j is refused', (schema, message) => {
    expect(judge(schema, 1)).toContain(message);
  });

  it('is bounded as it is compiled and as it judges', () => {
    const wide = { anyOf: Array.from({ length: limits.schemaNodesMax }, () => ({})) };
    expect(judge(wide, 1)).toContain('too much');
    const loop = { A: { allOf: [{ $ref: '#/components/schemas/A' }] } };
    expect(judge({ $ref: '#/components/schemas/A' }, 1, loop)).toEqual([' too_complex']);
    const both = [
      { properties: { a: { $ref: '#/components/schemas/B' } } },
      { properties: { a: { $ref: '#/components/schemas/B' } } },
    ];
    const doubling = { B: { allOf: [...both, ...both], required: ['a'] } };
    let deep: JsonValue = {};
    for (let i = 0; i < 30; i++) deep = { a: deep };
    expect(judge({ $ref: '#/components/schemas/B' }, deep, doubling)).toEqual([' too_complex']);
    const long = Array.from({ length: 3_000 }, (_, id) => ({ id }));
    expect(judge({ uniqueItems: true }, long)).toEqual([' too_complex']);
  });
});
