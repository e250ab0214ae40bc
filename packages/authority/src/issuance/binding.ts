/** The key that a token is bound to, as the rows of opaque tokens keep it. */
import { strict as assert } from 'node:assert';
import { parseConfirmation, type TokenBinding } from '@mintmark/core';

/** @returns null for a token of whoever bears it */
export function bindingText(binding: TokenBinding | undefined): string | null {
  return binding === undefined ? null : `${binding.by} ${binding.thumbprint}`;
}

export function bindingOf(text: string | null): TokenBinding | undefined {
  if (text === null) return undefined;
  const [by = '', thumbprint = ''] = text.split(' ');
  const binding = parseConfirmation({ [by]: thumbprint });
  // To pass it for a bearer's would be to unbind it.
  assert(binding !== undefined, 'a token is bound by a means that nobody knows');
  return binding;
}
