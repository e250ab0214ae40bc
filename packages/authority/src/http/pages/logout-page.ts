/** Before and after signing out. */
import { type Html, html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';

export interface LogoutView {
  readonly action: string;
  readonly token: string;
  readonly clientId: string | undefined;
  readonly clientName: string | undefined;
  readonly username: string;
  readonly returnTo: { readonly uri: string; readonly state: string | undefined } | undefined;
  readonly formAction: string;
}

export function logoutPage(words: Words, view: LogoutView): Page {
  const { say } = words;
  const { clientName, clientId, returnTo } = view;
  return {
    title: say('signOut'),
    formAction: view.formAction,
    body: html`<p>${say('signedInAs', { user: view.username })}</p>
${clientName && html`<p>${say('signOutAskedBy', { client: clientName })}</p>`}
<form method="post" action="${view.action}">
${hidden('token', view.token)}${hidden('client_id', clientId)}
${hidden('post_logout_redirect_uri', returnTo?.uri)}${hidden('state', returnTo?.state)}
<div class="buttons">
<button type="submit">${say('signOut')}</button>
<button name="deny" value="1">${say('staySignedIn')}</button>
</div>
</form>`,
  };
}

export function signedOutPage({ say }: Words): Page {
  return { title: say('signedOut'), body: html`<p>${say('signedOutHint')}</p>` };
}

function hidden(name: string, value: string | undefined): Html | undefined {
  return value === undefined
    ? undefined
    : html`<input type="hidden" name="${name}" value="${value}">`;
}
