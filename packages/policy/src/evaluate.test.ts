import { describe, expect, it } from 'vitest';
import { compilePolicies } from './compile-policies.ts';
import { Entities } from './entities.ts';
import { EntityUid } from './entity-uid.ts';
import { type AuthorizationRequest, type Decision, evaluate } from './evaluate.ts';
import { explain } from './explain.ts';
import { parseIpRange } from './extension.ts';
import { parsePolicies } from './parse-policies.ts';
import type { RecordValue } from './value.ts';

const alice = new EntityUid('User', 'alice');
const read = new EntityUid('Action', 'read');
const plan = new EntityUid('Doc', 'plan');
const staff = new EntityUid('Group', 'staff');

const known = Entities.of([
  { uid: alice, attributes: { level: 3 }, tags: { team: 'red' }, parents: [staff] },
  { uid: plan, attributes: { owner: alice } },
]);
if (!known.ok) throw new Error(known.refusal.reason);

const request: AuthorizationRequest = {
  principal: alice,
  action: read,
  resource: plan,
  context: {},
  entities: known.value,
};

function compile(text: string) {
  const parsed = parsePolicies(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal));
  return compilePolicies(parsed.value);
}

function decide(text: string, changes: Partial<AuthorizationRequest> = {}): Decision {
  return evaluate(compile(text), { ...request, ...changes });
}

/** What one condition comes to: its truth, or the words of its failure. */
function condition(expression: string, context: RecordValue = {}): boolean | string {
  const text = `permit(principal, action, resource) when { ${expression} };`;
  const { decision, errors } = decide(text, { context });
  return errors[0]?.message ?? decision === 'allow';
}

describe('evaluate', () => {
  it('denies what no policy permits', () => {
    expect(decide('')).toEqual({ decision: 'deny', reasons: [], errors: [] });
  });

  it('lets forbid win, and names every policy that decided, in the order of the text', () => {
    const text = `
      @id("b") permit(principal in Group::"staff", action, resource);
      @id("a") permit(principal == User::"alice", action == Action::"read", resource);
      @id("c") permit(principal is Robot, action, resource);
      @id("e") forbid(principal, action, resource is Doc) when { context.night };
      @id("d") forbid(principal, action in [Action::"read"], resource == Doc::"plan")
        when { context.night };`;
    expect(decide(text, { context: { night: false } })).toEqual({
      decision: 'allow',
      reasons: ['b', 'a'],
      errors: [],
    });
    expect(decide(text, { context: { night: true } })).toEqual({
      decision: 'deny',
      reasons: ['e', 'd'],
      errors: [],
    });
  });

  it('skips a policy that fails and says which, even where it would forbid', () => {
    const text = `permit(principal, action, resource);
      @id("risky") forbid(principal, action, resource) when { context.risk > 5 };`;
    expect(decide(text)).toEqual({
      decision: 'allow',
      reasons: ['policy0'],
      errors: [{ policy: 'risky', message: 'there is no attribute "risk" (line 2, column 63)' }],
    });
  });

  it('reports every policy that fails, in the order of the text', () => {
    const text = `@id("z") permit(principal is User, action, resource) when { context.x };
      @id("y") permit(principal, action, resource) when { 1 };`;
    expect(decide(text).errors.map(({ policy }) => policy)).toEqual(['z', 'y']);
  });

  it('never finds what JavaScript objects inherit', () => {
    expect(condition('context has constructor')).toBe(false);
    expect(condition('context has toString')).toBe(false);
    expect(condition('context["__proto__"] == 1')).toContain('no attribute');
    expect(condition('context has __proto__', JSON.parse('{"__proto__":1}'))).toBe(true);
    expect(condition('principal.hasTag("constructor")')).toBe(false);
  });

  it('takes no number for a Long that is none', () => {
    expect(condition('context.risk < 1', { risk: 0.5 })).toContain('no value of Cedar');
    expect(condition('context.risk + 1 > 1', { risk: Number.NaN })).toContain('expected long');
    expect(condition('context.risk == 1', { risk: 1n })).toBe(true);
    expect(condition('[1, 2].contains(context.risk)', { risk: 2n })).toBe(true);
  });

  it('keeps 64 bits exactly, and overflows where Cedar does', () => {
    expect(condition('9007199254740993 - 1 == 9007199254740992')).toBe(true);
    expect(condition('9007199254740991 + 2 == 9007199254740993')).toBe(true);
    expect(condition('4294967296 * 2147483647 == 9223372032559808512')).toBe(true);
    expect(condition('9223372036854775807 + 1 > 0')).toContain('64 bits');
    expect(condition('-(-9223372036854775808) > 0')).toContain('64 bits');
    expect(condition('-9223372036854775808 < -9223372036854775807')).toBe(true);
    expect(condition('4294967296 * 4294967296 > 0')).toContain('64 bits');
  });

  it('asks entities only when there are some', () => {
    expect(condition('User::"alice" in Group::"staff"')).toBe(true);
    expect(condition('Doc::"plan".owner.level == 3')).toBe(true);
    expect(condition('User::"bob".level == 3')).toContain('no entity User::"bob"');
    expect(condition('User::"bob" has level')).toBe(false);
    expect(condition('User::"alice".getTag("team") == "red"')).toBe(true);
    expect(condition('resource has owner.level')).toBe(true);
    expect(condition('{who: User::"alice"} has who.level')).toBe(true);
  });

  it('judges addresses', () => {
    const context = { address: parseIpRange('10.1.2.3')! };
    expect(condition('context.address.isInRange(ip("10.0.0.0/8"))', context)).toBe(true);
    expect(condition('context.address.isInRange(ip("::/0"))', context)).toBe(false);
  });

  it('keeps apart what many sets of policies make of one entity', () => {
    const heads = [
      '== User::"alice"',
      'in Group::"staff"',
      'is User',
      '== User::"bob"',
      'is Robot',
    ];
    const sets = [...heads, 'in Group::"other"', ''].map((head) =>
      compile(`permit(principal ${head}, action, resource);`),
    );
    const decisions = (): string[] => sets.map((set) => evaluate(set, request).decision);
    const expected = ['allow', 'allow', 'allow', 'deny', 'deny', 'deny', 'allow'];
    expect(decisions()).toEqual(expected);
    expect(decisions()).toEqual(expected);
  });

  it('leaves nothing of one request for the next', () => {
    const compiled = compile('permit(principal == User::"alice", action, resource is Doc);');
    const other = { ...request, principal: new EntityUid('User', 'bob') };
    const decisions = [request, other, request, { ...request, resource: alice }];
    expect(decisions.map((one) => evaluate(compiled, one).decision)).toEqual([
      'allow',
      'deny',
      'allow',
      'deny',
    ]);
  });
});

describe('explain', () => {
  it('shows the policies that decided and those that were skipped', () => {
    const compiled = compile(`@id("staff reads")
@why("everybody may read")
permit(principal in Group::"staff", action, resource);
forbid(principal, action, resource) when { context.risk > 5 };`);
    const explanation = explain(compiled, evaluate(compiled, request));
    expect(explanation.summary).toBe(
      'Allowed by "staff reads". Skipped, since they failed: "policy1".',
    );
    expect(explanation.determining).toMatchObject([
      {
        id: 'staff reads',
        effect: 'permit',
        annotations: { why: 'everybody may read' },
        position: { line: 1, column: 1 },
      },
    ]);
    expect(explanation.skipped[0]!.error).toContain('"risk"');
  });

  it('says of a refusal whether anything forbade it', () => {
    const none = compile('');
    expect(explain(none, evaluate(none, request)).summary).toBe('Denied: no policy permits it.');
    const some = compile('@id("no") forbid(principal, action, resource);');
    expect(explain(some, evaluate(some, request)).summary).toBe('Denied: forbidden by "no".');
  });
});
