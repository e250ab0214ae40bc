import type { JsonObject, JsonValue } from '@mintmark/core';
import { describe, expect, it, test } from 'vitest';
import { readSchema } from './schema.ts';

function judge(schema: JsonValue, value: JsonValue): boolean {
  const read = readSchema(schema);
  if (!read.ok) throw new Error(`${read.refusal.path} ${read.refusal.message}`);
  return read.value(value);
}

const money: JsonObject = {
  type: 'object',
  properties: {
    currency: { type: 'string', pattern: '^[A-Z]{3}$' },
    value: { type: 'number', exclusiveMinimum: 0, maximum: 1000 },
  },
  required: ['currency', 'value'],
};

describe('a schema', () => {
  test.each<[JsonObject, JsonValue, boolean]>([
    [money, { currency: 'EUR', value: 1.5 }, true],
    [money, { currency: 'EUR', value: 0 }, false],
    [money, { currency: 'eur', value: 1 }, false],
    [money, { currency: 'EUR' }, false],
    [money, { currency: 'EUR', value: 1, more: 1 }, false],
    [money, { currency: 'EUR', value: '1' }, false],
    [money, [], false],
    [money, null, false],
    [{ type: 'object' }, {}, true],
    [{ type: 'object' }, { any: 1 }, false],
    [{ type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 2 }, ['a'], true],
    [{ type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 2 }, [], false],
    [{ type: 'array', items: { type: 'string' }, maxItems: 2 }, ['a', 'b', 'c'], false],
    [{ type: 'array', items: { type: 'string' } }, ['a', 1], false],
    [{ type: 'array', items: money, uniqueItems: true }, [], true],
    [
      { type: 'array', items: { type: 'object', properties: { a: { type: 'integer' } } } },
      [{ a: 1 }, { a: 2 }],
      true,
    ],
    [{ type: 'array', uniqueItems: true }, ['a', 'a'], false],
    [{ type: 'array' }, {}, false],
    [{ type: 'string', minLength: 2, maxLength: 2 }, '😀😀', true],
    [{ type: 'string', minLength: 2 }, 'a', false],
    [{ type: 'string', pattern: '.' }, 'a'.repeat(1_001), false],
    [{ type: 'string', enum: ['a', 'b'] }, 'c', false],
    [{ type: 'string', const: 'a' }, 'a', true],
    [{ type: 'number', minimum: 1, exclusiveMaximum: 2 }, 2, false],
    [{ type: 'integer' }, 1.5, false],
    [{ type: 'integer' }, 1e99, false],
    [{ type: 'boolean' }, 'true', false],
    [{ type: 'boolean', description: 'words' }, true, true],
  ])('%j says of %j: %j', (schema, value, holds) => {
    expect(judge(schema, value)).toBe(holds);
  });

  test.each<[string, JsonValue]>([
    ['', true],
    ['/type', {}],
    ['/type', { type: 'null' }],
    ['/type', { type: 'toString' }],
    ['/type', { type: ['string', 'number'] }],
    ['/if', { type: 'object', if: {} }],
    ['/format', { type: 'string', format: 'date' }],
    ['/minimum', { type: 'string', minimum: 1 }],
    ['/$ref', { type: 'object', $ref: 'https://evil.example' }],
    ['/pattern', { type: 'string', pattern: '(' }],
    ['/enum', { type: 'string', enum: [] }],
    ['/minLength', { type: 'string', minLength: '1' }],
    ['/uniqueItems', { type: 'array', uniqueItems: false }],
    ['/required', { type: 'object', required: ['a'] }],
    ['/properties', { type: 'object', properties: [] }],
    ['/properties', { type: 'object', properties: {}, additionalProperties: true }],
    ['/properties/a/type', { type: 'object', properties: { a: { type: 'x' } } }],
    ['/items/items/type', { type: 'array', items: { type: 'array', items: {} } }],
  ])('is refused at %s, so that no rule of it is passed over', (path, schema) => {
    const read = readSchema(schema);
    expect(read.ok ? undefined : read.refusal.path).toBe(path);
  });

  it('is refused where it is too deep', () => {
    let deep: JsonObject = { type: 'string' };
    for (let i = 0; i < 10; i++) deep = { type: 'array', items: deep };
    expect(readSchema(deep)).toMatchObject({ ok: false, refusal: { message: 'is too deep' } });
  });
});
