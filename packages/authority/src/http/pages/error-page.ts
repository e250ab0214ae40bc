/** What a person is told where there is no application to send them back to. */
import { html } from './html.ts';
import type { Page } from './layout.ts';
import type { MessageName, Words } from './messages.ts';

export function errorPage(
  words: Words,
  input: { readonly status: number; readonly message: MessageName },
): Page {
  const { say } = words;
  const { status, message } = input;
  return {
    status,
    title: say('error'),
    body: html`<p role="alert">${say(message)}</p>
<p>${say('errorHint')} <code>${message}</code></p>`,
  };
}
