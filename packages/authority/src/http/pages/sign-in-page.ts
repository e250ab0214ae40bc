/** The sign-in page: who are you, and prove it. */
import { type Html, html } from './html.ts';
import type { Page } from './layout.ts';
import type { MessageName, Words } from './messages.ts';

export interface SignInView {
  readonly action: string;
  /** Hidden fields that tie the form to its sign-in and browser. */
  readonly signIn: string;
  readonly token: string;
  /** Undefined where nobody asked but the person. */
  readonly clientName: string | undefined;
  readonly why: MessageName | undefined;
  /** What went wrong with the last try, in words. */
  readonly problem: string | undefined;
  readonly username: string | undefined;
  /** Who is signed in, where that account may be gone on with. */
  readonly continueAs: string | undefined;
  readonly formAction: string;
  /** Where a new password can be asked for, if it can. */
  readonly forgotUrl: string | undefined;
}

export function signInPage(words: Words, view: SignInView): Page {
  const { say } = words;
  const isNamed = view.username !== undefined && view.username !== '';
  return {
    ...(view.problem === undefined ? {} : { status: 422 }),
    title: say('signIn'),
    formAction: view.formAction,
    body: html`${introduction(words, view)}
<form method="post" action="${view.action}">
<input type="hidden" name="transaction" value="${view.signIn}">
<input type="hidden" name="token" value="${view.token}">
<label for="username">${say('username')}</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none"
 spellcheck="false" required${focus(!isNamed)} value="${view.username}"${describedBy(view)}>
<label for="password">${say('password')}</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 required${focus(isNamed)}${describedBy(view)}>
<div class="buttons">
<button type="submit">${say('signIn')}</button>
${button('passkey', say('withPasskey'))}
${view.continueAs && button('continue', say('continueAs', { user: view.continueAs }))}
${view.clientName && button('deny', say('cancel'))}
</div>
</form>
${view.forgotUrl && html`<p><a href="${view.forgotUrl}">${say('forgot')}</a></p>`}`,
  };
}

function introduction({ say }: Words, { clientName, why, problem }: SignInView): readonly Html[] {
  const client = clientName ?? '';
  return [
    ...(clientName === undefined ? [] : [html`<p>${say('signInTo', { client })}</p>`]),
    ...(why === undefined ? [] : [html`<p>${say(why, { client })}</p>`]),
    ...(problem === undefined ? [] : [html`<p role="alert" id="problem">${problem}</p>`]),
  ];
}

function button(name: string, text: string): Html {
  return html`<button name="${name}" value="1" formnovalidate>${text}</button>`;
}

function focus(isHere: boolean): Html | undefined {
  return isHere ? html` autofocus` : undefined;
}

function describedBy({ problem }: SignInView): Html | undefined {
  return problem === undefined ? undefined : html` aria-describedby="problem"`;
}
