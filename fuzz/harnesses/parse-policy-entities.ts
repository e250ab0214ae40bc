import { parseJson } from '@mintmark/core';
import { parseContext, parseEntities } from '@mintmark/policy';
import { type Harness, invariant, utf8Text } from '../harness.ts';

const entity = {
  uid: { type: 'User', id: 'a' },
  attrs: {
    boss: { __entity: { type: 'User', id: 'b' } },
    address: { __extn: { fn: 'ip', arg: '10.0.0.1/8' } },
    tags: ['a', 1, true, { deep: [] }],
  },
  parents: [{ type: 'Group', id: 'g' }],
  tags: { since: { __extn: { fn: 'datetime', arg: '2024-01-01' } } },
};

/** Entities and contexts from outside, in Cedar's JSON. */
export const parsePolicyEntitiesHarness: Harness = {
  name: 'parse-policy-entities',
  seeds: [
    JSON.stringify([entity, { ...entity, uid: { type: 'Group', id: 'g' } }]),
    JSON.stringify([entity]),
    JSON.stringify({ a: { __extn: { fn: 'decimal', arg: '1.5' } }, __proto: 1 }),
  ],
  dictionary: [
    ...[
      '"uid":',
      '"attrs":',
      '"parents":',
      '"tags":',
      '"__entity":',
      '"__extn":',
      '"fn":',
      '"arg":',
    ],
    ...['"args":', '"offset"', '"duration"', '"__proto__":', '1e400', '-0', '1.5', 'null', '[[[['],
  ],
  run(input) {
    const json = parseJson(utf8Text(input));
    if (!json.ok) return json.refusal.reason;
    const context = parseContext(json.value);
    if (context.ok) {
      invariant(Object.getPrototypeOf(context.value) === Object.prototype, 'another prototype');
      return 'context';
    }
    const entities = parseEntities(json.value);
    if (!entities.ok) return entities.refusal.reason;
    for (const one of entities.value) {
      invariant(!one.ancestors.has(one.uid.key), 'an entity in itself');
      invariant(entities.value.get(one.uid) === one, 'an entity that is not found');
    }
    return `entities ${[...entities.value].length > 0}`;
  },
};
