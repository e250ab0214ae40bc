import { describe, expect, it } from 'vitest';
import { sampleSchema } from './conformance/sample-schema.ts';
import { compareSchemaParsers, compareValidators } from './conformance/validator-differential.ts';
import { parsePolicies } from './parse-policies.ts';
import { parseSchema } from './parse-schema.ts';
import { actionEntities, type Schema } from './schema.ts';
import { type Validation, validate } from './validate.ts';

function schemaOf(input: unknown): Schema {
  const parsed = parseSchema(input);
  if (!parsed.ok) throw new Error(parsed.refusal.message);
  return parsed.value;
}

function judge(text: string, schema = schemaOf(sampleSchema)): Validation {
  const parsed = parsePolicies(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal));
  return validate(parsed.value, schema);
}

const head = 'permit(principal is User, action == Action::"read", resource)';

describe('validate', () => {
  it('judges as cedar-wasm does', () => {
    const tally = compareValidators(20261122, 700);
    expect(tally.accepted).toBeGreaterThan(100);
    expect(tally.refused).toBeGreaterThan(100);
    expect(tally.impossible).toBeGreaterThan(50);
  }, 120_000);

  it('says what is wrong, and where', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['principal in Nobody::"a"', 'no entity type Nobody'],
      ['action == Action::"fly"', 'no action Action::"fly"'],
      ['Colour::"green" == Colour::"red"', 'none of those'],
      ['resource.level == "1"', 'Long and String differ'],
      ['resource.name == "a"', 'ask by "has"'],
      ['resource.frob', 'no attribute "frob"'],
      ['resource.getTag("a")', 'ask by "hasTag"'],
      ['context.owner.nested.ok', 'ask by "has"'],
      ['resource.level', 'expected Bool, found Long'],
      ['resource.level + "a" == 1', 'expected long, found String'],
      ['resource.level < "a"', 'String has no order'],
      ['resource.at < duration("1s")', 'have no order'],
      ['principal in [1]', 'set of entities'],
      ['[] == [1]', 'empty set'],
      ['[1, "a"].isEmpty()', 'the elements of a set'],
      ['if true then 1 else resource.ok', 'expected Bool'],
      ['if resource.ok then 1 else "a"', 'the branches of an if'],
      ['[1].contains("a")', 'a set and its element'],
      ['[1].containsAny(["a"])', 'two sets'],
      ['1.ok', 'expected a record or an entity'],
      ['ip("x").isIpv4()', 'ip does not take "x"'],
      ['ip(context.name).isIpv4()', 'takes a literal'],
      ['ip().isIpv4()', 'takes 1 arguments'],
      ['context.address.isIpv4(1)', 'takes 0 arguments'],
      ['context.address.isInRange(context.price)', 'expected ipaddr, found decimal'],
    ];
    for (const [condition, message] of cases) {
      const { errors } = judge(`${head} when {\n ${condition} };`);
      expect(errors.map((error) => error.message).join(), condition).toContain(message);
    }
    expect(judge(`${head}\nwhen { true && resource.frob };`).errors[0]).toMatchObject({
      policy: 'policy0',
      position: { line: 2, column: 16 },
    });
  });

  it('takes what was asked for by has and hasTag', () => {
    const asked = [
      'resource has name && resource.name == "a"',
      'context has owner.nested.level && context.owner.nested.level > 1',
      'if resource has age then resource.age > duration("1s") else false',
      '(resource has name || false) && resource.name like "a*"',
      'resource.hasTag("a") && resource.getTag("a")',
      'resource.hasTag(resource.owner.name) && resource.getTag(resource.owner.name)',
    ];
    for (const condition of asked) {
      expect(judge(`${head} when { ${condition} };`)).toEqual({ errors: [], warnings: [] });
    }
    const split = `${head} when { resource has name } when { resource.name == "a" };`;
    expect(judge(split).errors).toEqual([]);
    const turned = `${head} unless { resource has name } when { resource.name == "a" };`;
    expect(judge(turned).errors).toHaveLength(1);
  });

  it('warns of what no request can satisfy', () => {
    const warnings = (text: string): string[] => judge(text).warnings.map(({ message }) => message);
    expect(warnings(`${head} when { principal is Group };`)).toEqual([
      'no request of the schema can satisfy it',
    ]);
    expect(warnings('permit(principal, action, resource is User);')).toEqual([
      'no action of the schema takes such a principal and resource',
      'no request of the schema can satisfy it',
    ]);
  });
});

describe('parseSchema', () => {
  it('takes the texts that cedar-wasm takes, and their JSON for the same', () => {
    const tally = compareSchemaParsers(20261122, 400);
    expect(tally.accepted).toBeGreaterThan(20);
    expect(tally.refused).toBeGreaterThan(100);
  }, 120_000);

  it('gives the actions as entities, with their groups', () => {
    const [, read] = actionEntities(schemaOf(sampleSchema));
    expect(read).toMatchObject({ uid: { id: 'read' }, parents: [{ type: 'Action', id: 'all' }] });
  });

  it('says what is wrong with a text, and where', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['entity A; entity A;', 'declared twice'],
      ['entity A in B;', 'no entity type B'],
      ['entity A { a: B };', 'no type B'],
      ['entity A = B;', 'expected "{"'],
      ['entity A enum [];', 'in quotes'],
      ['action a in b;', 'no action Action::"b"'],
      ['action a in [b, c::d];', 'in quotes'],
      ['action a in b; action b in a;', 'is in itself'],
      ['action a appliesTo { principal: A, principal: A };', 'twice'],
      ['action a appliesTo { owner: A };', 'no owner'],
      ['action a appliesTo { context: {} };', 'needs principals'],
      ['entity A; action a appliesTo { principal: A, resource: A, context: A };', 'record'],
      ['type A = B; type B = { a: A };', 'made of itself'],
      ['type A = Long; type A = Long;', 'declared twice'],
      ['type Long = String;', 'a type of Cedar'],
      ['namespace A {} namespace A {}', 'stands twice'],
      ['entity A; namespace B { entity A; }', 'hides'],
      ['@a @a entity A;', 'stands twice'],
      ['entity A { a: Long, a: Long };', 'declared twice'],
      ['entity in;', 'reserved'],
      ['frob', 'expected "entity"'],
    ];
    for (const [text, message] of cases) {
      const parsed = parseSchema(text);
      expect(parsed, text).toMatchObject({ ok: false, refusal: { position: { line: 1 } } });
      if (!parsed.ok) expect(parsed.refusal.message).toContain(message);
    }
    expect(parseSchema('entity A;\n  entity A in B;')).toMatchObject({
      refusal: { position: { line: 2, column: 10 } },
    });
    const deep = `type A = ${'Set<'.repeat(500)}Long${'>'.repeat(500)};`;
    expect(parseSchema(deep)).toMatchObject({ refusal: { message: /nested/ } });
    expect(parseSchema(' '.repeat(2_000_000)).ok).toBe(false);
    const chain = Array.from({ length: 200 }, (_, at) => `type T${at} = { a: T${at + 1} };`);
    expect(parseSchema(`${chain.join('')} type T200 = Long;`)).toMatchObject({ ok: false });
  });

  it('says what is wrong with JSON', () => {
    const one = (body: object): unknown => ({ '': { entityTypes: {}, actions: {}, ...body } });
    const type = (shape: unknown): unknown => one({ entityTypes: { A: { shape } } });
    const nested = Array.from({ length: 200 }).reduce<unknown>(
      (element) => ({ type: 'Set', element }),
      { type: 'Long' },
    );
    const cases: readonly (readonly [unknown, string])[] = [
      ['{', 'no JSON'],
      [1, 'no object'],
      [{ 'a b': {} }, 'no name of a namespace'],
      [one({ frob: 1 }), 'a member frob'],
      [{ '': {} }, 'entityTypes is no object'],
      [one({ entityTypes: { 'a b': {} } }), 'no name of a type'],
      [one({ entityTypes: { A: { enum: [] } } }), 'lists no ids'],
      [one({ entityTypes: { A: { memberOfTypes: 'B' } } }), 'no list'],
      [one({ entityTypes: { A: { memberOfTypes: [1] } } }), 'no text'],
      [one({ actions: { a: { attributes: { a: 1 } } } }), 'attributes'],
      [one({ actions: { a: { memberOf: [{}] } } }), 'without an id'],
      [type({ type: 'Frob' }), 'no type Frob'],
      [type({ type: 'Extension', name: 'Long' }), 'no type Long'],
      [type({ type: 'Record', attributes: {}, additionalAttributes: true }), 'open'],
      [type({ type: 'Record', attributes: { a: { type: 'Long', required: 1 } } }), 'required'],
      [type(nested), 'too deep'],
    ];
    for (const [json, message] of cases) {
      const parsed = parseSchema(json);
      expect(parsed, message).toMatchObject({ ok: false, refusal: { position: null } });
      if (!parsed.ok) expect(parsed.refusal.message).toContain(message);
    }
  });
});
