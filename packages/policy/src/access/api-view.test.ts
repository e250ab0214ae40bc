import type { ApiOperation, ApiView, JsonValue } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileApi, parseApi } from './api-view.ts';

function view(paths: Readonly<Record<string, string>>, basePath = ''): ApiView {
  const operations = Object.entries(paths).map(([operation, text]): ApiOperation => {
    const [method = '', path = ''] = text.split(' ');
    return { operation, method, path };
  });
  return { basePath, unlisted: 'refuse', operations };
}

function find(api: ApiView, text: string): unknown {
  const [method = '', path = ''] = text.split(' ');
  const found = compileApi(api)?.find(method, path);
  return found && [found.operation, found.parameters];
}

const pets = view({
  list: 'GET /pets',
  make: 'POST /pets',
  mine: 'GET /pets/mine',
  show: 'GET /pets/{id}',
  change: 'PUT /pets/{petId}',
  toys: 'GET /pets/{id}/toys',
  photo: 'GET /pets/{id}/photo.{type}',
  ranges: 'GET /pets/{id}/{from}-{to}',
  root: 'GET /',
  deep: 'GET /{a}/{b}/{c}/{d}',
});

describe('compileApi', () => {
  it.each([
    ['GET /pets', ['list', {}]],
    ['POST /pets', ['make', {}]],
    // What is written out goes first; what only the other has is found there.
    ['GET /pets/mine', ['mine', {}]],
    ['PUT /pets/mine', ['change', { petId: 'mine' }]],
    ['GET /pets/7', ['show', { id: '7' }]],
    ['GET /pets/7/toys', ['toys', { id: '7' }]],
    ['GET /pets/7/photo.png', ['photo', { id: '7', type: 'png' }]],
    ['GET /pets/7/1-2-3', ['ranges', { id: '7', from: '1', to: '2-3' }]],
    ['GET /pets/7/x/y', ['deep', { a: 'pets', b: '7', c: 'x', d: 'y' }]],
    ['GET /', ['root', {}]],
    // A final slash is no other operation, and neither is HEAD.
    ['GET /pets/', ['list', {}]],
    ['HEAD /pets/7', ['show', { id: '7' }]],
    // Values are decoded, and a slash within one is no place to part.
    ['GET /pets/a%20b%2Fc', ['show', { id: 'a b/c' }]],
    ['GET /%70ets/7', ['show', { id: '7' }]],
    ['DELETE /pets/7', undefined],
    ['GET /pets/7/photo.', undefined],
    ['GET /pets/7/1-', undefined],
    ['GET /Pets', undefined],
    ['GET /pets//toys', undefined],
    ['GET /pets/%ff', undefined],
  ])('%s', (request, expected) => {
    expect(find(pets, request)).toEqual(expected);
  });

  it('takes paths under its base alone', () => {
    const based = view({ list: 'GET /pets', root: 'GET /' }, '/v2');
    expect(find(based, 'GET /v2/pets')).toEqual(['list', {}]);
    expect(find(based, 'GET /v2')).toEqual(['root', {}]);
    expect(find(based, 'GET /pets')).toBeUndefined();
    expect(find(based, 'GET /v20/pets')).toBeUndefined();
  });

  it('holds no variable that JavaScript would make of a name', () => {
    const odd = view({ show: 'GET /{__proto__}/{constructor}' });
    const found = compileApi(odd)?.find('GET', '/a/b');
    expect(Object.keys(found?.parameters ?? {})).toEqual(['__proto__', 'constructor']);
  });

  it('finds every operation by its own path, with the values that were put in', () => {
    const value = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const segment = fc.oneof(fc.constantFrom('pets', 'toys', 'x'), fc.constant('{}'));
    const paths = fc.uniqueArray(fc.array(segment, { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 8,
      selector: (path) => path.join('/'),
    });
    fc.assert(
      fc.property(paths, fc.array(value, { minLength: 4, maxLength: 4 }), (all, values) => {
        const named = all.map((path) => path.map((one, at) => (one === '{}' ? `{v${at}}` : one)));
        const api = view(
          Object.fromEntries(named.map((path) => [path.join('/'), `GET /${path.join('/')}`])),
        );
        for (const path of named) {
          const asked = path.map((one, at) => (one.startsWith('{') ? `0${values[at]}` : one));
          const found = compileApi(api)?.find('GET', `/${asked.join('/')}`);
          expect(found?.operation).toBe(path.join('/'));
        }
      }),
    );
  });
});

describe('parseApi', () => {
  const one = { operation: 'list', method: 'GET', path: '/pets' };

  it('fills in the careful default', () => {
    expect(parseApi({ operations: [one] })).toEqual({
      ok: true,
      value: { basePath: '', unlisted: 'refuse', operations: [one] },
    });
  });

  it.each<[string, JsonValue]>([
    ['', 'api'],
    ['/paths', { operations: [], paths: {} }],
    ['/base_path', { operations: [], base_path: 'v2' }],
    ['/base_path', { operations: [], base_path: '/v2/' }],
    ['/unlisted', { operations: [], unlisted: 'allow' }],
    ['/operations', {}],
    ['/operations', { operations: Array.from({ length: 2_001 }, () => one) }],
    ['/operations/0', { operations: ['x'] }],
    ['/operations/0', { operations: [{ ...one, operation: '' }] }],
    ['/operations/0', { operations: [{ ...one, method: 'get' }] }],
    ['/operations/0', { operations: [{ ...one, path: 'pets' }] }],
    ['/operations/0/path', { operations: [{ ...one, path: '/{id' }] }],
    ['/operations/0/path', { operations: [{ ...one, path: '/{}' }] }],
    ['/operations/0/path', { operations: [{ ...one, path: '/{a}{b}' }] }],
    ['/operations/0/path', { operations: [{ ...one, path: '/{a}.{b}.{c}.{d}.{e}' }] }],
    ['/operations/0/path', { operations: [{ ...one, path: '/{a}/{a}' }] }],
    ['/operations/0/path', { operations: [{ ...one, path: '/%ff' }] }],
    ['/operations/1', { operations: [one, { ...one, path: '/x' }] }],
    ['/operations/1', { operations: [one, { ...one, operation: 'again', path: '/pets/' }] }],
  ])('refuses at %s: %j', (pointer, value) => {
    expect(parseApi(value)).toMatchObject({ refusal: { reason: 'malformed_api', pointer } });
  });

  it('answers anything at all', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(typeof parseApi(value as JsonValue).ok).toBe('boolean');
      }),
    );
  });
});
