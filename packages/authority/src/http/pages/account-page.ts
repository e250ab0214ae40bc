/** A person's own page: where they are signed in, and which applications they allowed what. */
import { type Html, html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';
import { timeOf } from './time.ts';

export interface AccountView {
  readonly action: string;
  readonly signOut: string;
  /** Where the person changes what signs them in. */
  readonly security: string;
  /** Where the person answers applications that ask by the back channel. */
  readonly requests: string;
  /** Where the person makes tokens for programs. */
  readonly tokens: string;
  readonly token: string;
  readonly username: string;
  /** The session that looks at the page. */
  readonly current: string;
  readonly sessions: readonly {
    readonly id: string;
    readonly device: string;
    readonly authenticatedAt: number;
    readonly seenAt: number;
  }[];
  readonly consents: readonly {
    readonly clientId: string;
    readonly name: string;
    readonly scopes: readonly string[];
    readonly updatedAt: number;
  }[];
  readonly devices: readonly {
    readonly family: string;
    readonly clientId: string;
    readonly name: string;
    readonly createdAt: number;
    readonly usedAt: number;
  }[];
}

export function accountPage(words: Words, view: AccountView): Page {
  const { say } = words;
  return {
    title: say('account'),
    formAction: "'self'",
    body: html`<p>${say('signedInAs', { user: view.username })}
<a href="${view.signOut}">${say('signOut')}</a></p>
<p><a href="${view.security}">${say('security')}</a></p>
<p><a href="${view.requests}">${say('requests')}</a></p>
<p><a href="${view.tokens}">${say('tokens')}</a></p>
<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
<h2>${say('sessions')}</h2>
<table>
<tr><th scope="col">${say('device')}</th><th scope="col">${say('lastSeen')}</th><td></td></tr>
${view.sessions.map((session) => sessionRow(words, view, session))}
</table>
<h2>${say('consents')}</h2>
${view.consents.length === 0 ? html`<p>${say('noConsents')}</p>` : consentTable(words, view)}
<h2>${say('devices')}</h2>
${view.devices.length === 0 ? html`<p>${say('noConsents')}</p>` : deviceTable(words, view)}
</form>`,
  };
}

function sessionRow(
  words: Words,
  { current }: AccountView,
  session: AccountView['sessions'][number],
): Html {
  const { say } = words;
  const device = session.device === '' ? say('unknownDevice') : session.device;
  const here = session.id === current ? html` <strong>${say('thisBrowser')}</strong>` : undefined;
  return html`<tr><td>${device}${here}</td><td>${timeOf(words, session.seenAt)}</td>
<td><button name="end_session" value="${session.id}">${say('end')}</button></td></tr>
`;
}

function consentTable(words: Words, { consents }: AccountView): Html {
  const { say } = words;
  const rows = consents.map(
    ({ clientId, name, scopes, updatedAt }) => html`<tr><td>${name}</td>
<td>${scopes.join(', ')}</td><td>${timeOf(words, updatedAt)}</td>
<td><button name="withdraw" value="${clientId}">${say('withdraw')}</button></td></tr>
`,
  );
  return html`<table>
<tr><th scope="col">${say('application')}</th><th scope="col">${say('mayDo')}</th>
<th scope="col">${say('since')}</th><td></td></tr>
${rows}</table>`;
}

/** One row for each sign-in of an application that goes on by itself. */
function deviceTable(words: Words, { devices }: AccountView): Html {
  const { say } = words;
  const rows = devices.map(
    ({ family, clientId, name, createdAt, usedAt }) => html`<tr><td>${name}</td>
<td>${timeOf(words, createdAt)}</td><td>${timeOf(words, usedAt)}</td>
<td><button name="end_device" value="${`${family} ${clientId}`}">${say('end')}</button></td></tr>
`,
  );
  return html`<table>
<tr><th scope="col">${say('application')}</th><th scope="col">${say('since')}</th>
<th scope="col">${say('lastSeen')}</th><td></td></tr>
${rows}</table>`;
}
