/** How a client presented its secret: `Authorization: Basic`, or the form (RFC 6749 §2.3.1). */
import { base64Decode, err, ok, parseClientId, type Result, utf8Decode } from '@mintmark/core';
import type { PresentedSecret } from '../clients/authenticate.ts';
import { type Form, formDecode } from './form.ts';

export type PresentedRefusal =
  | { readonly reason: 'several_methods' }
  | { readonly reason: 'malformed_basic' };

/**
 * @returns the one method that was used, or undefined where there was none; two methods in one
 *   request are refused (RFC 6749 §2.3), a `client_id` beside Basic is not a second one as long as
 *   it names the same client
 */
export function presentedSecret(
  authorization: string | undefined,
  form: Form,
): Result<PresentedSecret | undefined, PresentedRefusal> {
  const formId = form.get('client_id');
  const formSecret = form.get('client_secret');
  if (authorization !== undefined) {
    const basic = parseBasic(authorization);
    if (basic === undefined) return err({ reason: 'malformed_basic' });
    if (formSecret !== undefined) return err({ reason: 'several_methods' });
    if (formId !== undefined && formId !== basic.clientId)
      return err({ reason: 'several_methods' });
    return ok(basic);
  }
  if (formId === undefined || formSecret === undefined) return ok(undefined);
  const clientId = parseClientId(formId);
  if (!clientId.ok) return ok(undefined);
  return ok({ method: 'client_secret_post', clientId: clientId.value, secret: formSecret });
}

function parseBasic(authorization: string): PresentedSecret | undefined {
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
