import type { HttpRequest } from '@mintmark/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseForm, readForm } from './form.ts';

function request(input: {
  readonly type?: string;
  readonly body?: string;
  readonly query?: string;
}): HttpRequest {
  const { type = 'application/x-www-form-urlencoded', body = '', query } = input;
  return {
    method: 'POST',
    path: '/oauth2/token',
    query,
    header: (name) => (name === 'content-type' ? type : undefined),
    rawHeaders: [],
    remoteAddress: '127.0.0.1',
    peerAddress: '127.0.0.1',
    scheme: 'http',
    peerCertificate: undefined,
    signal: new AbortController().signal,
    body: async (max) => (body.length > max ? 'too_large' : Buffer.from(body, 'latin1')),
  };
}

function refusal(text: string): string | undefined {
  const form = parseForm(text);
  return form.ok ? undefined : form.refusal.reason;
}

test('reads what URLSearchParams writes', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.tuple(fc.string({ minLength: 1, unit: 'binary' }), fc.string({ unit: 'binary' })),
        { selector: ([name]) => name, maxLength: 20 },
      ),
      (pairs) => {
        const clean = pairs.filter(([n, v]) => !`${n}${v}`.includes('\0') && !isLone(n + v));
        const form = parseForm(new URLSearchParams(clean).toString());
        expect(form.ok).toBe(true);
        if (!form.ok) return;
        for (const [name, value] of clean) {
          expect(form.value.get(name)).toBe(value === '' ? undefined : value);
        }
      },
    ),
  );
});

/** URLSearchParams replaces lone surrogates; that is its loss, not the parser's. */
function isLone(text: string): boolean {
  return !text.isWellFormed();
}

test.each([
  ['a=1&a=1', 'duplicate_parameter'],
  ['a=1&%61=2', 'duplicate_parameter'],
  ['a=%', 'malformed_encoding'],
  ['a=%zz', 'malformed_encoding'],
  ['a=%ff', 'malformed_encoding'],
  ['a=%00', 'malformed_encoding'],
  ['a=\xe9', 'malformed_encoding'],
  ['a=\r\n', 'malformed_encoding'],
  [Array.from({ length: 101 }, (_, i) => `p${i}=1`).join('&'), 'too_many_parameters'],
])('refuses %j as %s', (text, reason) => {
  expect(refusal(text)).toBe(reason);
});

test('lets resource and audience repeat, and nothing else', () => {
  const form = parseForm('resource=a&resource=b&audience=c&audience=d');
  expect(form.ok && form.value.all('resource')).toEqual(['a', 'b']);
  expect(form.ok && form.value.all('audience')).toEqual(['c', 'd']);
});

test('takes an empty parameter as omitted', () => {
  const form = parseForm('scope=&grant_type=x');
  expect(form.ok && form.value.get('scope')).toBeUndefined();
});

test('knows no parameter that an object has by nature', () => {
  const form = parseForm('a=1');
  expect(form.ok && form.value.get('__proto__')).toBeUndefined();
  expect(form.ok && form.value.get('constructor')).toBeUndefined();
});

test.each([
  [{ type: 'application/json' }, 'not_a_form'],
  [{ type: 'application/x-www-form-urlencoded; charset=latin1' }, 'not_a_form'],
  [{ type: '' }, 'not_a_form'],
  [{ query: 'client_secret=x' }, 'parameters_in_query'],
  [{ query: '' }, 'parameters_in_query'],
  [{ body: `a=${'x'.repeat(65 * 1024)}` }, 'body_too_large'],
])('refuses the request %j as %s', async (input, reason) => {
  const form = await readForm(request(input));
  expect(form.ok ? undefined : form.refusal.reason).toBe(reason);
});

test('takes a charset of UTF-8', async () => {
  const type = 'application/x-www-form-urlencoded; charset=UTF-8';
  expect((await readForm(request({ type, body: 'a=1' }))).ok).toBe(true);
});
