/** How a client says who it is: `Authorization: Basic`, or the form (RFC 6749 §2.3). */
import {
  base64Decode,
  err,
  ok,
  type PeerCertificate,
  parseClientId,
  type Result,
  utf8Decode,
} from '@mintmark/core';
import { assertionSubject } from '@mintmark/tokens';
import type { PresentedClient } from '../clients/authenticate.ts';
import { type Form, formDecode } from './form.ts';

export type PresentedRefusal =
  | { readonly reason: 'several_methods' }
  | { readonly reason: 'malformed_basic' }
  | { readonly reason: 'malformed_assertion' };

/** RFC 7523 §2.2: the one kind of assertion that we know. */
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * @returns the one method that was used, or undefined where not even a `client_id` was given; two
 *   methods in one request are refused (RFC 6749 §2.3), a `client_id` beside a method is not a
 *   second one as long as it names the same client, nor is a certificate
 */
export function presentedClient(
  authorization: string | undefined,
  form: Form,
  certificate: PeerCertificate | undefined,
): Result<PresentedClient | undefined, PresentedRefusal> {
  const formId = form.get('client_id');
  const secret = form.get('client_secret');
  const assertion = form.get('client_assertion');
  const type = form.get('client_assertion_type');
  const isAsserted = assertion !== undefined || type !== undefined;
  const methods = [authorization !== undefined, secret !== undefined, isAsserted];
  if (methods.filter(Boolean).length > 1) return err({ reason: 'several_methods' });
  if (authorization !== undefined) {
    const basic = parseBasic(authorization);
    if (basic === undefined) return err({ reason: 'malformed_basic' });
    if (formId !== undefined && formId !== basic.clientId)
      return err({ reason: 'several_methods' });
    return ok(basic);
  }
  if (isAsserted) return readAssertion({ assertion, type, formId });
  const clientId = parseClientId(formId ?? '');
  if (!clientId.ok) return ok(undefined);
  if (secret === undefined) {
    return ok({ method: 'none', clientId: clientId.value, certificate });
  }
  return ok({ method: 'client_secret_post', clientId: clientId.value, secret });
}

/** RFC 7521 §4.2: `client_id` may be left out; where it is given, it is the assertion's subject. */
function readAssertion(input: {
  readonly assertion: string | undefined;
  readonly type: string | undefined;
  readonly formId: string | undefined;
}): Result<PresentedClient, PresentedRefusal> {
  const { assertion, type, formId } = input;
  if (assertion === undefined || type !== assertionType) {
    return err({ reason: 'malformed_assertion' });
  }
  const subject = assertionSubject(assertion);
  const clientId = parseClientId(subject ?? formId ?? '');
  if (!clientId.ok) return err({ reason: 'malformed_assertion' });
  if (formId !== undefined && formId !== clientId.value) return err({ reason: 'several_methods' });
  return ok({ method: 'private_key_jwt', clientId: clientId.value, assertion });
}

function parseBasic(authorization: string): PresentedClient | undefined {
  const match = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization);
  const bytes = match?.[1] === undefined ? undefined : base64Decode(match[1]);
  const text = bytes === undefined ? undefined : utf8Decode(bytes);
  // A slice of a pool that lives on and is not cleared for its next user.
  bytes?.fill(0);
  if (text === undefined) return undefined;
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  // Both halves are form-encoded before they are joined.
  const id = formDecode(text.slice(0, colon));
  const secret = formDecode(text.slice(colon + 1));
  const clientId = id === undefined ? undefined : parseClientId(id);
  if (secret === undefined || clientId === undefined || !clientId.ok) return undefined;
  return { method: 'client_secret_basic', clientId: clientId.value, secret };
}
