import { actionEntities, Entities, parsePolicies, parseSchema, validate } from '@mintmark/policy';
import { type Harness, invariant, utf8Text } from '../harness.ts';

const policies = parsePolicies(`
  permit(principal in G::"g", action == Action::"read", resource is N::D)
  when { principal.a.b > 1 && context has c && context.c.contains("x") };`);

const text = `
type T = { b: Long, "q r"?: Set<String> };
@doc("x") entity U in [G] = { a: T, boss?: U } tags ipaddr;
entity G; entity C enum ["red"];
namespace N { entity D { owner: U }; }
action all;
action read, "w r" in [all] appliesTo {
  principal: [U], resource: N::D, context: { c?: Set<String> } };`;

const json = {
  '': {
    commonTypes: { T: { type: 'Record', attributes: { b: { type: 'Long', required: false } } } },
    entityTypes: { U: { memberOfTypes: ['G'], shape: { type: 'T' } }, G: { enum: ['g'] } },
    actions: {
      read: { appliesTo: { principalTypes: ['U'], resourceTypes: ['U'], context: { type: 'T' } } },
    },
  },
};

/** A schema as text or as JSON: what it is taken for can be validated against. */
export const parsePolicySchemaHarness: Harness = {
  name: 'parse-policy-schema',
  seeds: [text, JSON.stringify(json), 'entity A; entity B in [A, B];'],
  dictionary: [
    ...[
      'entity ',
      'action ',
      'type ',
      'namespace ',
      ' in ',
      ' enum ',
      ' tags ',
      ' appliesTo ',
      '?:',
    ],
    ...['Set<', 'Long', 'String', '__cedar::', 'principal: ', 'resource: ', 'context: ', '@doc'],
    ...['"type":', '"Record"', '"Set"', '"element":', '"memberOf":', '"Entity"', '"name":', '{{{{'],
  ],
  run(input) {
    const parsed = parseSchema(utf8Text(input));
    if (!parsed.ok) {
      invariant(parsed.refusal.message !== '', 'refused without a word');
      return parsed.refusal.message.replace(/[^ a-z].*$/i, '').slice(0, 24);
    }
    invariant(Entities.of(actionEntities(parsed.value)).ok, 'actions in a circle');
    invariant(policies.ok, 'no policies');
    const { errors, warnings } = validate(policies.value, parsed.value);
    return `schema ${errors.length > 0} ${warnings.length}`;
  },
};
