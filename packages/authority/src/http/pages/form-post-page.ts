/**
 * The answer to a client as a form that the browser sends (OAuth 2.0 Form Post Response Mode). A
 * script of one line sends it; without scripts the person does, by its button.
 */
import { html } from './html.ts';
import { formActionTo, type Page } from './layout.ts';
import type { Words } from './messages.ts';

const script = 'document.forms[0].submit()';

export function formPostPage(
  words: Words,
  input: {
    readonly action: string;
    readonly fields: readonly (readonly [name: string, value: string])[];
  },
): Page {
  const { action, fields } = input;
  return {
    title: words.say('goOn'),
    formAction: formActionTo(action),
    script,
    body: html`<form method="post" action="${action}">
${fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">\n`)}
<div class="buttons"><button type="submit">${words.say('goOn')}</button></div>
</form>`,
  };
}
