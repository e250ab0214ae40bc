import { expect, test } from 'vitest';
import { parseForm } from './form.ts';
import { presentedClient } from './presented-client.ts';

function present(authorization: string | undefined, body: string) {
  const form = parseForm(body);
  if (!form.ok) throw new Error(form.refusal.reason);
  return presentedClient(authorization, form.value, undefined);
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
  expect(presented).toMatchObject({ value: { secret: 'a:b:c' } });
});

test('reads the secret in the form', () => {
  expect(present(undefined, 'client_id=c&client_secret=s')).toEqual({
    ok: true,
    value: { method: 'client_secret_post', clientId: 'c', secret: 's' },
  });
});

test('takes a client_id alone as no authentication, and finds nothing without it', () => {
  const value = { method: 'none', clientId: 'c' };
  expect(present(undefined, 'client_id=c')).toEqual({ ok: true, value });
  expect(present(undefined, 'client_id=%0a')).toEqual({ ok: true, value: undefined });
  expect(present(undefined, '')).toEqual({ ok: true, value: undefined });
});

const type = 'client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const payload = Buffer.from('{"sub":"c"}').toString('base64url');
const asserted = `${type}&client_assertion=e30.${payload}.AA`;

test.each(['', '&client_id=c'])('reads an assertion, whose subject is the client%s', (also) => {
  const assertion = `e30.${payload}.AA`;
  const value = { method: 'private_key_jwt', clientId: 'c', assertion };
  expect(present(undefined, `${asserted}${also}`)).toEqual({ ok: true, value });
});

test('goes by client_id where an assertion names nobody', () => {
  const presented = present(undefined, `${type}&client_assertion=x&client_id=d`);
  expect(presented).toMatchObject({ ok: true, value: { method: 'private_key_jwt' } });
});

test('takes a client_id beside Basic as no second method', () => {
  expect(present(basic('c:s'), 'client_id=c').ok).toBe(true);
});

test.each([
  ['a secret in both places', basic('c:s'), 'client_id=c&client_secret=s', 'several_methods'],
  ['another client_id in the form', basic('c:s'), 'client_id=d', 'several_methods'],
  ['an assertion beside Basic', basic('c:s'), asserted, 'several_methods'],
  ['an assertion beside a secret', undefined, `${asserted}&client_secret=s`, 'several_methods'],
  ['the type of an assertion beside Basic', basic('c:s'), type, 'several_methods'],
  ['another client than the assertion’s', undefined, `${asserted}&client_id=d`, 'several_methods'],
  ['an assertion without its type', undefined, 'client_assertion=x', 'malformed_assertion'],
  ['a type without assertion', undefined, `${type}&client_id=c`, 'malformed_assertion'],
  [
    'an assertion of another type',
    undefined,
    `client_assertion_type=saml2-bearer&client_assertion=x&client_id=c`,
    'malformed_assertion',
  ],
  ['an assertion of nobody', undefined, `${type}&client_assertion=x`, 'malformed_assertion'],
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
