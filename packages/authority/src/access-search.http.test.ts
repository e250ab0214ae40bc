/** Searches of the AuthZEN Authorization API 1.0, §8, over enforced policies. */
import { limits } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ManagementBed, managementBed } from './management-bed.ts';
import type { Step } from './store/act.ts';

let bed: ManagementBed;
let credential: string;

type Body = Record<string, unknown>;

const cedar = `
permit(principal is user, action in [Action::"can_read", Action::"can_share"], resource is doc)
when { principal in resource.viewers };
permit(principal is user, action == Action::"can_delete", resource is doc)
when { resource.owner == principal };
permit(principal is User, action == Action::"can_read", resource is doc)
when { principal in Group::"staff" };
forbid(principal, action == Action::"can_share", resource) when { context.late };
`;
const user = (id: string, ...groups: string[]) => ({
  uid: { type: 'user', id },
  parents: groups.map((group) => ({ type: 'team', id: group })),
});
const doc = (id: string, owner: string) => ({
  uid: { type: 'doc', id },
  attrs: {
    owner: { __entity: { type: 'user', id: owner } },
    viewers: { __entity: { type: 'team', id: 'all' } },
  },
});
const entities = [
  { uid: { type: 'team', id: 'all' } },
  { uid: { type: 'team', id: 'few' }, parents: [{ type: 'team', id: 'all' }] },
  ...[user('ann', 'all'), user('bob', 'few'), user('eve')],
  ...[doc('plan', 'ann'), doc('notes', 'bob')],
];

beforeEach(async () => {
  // It lets others run between.
  bed = await managementBed(1, undefined, { timers: systemTimers });
  credential = await bed.credential('access:evaluate');
  const json = { cedar, entities, uses: ['evaluation'], stage: 'enforce', reason: 'r' };
  const made = await bed.call('PUT', '/v1/policies/docs', { json });
  expect(made.status, made.text).toBe(201);
});

const search = (what: string, json: Body) =>
  bed.call('POST', `/access/v1/search/${what}`, { json, credential });

const context = { late: false };
const read = { name: 'can_read' };
const plan = { type: 'doc', id: 'plan' };
const ids = ({ body }: { readonly body: Body }) =>
  (body['results'] as Body[]).map((one) => one['id'] ?? one['name']);

describe('a search', () => {
  it('of subjects finds those who may, through groups of groups', async () => {
    const asked = {
      subject: { type: 'user', id: 'ignored' },
      action: read,
      resource: plan,
      context,
    };
    const found = await search('subject', asked);
    expect(found.body).toEqual({
      page: { next_token: '', count: 2 },
      results: [
        { type: 'user', id: 'ann' },
        { type: 'user', id: 'bob' },
      ],
    });
    const deleting = { ...asked, action: { name: 'can_delete' } };
    expect(ids(await search('subject', deleting))).toEqual(['ann']);
  });

  it('of resources finds those to which a subject may', async () => {
    const asked = { subject: { type: 'user', id: 'bob' }, resource: { type: 'doc' }, context };
    expect(ids(await search('resource', { ...asked, action: read }))).toEqual(['notes', 'plan']);
    const action = { name: 'can_delete' };
    expect(ids(await search('resource', { ...asked, action }))).toEqual(['notes']);
    const other = { ...asked, resource: { type: 'folder' }, action };
    expect(ids(await search('resource', other))).toEqual([]);
  });

  it('of actions finds what a subject may do, in this context', async () => {
    const asked = { subject: { type: 'user', id: 'ann' }, resource: plan };
    const all = ['can_delete', 'can_read', 'can_share'];
    expect(ids(await search('action', { ...asked, context }))).toEqual(all);
    const late = await search('action', { ...asked, context: { late: true } });
    expect(ids(late)).toEqual(['can_delete', 'can_read']);
    const eve = { ...asked, subject: { type: 'user', id: 'eve' }, context };
    expect(ids(await search('action', eve))).toEqual([]);
  });

  it('finds nothing that an evaluation would not permit', async () => {
    for (const id of ['ann', 'bob', 'eve']) {
      const subject = { type: 'user', id };
      const found = ids(await search('action', { subject, resource: plan, context }));
      for (const name of ['can_delete', 'can_read', 'can_share']) {
        const json = { subject, resource: plan, context, action: { name } };
        const answer = await bed.call('POST', '/access/v1/evaluation', { json, credential });
        expect(answer.body['decision'], `${id} ${name}`).toBe(found.includes(name));
      }
    }
  });

  it('finds our own active users, by the groups that they are in now', async () => {
    await bed.call('PUT', '/v1/groups/staff', { json: { roles: [] } });
    const made = async (username: string, groups: string[]) =>
      String((await bed.call('POST', '/v1/users', { json: { username, groups } })).body['id']);
    const [in1, , in2] = [
      await made('a', ['staff']),
      await made('b', []),
      await made('c', ['staff']),
    ];
    const asked = { subject: { type: 'User' }, action: read, resource: plan, context };
    expect(ids(await search('subject', asked)).sort()).toEqual([in1, in2].sort());
    const path = `/v1/users/${in1}`;
    await bed.call('POST', `${path}/disable`, { headers: await bed.ifMatch(path) });
    expect(ids(await search('subject', asked))).toEqual([in2]);
  });

  it('by versions in shadow, drafts and policies for gateways finds nothing', async () => {
    const at = '/v1/policies/docs';
    const json = { stage: 'shadow', reason: 'r' };
    const headers = await bed.ifMatch(at);
    await bed.call('POST', `${at}/versions/1/stage`, { json, headers });
    const asked = { subject: { type: 'user' }, action: read, resource: plan, context };
    expect(ids(await search('subject', asked))).toEqual([]);
  });
});

describe('pages', () => {
  const asked = { subject: { type: 'user' }, action: read, resource: plan, context };

  it('go on behind one another to an end', async () => {
    const first = await search('subject', { ...asked, page: { limit: 1 } });
    const { next_token: token } = first.body['page'] as Body;
    expect([ids(first), token]).toEqual([['ann'], expect.stringMatching(/./)]);
    // The limit may be left out, as the specification's own example has it.
    const second = await search('subject', { ...asked, page: { token } });
    expect(ids(second)).toEqual(['bob']);
    const { next_token: last } = second.body['page'] as Body;
    const third = await search('subject', { ...asked, page: { token: last } });
    expect(third.body).toEqual({ page: { next_token: '', count: 0 }, results: [] });
    const none = await search('subject', { ...asked, page: { limit: 0 } });
    expect([ids(none), (none.body['page'] as Body)['next_token']]).toEqual([
      ...[[], expect.stringMatching(/./)],
    ]);
  });

  it('look at so many users at once, and find them all in the end', async () => {
    const count = limits.searchedAtOnce + 20;
    const row = {
      ...{ tenant: 'default', status: 'active' as const, sealedClaims: null, passwordHash: null },
      ...{ createdAt: 0, updatedAt: 0, version: 1 },
    } as const;
    const steps = Array.from({ length: count }, (_, index): Step => {
      const id = `u${String(index).padStart(4, '0')}`;
      return { do: 'insert', table: 'users', row: { ...row, id, username: id }, refused: 'x' };
    });
    await bed.store.acts.run({ steps, audit: null });
    const all = 'permit(principal is User, action, resource);';
    const json = { cedar: all, uses: ['evaluation'], stage: 'enforce', reason: 'r' };
    await bed.call('PUT', '/v1/policies/docs', {
      json,
      headers: await bed.ifMatch('/v1/policies/docs'),
    });
    const own = { ...asked, subject: { type: 'User' }, page: { limit: 10_000 } };
    const first = await search('subject', own);
    const { next_token: token } = first.body['page'] as Body;
    const second = await search('subject', { ...own, page: { token } });
    expect([ids(first).length, ids(second).length]).toEqual([limits.searchedAtOnce, 20]);
    expect(new Set([...ids(first), ...ids(second)]).size).toBe(count);
    expect((second.body['page'] as Body)['next_token']).toBe('');
  });

  it('are refused for another question than the first', async () => {
    const first = await search('subject', { ...asked, page: { limit: 1 } });
    const { next_token: token } = first.body['page'] as Body;
    const other = { ...asked, action: { name: 'can_share' }, page: { token } };
    expect((await search('subject', other)).status).toBe(400);
    expect((await search('subject', { ...asked, page: { token, limit: 2 } })).status).toBe(400);
    const forged = Buffer.from('{"question":"x","limit":1,"after":{"among":"all","id":"1"}}');
    for (const bad of ['x', 'AAAA', forged.toString('base64url'), 7]) {
      const answer = await search('subject', { ...asked, page: { token: bad } });
      expect(answer.status, String(bad)).toBe(400);
    }
  });
});

it.each<[string, string, Body]>([
  ['subject', 'no type', { subject: {}, action: read, resource: plan }],
  ['subject', 'no action', { subject: { type: 'user' }, resource: plan }],
  [
    'subject',
    'a resource without id',
    { subject: { type: 'user' }, action: read, resource: { type: 'doc' } },
  ],
  ['resource', 'no subject', { action: read, resource: { type: 'doc' } }],
  [
    'resource',
    'a type that is no name',
    { subject: plan, action: read, resource: { type: 'a b' } },
  ],
  ['action', 'no resource', { subject: plan }],
  ['action', 'a page that is none', { subject: plan, resource: plan, page: 1 }],
  ['action', 'a limit below zero', { subject: plan, resource: plan, page: { limit: -1 } }],
  ['action', 'a context that is none', { subject: plan, resource: plan, context: 'x' }],
])('a search of %s is refused with %s', async (what, _why, json) => {
  expect((await search(what, json)).status).toBe(400);
});

it('is for callers who may ask', async () => {
  const json = { subject: plan, resource: plan };
  const at = '/access/v1/search/action';
  expect((await bed.call('POST', at, { json, credential: null })).status).toBe(401);
  const other = await bed.credential('policies:read');
  expect((await bed.call('POST', at, { json, credential: other })).status).toBe(403);
});
