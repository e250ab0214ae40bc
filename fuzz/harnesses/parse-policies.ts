import {
  compilePolicies,
  Entities,
  EntityUid,
  evaluate,
  explain,
  parsePolicies,
} from '@mintmark/policy';
import { type Harness, invariant, utf8Text } from '../harness.ts';

const alice = new EntityUid('User', 'a');
const group = new EntityUid('Group', 'g');

const request = {
  principal: alice,
  action: new EntityUid('Action', 'read'),
  resource: new EntityUid('Doc', 'd'),
  context: { risk: 3, tags: ['a'], nested: { ok: true }, who: alice },
};

/** Whatever an administrator uploads: it parses or it does not, and what parses can be run. */
export const parsePoliciesHarness: Harness = {
  name: 'parse-policies',
  seeds: [
    'permit(principal, action, resource);',
    `@id("a") @note forbid(principal is User in Group::"g", action in [Action::"read"], resource)
     when { context.risk > 2 && resource has owner.name } unless { principal == User::"a" };`,
    `permit(principal == User::"a", action == Action::"read", resource in Doc::"d") when {
      if [1, -2].contains(context.risk) then ip("10.0.0.1/8").isInRange(ip("::/0"))
      else context["nested"].ok || "a*b" like "a\\*\\u{1f600}*" };`,
    `permit(principal, action, resource) when { decimal("1.5").lessThan(decimal("2.0")) &&
      datetime("2024-01-01").offset(duration("-1d2h")) < datetime("2024-01-02T00:00:00Z") &&
      {a: [1, {b: "x"}], "c d": 9223372036854775807 + 1}.a == principal.getTag("t") };`,
  ],
  dictionary: [
    ...['permit', 'forbid', 'when', 'unless', 'principal', 'action', 'resource', 'context'],
    ...[' in ', ' is ', ' has ', ' like ', ' then ', ' else ', 'if ', '==', '&&', '||', '::"'],
    ...['@id("', '.contains(', '.getTag(', 'ip("', 'datetime("', '?principal', '//', '\\u{', '!!'],
    ...['((((((((', '[[[[[[[[', '--------', '.a.a.a.a.a', '9223372036854775808', '};', '{}', '[]'],
  ],
  run(input) {
    const text = utf8Text(input);
    const parsed = parsePolicies(text);
    if (!parsed.ok) {
      invariant(parsed.refusal.length > 0, 'refused without a word');
      for (const { position } of parsed.refusal) {
        invariant(position.offset <= text.length && position.line > 0, 'an error outside the text');
      }
      return parsed.refusal[0]!.reason;
    }
    const { policies } = parsed.value;
    for (const { text: own, position } of policies) {
      invariant(text.startsWith(own, position.offset), 'a policy that does not stand there');
      const again = parsePolicies(own);
      invariant(again.ok && again.value.policies.length === 1, 'its own text is another');
    }
    const entities = Entities.of([{ uid: alice, attributes: { level: 1 }, parents: [group] }]);
    invariant(entities.ok, 'no entities');
    const compiled = compilePolicies(parsed.value);
    const decision = evaluate(compiled, { ...request, entities: entities.value });
    const named = explain(compiled, decision);
    invariant(named.determining.length === decision.reasons.length, 'a reason without a policy');
    const isAllowed = decision.decision === 'allow';
    invariant(!isAllowed || decision.reasons.length > 0, 'allowed by nobody');
    return `${policies.length > 0} ${decision.decision} ${decision.errors.length > 0}`;
  },
};
