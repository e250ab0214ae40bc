import { expect, it } from 'vitest';
import { nodeName, readNodeName } from './node-name.ts';

it.each([
  ['gw1', undefined, null],
  ['a/b:c', undefined, null],
  ['gw1', { kind: 'admin_key', id: 'k1' }, 'admin_key:k1'],
  ['a/b', { kind: 'client', id: 'https://x.example/c:1' }, 'client:https://x.example/c:1'],
] as const)('reads back the node %s of %j', (node, actor, credential) => {
  expect(readNodeName(nodeName(node, actor))).toEqual({ node, credential });
});

it('gives no two credentials the same name', () => {
  const one = nodeName('b/c', { kind: 'client', id: 'a' });
  expect(one).not.toBe(nodeName('c', { kind: 'client', id: 'a/b' }));
  expect(one).not.toBe(nodeName('b/c', { kind: 'admin_key', id: 'a' }));
  expect(one).not.toBe(nodeName('client:a/b/c'));
});
