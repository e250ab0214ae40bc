/** A person's own page of what signs them in: password, app, recovery codes, passkeys. */
import { type Html, html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';
import { passkeyScript } from './passkey-script.ts';
import { qrCode } from './qr-code.ts';

export interface SecurityFrame {
  readonly action: string;
  readonly back: string;
  /** Ties the form to its session and browser. */
  readonly token: string;
  /** What went wrong, in words. */
  readonly problem: string | undefined;
}

export interface SecurityView extends SecurityFrame {
  readonly username: string;
  readonly totp: boolean;
  readonly recoveryCodesLeft: number;
  readonly passkeys: readonly { readonly credentialId: string; readonly name: string }[];
}

export function securityPage(words: Words, view: SecurityView): Page {
  const { say } = words;
  return framed(
    words,
    view,
    html`<p>${say('signedInAs', { user: view.username })}</p>
<input type="hidden" name="username" autocomplete="username" value="${view.username}">
<label for="current">${say('currentPassword')}</label>
<input id="current" name="current" type="password" autocomplete="current-password" required>
<h2>${say('newPassword')}</h2>
<label for="password">${say('newPassword')}</label>
<input id="password" name="password" type="password" autocomplete="new-password">
${buttons([['password', say('save')]])}
<h2>${say('app')}</h2>
<p>${say(view.totp ? 'appIsSet' : 'appIsNotSet')}</p>
${buttons([view.totp ? ['totp_remove', say('removeApp')] : ['totp_begin', say('setUpApp')]])}
<h2>${say('recoveryCodes')}</h2>
<p>${say('codesLeft', { count: String(view.recoveryCodesLeft) })}</p>
${buttons([['recovery', say('makeCodes')]])}
<h2>${say('passkeys')}</h2>
${view.passkeys.map(({ credentialId, name }) => passkeyRow(words, { credentialId, name }))}
${buttons([['passkey_begin', say('addPasskey')]])}`,
  );
}

function passkeyRow({ say }: Words, one: { readonly credentialId: string; readonly name: string }) {
  return html`<p>${one.name} <button name="remove_passkey" value="${one.credentialId}">${say(
    'remove',
  )}</button></p>
`;
}

/** The secret for the app, and the field for its first code. */
export function appPage(
  words: Words,
  view: SecurityFrame & { readonly secret: string; readonly uri: string },
): Page {
  const { say } = words;
  return framed(
    words,
    view,
    html`<p>${say('appHint')}</p>
<p>${qrCode(view.uri, say('qrCode'))}</p>
<p><code>${view.secret.replace(/(.{4})(?=.)/g, '$1 ')}</code></p>
<p><a href="${view.uri}">${say('openApp')}</a></p>
<input type="hidden" name="secret" value="${view.secret}">
<input type="hidden" name="uri" value="${view.uri}">
<label for="code">${say('code')}</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required autofocus>
${buttons([['totp_confirm', say('save')]])}`,
  );
}

/** Shown once. */
export function codesPage(
  words: Words,
  view: SecurityFrame & { readonly codes: readonly string[] },
): Page {
  const { say } = words;
  return {
    title: say('recoveryCodes'),
    body: html`<p>${say('codesHint')}</p>
<ul>${view.codes.map((code) => html`<li><code>${code}</code></li>`)}</ul>
<p><a href="${view.action}">${say('goOn')}</a></p>`,
  };
}

/** The one page that needs a script: the browser makes the key. */
export function addPasskeyPage(
  words: Words,
  view: SecurityFrame & { readonly options: string },
): Page {
  const { say } = words;
  return {
    ...framed(
      words,
      view,
      html`<p id="trouble" role="alert" hidden>${say('passkeyTrouble')}</p>
<noscript><p role="alert">${say('needsScript')}</p></noscript>
<input type="hidden" name="response" value="">
<label for="name">${say('passkeyName')}</label>
<input id="name" name="name" maxlength="100" required>
<div class="buttons"><button type="submit" id="passkey" name="do" value="passkey_finish"
 data-kind="create" data-options="${view.options}">${say('addPasskey')}</button></div>`,
    ),
    script: passkeyScript,
  };
}

function framed({ say }: Words, view: SecurityFrame, body: Html): Page {
  const { problem } = view;
  return {
    ...(problem === undefined ? {} : { status: 422 }),
    title: say('security'),
    formAction: "'self'",
    body: html`${problem && html`<p role="alert">${problem}</p>\n`}
<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
${body}
</form>
<p><a href="${view.back}">${say('back')}</a></p>`,
  };
}

function buttons(list: readonly (readonly [action: string, text: string])[]): Html {
  return html`<div class="buttons">${list.map(
    ([action, text]) => html`<button name="do" value="${action}">${text}</button>`,
  )}</div>`;
}
