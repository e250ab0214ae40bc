/** A moment for people to read. */
import { type Html, html } from './html.ts';
import type { Words } from './messages.ts';

/** UTC, because we know of no other clock of the person's. @param at unix milliseconds */
export function timeOf({ language }: Words, at: number): Html {
  const date = new Date(at);
  const format = { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' } as const;
  const text = `${new Intl.DateTimeFormat(language, format).format(date)} UTC`;
  return html`<time datetime="${date.toISOString()}">${text}</time>`;
}
