/** The tests beside a policy, as people write them. */
import type { JsonObject, JsonValue } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { preparePolicy } from './judge.ts';
import { readPolicyDocument, versionViewOf } from './policy-document.ts';
import { runTests } from './policy-test.ts';

const cedar = `
@id("day") permit(principal, action in Action::"GET", resource in Api::"pets")
when { context.time.hour >= 8 && context.time.hour < 18 && context.time.weekday <= 5 };
@id("office") permit(principal in Role::"admin", action, resource)
when { context.address.isInRange(ip("10.0.0.0/8")) };
@id("leavers") forbid(principal in Group::"leavers", action, resource);
`;

const request = { principal: 'User::"ann"', action: 'GET', resource: 'Route::"pets"' };
const entities = [{ uid: { type: 'Route', id: 'pets' }, parents: [{ type: 'Api', id: 'pets' }] }];

function outcomes(tests: readonly JsonValue[], more: JsonObject = { entities }) {
  const document = { cedar, ...more, tests };
  const read = readPolicyDocument(document);
  if (!read.ok) return read.refusal;
  const { enforced } = preparePolicy('p', { enforced: versionViewOf(document, 1) });
  return runTests(enforced!, read.value.document.tests);
}

describe('runTests', () => {
  it('asks what a gateway would ask', () => {
    const workday = '2026-01-05T08:00:00Z';
    const found = outcomes([
      {
        name: 'by day',
        request: { ...request, action: { name: 'listPets', method: 'GET' }, at: workday },
        ...{ expect: 'allow', reasons: ['day'] },
      },
      { name: 'by night', request: { ...request, at: '2026-01-05T18:00:00Z' }, expect: 'deny' },
      { name: 'on Sunday', request: { ...request, at: '2026-01-04T09:00:00Z' }, expect: 'deny' },
      {
        name: 'from the office',
        request: {
          ...{ action: 'DELETE', resource: { type: 'Route', id: 'pets' } },
          principal: { type: 'User', id: 'ann', roles: ['admin'], scopes: ['x'] },
          ...{ at: workday, context: { address: '10.1.2.3' } },
        },
        ...{ expect: 'allow', reasons: ['office'] },
      },
      {
        name: 'who has left',
        request: { ...request, principal: { type: 'User', id: 'ann', groups: ['leavers'] } },
        ...{ expect: 'deny', reasons: ['leavers'] },
      },
    ]);
    expect(found).toMatchObject([
      ...[{ passed: true }, { passed: true }, { passed: true }, { passed: true }],
      { passed: true, verdict: 'deny' },
    ]);
  });

  it('says how a test fails, and what failed on the way', () => {
    const found = outcomes([
      {
        name: 'wrong verdict',
        request: { ...request, at: '2026-01-04T09:00:00Z' },
        expect: 'allow',
      },
      {
        name: 'wrong reason',
        request: { ...request, at: '2026-01-05T09:00:00Z' },
        ...{ expect: 'allow', reasons: ['office', 'day'] },
      },
      { name: 'without a time', request, expect: 'allow' },
    ]);
    expect(found).toMatchObject([
      { passed: false, notes: ['is deny, not allow'] },
      { passed: false, notes: ['because of day, not of office, day'] },
      {
        passed: false,
        notes: [/^day: .*time/, 'is deny, not allow'].map((one) => expect.stringMatching(one)),
      },
    ]);
  });

  it('takes entities of the request before those of the document', () => {
    const own = [{ uid: { type: 'Route', id: 'pets' }, attrs: { path: '/x' } }];
    const rule = 'permit(principal, action, resource) when { resource.path == "/x" };';
    const test = { name: 'n', request: { ...request, entities: own }, expect: 'allow' };
    const said = [{ uid: { type: 'Route', id: 'pets' }, attrs: { path: '/y' } }];
    expect(outcomes([test], { cedar: rule, entities: said })).toMatchObject([{ passed: true }]);
  });
});

describe('reading them', () => {
  const good = { name: 'n', request, expect: 'allow' };
  const asked = (change: JsonObject) => [{ ...good, request: { ...request, ...change } }];

  it.each<[string, JsonValue]>([
    ['/tests', {}],
    ['/tests/0', ['x']],
    ['/tests/0/name', [{ ...good, name: '' }]],
    ['/tests/0/expect', [{ ...good, expect: 'yes' }]],
    ['/tests/0/reasons', [{ ...good, reasons: 'day' }]],
    ['/tests/0/because', [{ ...good, because: [] }]],
    ['/tests/0/request', [{ ...good, request: 'x' }]],
    ['/tests/0/request/user', asked({ user: 'ann' })],
    ['/tests/0/request/principal', asked({ principal: 'ann' })],
    ['/tests/0/request/principal', asked({ principal: 'User::ann' })],
    ['/tests/0/request/principal', asked({ principal: 'User::"\\x"' })],
    ['/tests/0/request/principal', asked({ principal: { type: 'a b', id: '1' } })],
    ['/tests/0/request/principal', asked({ principal: { type: 'User', id: 'a', roles: 'x' } })],
    ['/tests/0/request/principal', asked({ principal: { type: 'User', id: 'a', owner: 1 } })],
    ['/tests/0/request/action', asked({ action: '' })],
    ['/tests/0/request/action', asked({ action: {} })],
    ['/tests/0/request/action', asked({ action: { name: 'x', method: 1 } })],
    ['/tests/0/request/resource', asked({ resource: 'x' })],
    ['/tests/0/request/context', asked({ context: 'x' })],
    ['/tests/0/request/context', asked({ context: { x: 1.5 } })],
    ['/tests/0/request/context/address', asked({ context: { address: 'here' } })],
    ['/tests/0/request/at', asked({ at: 'noon' })],
    ['/tests/0/request/entities', asked({ entities: {} })],
    ['/tests/0/request/entities', asked({ entities: [{ uid: 'x' }] })],
  ])('refuses at %s', (pointer, tests) => {
    const refused = readPolicyDocument({ cedar, tests });
    expect(refused).toMatchObject({ ok: false, refusal: [{ pointer }] });
  });
});
