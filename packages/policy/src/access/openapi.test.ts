import type { JsonValue } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { readOpenApi } from './openapi.ts';

const paths = {
  '/pets': { get: { operationId: 'listPets' }, post: {}, parameters: [], summary: 'x' },
  '/pets/{id}': { $ref: '#/components/pathItems/pet' },
  'x-internal': {},
};
const components = { pathItems: { pet: { delete: { operationId: 'deletePet' } } } };
const document = { openapi: '3.1.0', paths, components };

describe('readOpenApi', () => {
  it('reads operations by their ids, else by method and path', () => {
    expect(readOpenApi({ ...document, servers: [{ url: 'https://api.example/v2/' }] })).toEqual({
      ok: true,
      value: {
        basePath: '/v2',
        operations: [
          { operation: 'listPets', method: 'GET', path: '/pets' },
          { operation: 'POST /pets', method: 'POST', path: '/pets' },
          { operation: 'deletePet', method: 'DELETE', path: '/pets/{id}' },
        ],
      },
    });
  });

  it.each<[string, Record<string, JsonValue>]>([
    ['', {}],
    ['', { servers: [{ url: 'https://api.example' }] }],
    ['/v3', { servers: [{ url: '/v3' }, { url: '/v4' }] }],
    ['/eu', { servers: [{ url: '/{region}', variables: { region: { default: 'eu' } } }] }],
    ['/old', { openapi: undefined as never, swagger: '2.0', basePath: '/old/' }],
  ])('finds the base path %j of %j', (basePath, more) => {
    expect(readOpenApi({ ...document, ...more })).toMatchObject({ value: { basePath } });
  });

  it.each<[string, JsonValue]>([
    ['', []],
    ['/openapi', { paths }],
    ['/paths', { openapi: '3.1.0' }],
    ['/servers/0/url', { ...document, servers: [{}] }],
    ['/servers/0/url', { ...document, servers: [{ url: '/{open}' }] }],
    ['/paths/pets', { ...document, paths: { pets: {} } }],
    ['/paths/~1a', { ...document, paths: { '/a': 1 } }],
    ['/paths/~1a', { ...document, paths: { '/a': { $ref: 'other.yaml' } } }],
    ['/paths/~1a', { ...document, paths: { '/a': { $ref: '#/nowhere' } } }],
    ['/paths/~1a', { ...document, paths: { '/a': { $ref: '#/paths/~1a' } } }],
    ['/paths/~1a/servers', { ...document, paths: { '/a': { servers: [] } } }],
    ['/paths/~1a/get', { ...document, paths: { '/a': { get: 1 } } }],
    ['/paths/~1a/get/servers', { ...document, paths: { '/a': { get: { servers: [] } } } }],
    ['/paths/~1a/get/operationId', { ...document, paths: { '/a': { get: { operationId: '' } } } }],
  ])('refuses at %s', (pointer, value) => {
    expect(readOpenApi(value)).toMatchObject({ refusal: { reason: 'malformed_openapi', pointer } });
  });

  it('bounds how many there are', () => {
    const many = Array.from({ length: 2_001 }, (_, index) => [`/p${index}`, { get: {} }]);
    const refused = readOpenApi({ ...document, paths: Object.fromEntries(many) });
    expect(refused).toMatchObject({ refusal: { pointer: '/paths' } });
  });
});
