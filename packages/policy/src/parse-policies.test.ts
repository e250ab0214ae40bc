import { limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { Policy } from './ast.ts';
import { parsePolicies } from './parse-policies.ts';
import type { PolicyError } from './policy-error.ts';

function policiesOf(text: string): readonly Policy[] {
  const parsed = parsePolicies(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal));
  return parsed.value.policies;
}

function errorsOf(text: string): readonly PolicyError[] {
  const parsed = parsePolicies(text);
  return parsed.ok ? [] : parsed.refusal;
}

const head = 'permit(principal, action, resource)';

describe('parsePolicies', () => {
  it('reads scopes, conditions and annotations', () => {
    const [policy] = policiesOf(`
      @id("readers") @note
      permit(principal is App::User in Group::"staff", action in [Action::"read"], resource,)
      when { context.mfa } unless { resource has secret.level };`);
    expect(policy).toMatchObject({
      id: 'readers',
      effect: 'permit',
      principal: { kind: 'is-in', entityType: 'App::User', uid: { type: 'Group', id: 'staff' } },
      action: { kind: 'in', uids: [{ type: 'Action', id: 'read' }] },
      resource: { kind: 'any' },
      position: { line: 2, column: 7 },
    });
    expect([...policy!.annotations]).toEqual([
      ['id', 'readers'],
      ['note', ''],
    ]);
    expect(policy!.conditions.map(({ kind }) => kind)).toEqual(['when', 'unless']);
    expect(policy!.text.startsWith('@id(')).toBe(true);
    expect(policy!.text.endsWith('};')).toBe(true);
  });

  it('numbers what has no id by its place in the text', () => {
    const policies = policiesOf(`${head}; @id("x") ${head}; ${head};`);
    expect(policies.map(({ id }) => id)).toEqual(['policy0', 'x', 'policy2']);
  });

  it('takes an empty text as a set of no policies', () => {
    expect(policiesOf(' // nothing\n')).toEqual([]);
  });

  it('reports each broken policy, with line and column', () => {
    const errors = errorsOf(`${head} when { principal = 1 };\n${head};\n  permit(action);`);
    expect(errors.map(({ reason, position }) => [reason, position.line, position.column])).toEqual([
      ['syntax', 1, 54],
      ['syntax', 3, 10],
    ]);
    expect(errors[0]!.message).toContain('expected "=="');
  });

  it('refuses two policies of one id', () => {
    expect(errorsOf(`@id("policy1") ${head}; ${head};`)).toMatchObject([
      { reason: 'duplicate_id', position: { line: 1, column: 53 } },
    ]);
  });

  it('refuses templates, and says so', () => {
    const inScope = 'permit(principal == ?principal, action, resource);';
    const inCondition = `${head} when { ?resource == resource };`;
    for (const text of [inScope, inCondition]) {
      expect(errorsOf(text)).toMatchObject([{ reason: 'unsupported' }]);
      expect(errorsOf(text)[0]!.message).toContain('templates');
    }
  });

  it('refuses what is larger or deeper than its bounds, and does not end the stack', () => {
    const deep = (levels: number): string =>
      `${head} when { ${'('.repeat(levels)}true${')'.repeat(levels)} };`;
    expect(errorsOf(deep(limits.policyNestingMax - 1))).toEqual([]);
    expect(errorsOf(deep(limits.policyNestingMax))).toMatchObject([{ reason: 'too_deep' }]);
    expect(errorsOf(deep(150_000))).toMatchObject([{ reason: 'too_deep' }]);
    const chain = `${head} when { context${'.a'.repeat(limits.policyDepthMax)} };`;
    expect(errorsOf(chain)).toMatchObject([{ reason: 'too_deep' }]);
    const path = `${head} when { context has a${'.a'.repeat(limits.policyDepthMax)} };`;
    expect(errorsOf(path)).toMatchObject([{ reason: 'too_deep' }]);
    const reference = `permit(principal == ${'('.repeat(500)}U::"a"`;
    expect(errorsOf(reference)).toMatchObject([{ reason: 'too_deep' }]);
    expect(errorsOf(' '.repeat(limits.policyTextCharsMax + 1))).toMatchObject([
      { reason: 'too_large' },
    ]);
    expect(errorsOf(';'.repeat(limits.policyTokensMax + 1))).toMatchObject([
      { reason: 'too_large' },
    ]);
  });

  it('stops after as many errors as an author can use', () => {
    expect(errorsOf(';'.repeat(1000))).toHaveLength(limits.policyErrorsMax);
  });

  it('names what it did not expect', () => {
    const messages: readonly (readonly [string, string])[] = [
      ['when { principal & true };', 'unexpected character "&"'],
      ['when { "open };', 'closing quote'],
      ['when { "\\q" };', 'valid escape'],
      ['when { "a\rb" == "a" };', 'carriage return'],
      ['when { 9223372036854775808 > 0 };', '64 bits'],
      ['when { 4 / 2 == 2 };', 'no division'],
      ['when { 1 < 2 < 3 };', 'do not chain'],
      ['when { !!!!!true };', 'at most 4 signs'],
      ['when { context.frob() };', 'no method frob'],
      ['when { frob(1) };', 'no function frob'],
      ['when { frob };', 'neither a variable nor an entity'],
      ['when { principal.if };', 'reserved word'],
      ['when { then };', 'reserved word'],
      ['when { {a: 1, "a": 2} };', 'twice'],
      ['when { [1].contains() };', 'takes 1 arguments'],
      ['when { };', 'expected an expression'],
      ['when { if true then 1 };', 'expected "else"'],
      ['when { if true };', 'expected "then"'],
      ['when { context() };', 'only functions and methods'],
      ['whenever { true };', 'expected "when"'],
    ];
    for (const [condition, message] of messages) {
      expect(errorsOf(`${head} ${condition}`)[0]?.message).toContain(message);
    }
    expect(errorsOf('@a @a permit(principal, action, resource);')[0]!.message).toContain('twice');
    expect(errorsOf('allow(principal, action, resource);')[0]!.message).toContain('"permit"');
    expect(errorsOf('permit(principal, action == U::"a", resource);')[0]!.message).toContain(
      'no action',
    );
    expect(errorsOf(`${head} when { "\ud800" == "" };`)[0]!.message).toContain('surrogate');
  });
});
