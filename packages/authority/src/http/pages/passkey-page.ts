/** Signing in with a passkey: the one step of a sign-in that needs a script. */
import { html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';
import { passkeyScript } from './passkey-script.ts';

export interface PasskeyView {
  readonly action: string;
  /** Hidden fields that tie the form to its sign-in and browser. */
  readonly signIn: string;
  readonly token: string;
  /** For `navigator.credentials.get`, as JSON. */
  readonly options: string;
  readonly formAction: string;
}

export function passkeyPage({ say }: Words, view: PasskeyView): Page {
  return {
    title: say('withPasskey'),
    formAction: view.formAction,
    script: passkeyScript,
    body: html`<p id="trouble" role="alert" hidden>${say('passkeyTrouble')}</p>
<noscript><p role="alert">${say('needsScript')}</p></noscript>
<form method="post" action="${view.action}">
<input type="hidden" name="transaction" value="${view.signIn}">
<input type="hidden" name="token" value="${view.token}">
<input type="hidden" name="response" value="">
<div class="buttons">
<button type="submit" id="passkey" name="do" value="passkey" data-kind="get"
 data-options="${view.options}" autofocus>${say('withPasskey')}</button>
<button name="do" value="password">${say('back')}</button>
</div>
</form>`,
  };
}
