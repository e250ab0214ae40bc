/** The second step of a sign-in: a code of an app, or a recovery code. */
import { html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';

export interface CodeView {
  readonly action: string;
  /** Hidden fields that tie the form to its sign-in, its browser, and the password before it. */
  readonly signIn: string;
  readonly token: string;
  readonly halfway: string;
  /** What went wrong with the last try, in words. */
  readonly problem: string | undefined;
  readonly formAction: string;
}

export function codePage({ say }: Words, view: CodeView): Page {
  const { problem } = view;
  return {
    ...(problem === undefined ? {} : { status: 422 }),
    title: say('secondStep'),
    formAction: view.formAction,
    body: html`${
      problem === undefined
        ? undefined
        : html`<p role="alert" id="problem">${problem}</p>
`
    }<form method="post" action="${view.action}">
<input type="hidden" name="transaction" value="${view.signIn}">
<input type="hidden" name="token" value="${view.token}">
<input type="hidden" name="halfway" value="${view.halfway}">
<p id="hint">${say('secondStepHint')}</p>
<label for="code">${say('code')}</label>
<input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false"
 required autofocus aria-describedby="hint${problem === undefined ? '' : ' problem'}">
<div class="buttons">
<button type="submit">${say('signIn')}</button>
<button name="deny" value="1" formnovalidate>${say('cancel')}</button>
</div>
</form>`,
  };
}
