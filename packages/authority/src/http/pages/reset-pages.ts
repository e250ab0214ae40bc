/** The pages of a forgotten password: asking for a link, what was done, and the new password. */
import { html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';

export interface ResetFormView {
  readonly action: string;
  /** Ties the form to its browser. */
  readonly token: string;
  /** What went wrong with the last try, in words. */
  readonly problem: string | undefined;
}

export function forgotPage({ say }: Words, view: ResetFormView): Page {
  return {
    ...statusOf(view),
    title: say('forgotPassword'),
    formAction: "'self'",
    body: html`${problemOf(view)}<p>${say('forgotHint')}</p>
<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
<label for="username">${say('username')}</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none"
 spellcheck="false" required autofocus>
<div class="buttons"><button type="submit">${say('sendLink')}</button></div>
</form>`,
  };
}

/** The same whoever was named. */
export function sentPage({ say }: Words): Page {
  return {
    title: say('forgotPassword'),
    body: html`<p role="status">${say('linkSent')}</p>`,
  };
}

export function newPasswordPage(
  { say }: Words,
  view: ResetFormView & { readonly reset: string },
): Page {
  return {
    ...statusOf(view),
    title: say('newPassword'),
    formAction: "'self'",
    body: html`${problemOf(view)}<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
<input type="hidden" name="reset" value="${view.reset}">
<label for="password">${say('newPassword')}</label>
<input id="password" name="password" type="password" autocomplete="new-password" required autofocus>
<div class="buttons"><button type="submit">${say('save')}</button></div>
</form>`,
  };
}

export function passwordSetPage({ say }: Words, signInUrl: string): Page {
  return {
    title: say('newPassword'),
    body: html`<p role="status">${say('passwordSet')}</p>
<p><a href="${signInUrl}">${say('signIn')}</a></p>`,
  };
}

function statusOf({ problem }: ResetFormView) {
  return problem === undefined ? {} : { status: 422 };
}

function problemOf({ problem }: ResetFormView) {
  return problem === undefined ? undefined : html`<p role="alert">${problem}</p>\n`;
}
