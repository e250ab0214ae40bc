import { expect, test } from 'vitest';
import { parseForm } from './form.ts';
import { presentedSecret } from './presented-secret.ts';

function present(authorization: string | undefined, body: string) {
  const form = parseForm(body);
  if (!form.ok) throw new Error(form.refusal.reason);
  return presentedSecret(authorization, form.value);
}

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

test('reads Basic with both halves form-encoded (RFC 6749 §2.3.1)', () => {
  expect(present(basic('my%3Aclient:s%2Be+cret'), '')).toEqual({
    ok: true,
    value: { method: 'client_secret_basic', clientId: 'my:client', secret: 's+e cret' },
  });
});

test('reads a secret that holds colons', () => {
  const presented = present(basic('c:a:b:c'), '');
  expect(presented.ok && presented.value?.secret).toBe('a:b:c');
});

test('reads the secret in the form', () => {
  expect(present(undefined, 'client_id=c&client_secret=s')).toEqual({
    ok: true,
    value: { method: 'client_secret_post', clientId: 'c', secret: 's' },
  });
});

test('finds nothing in a request without a secret', () => {
  expect(present(undefined, 'client_id=c')).toEqual({ ok: true, value: undefined });
});

test('takes a client_id beside Basic as no second method', () => {
  expect(present(basic('c:s'), 'client_id=c').ok).toBe(true);
});

test.each([
  ['a secret in both places', basic('c:s'), 'client_id=c&client_secret=s', 'several_methods'],
  ['another client_id in the form', basic('c:s'), 'client_id=d', 'several_methods'],
  ['Bearer where a client should be', 'Bearer abc', '', 'malformed_basic'],
  ['Basic that is not base64', 'Basic a:b', '', 'malformed_basic'],
  ['Basic with loose padding', 'Basic YTpi=', '', 'malformed_basic'],
  ['Basic without a colon', basic('abc'), '', 'malformed_basic'],
  [
    'Basic that is not UTF-8',
    `Basic ${Buffer.from([0xff, 0x3a]).toString('base64')}`,
    '',
    'malformed_basic',
  ],
  ['Basic with a broken escape', basic('c:%zz'), '', 'malformed_basic'],
  ['a client id with a control character', basic('a\nb:s'), '', 'malformed_basic'],
])('refuses %s', (_title, authorization, body, reason) => {
  const presented = present(authorization, body);
  expect(presented.ok ? undefined : presented.refusal.reason).toBe(reason);
});
