/** A person's own page of personal access tokens. */
import { type Html, html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';
import { timeOf } from './time.ts';

export interface TokensFrame {
  readonly action: string;
  readonly back: string;
  readonly token: string;
}

export interface TokensView extends TokensFrame {
  /** What went wrong, in words. */
  readonly problem: string | undefined;
  readonly pats: readonly {
    readonly id: string;
    readonly name: string;
    /** What it may now. */
    readonly scopes: readonly string[];
    readonly state: 'good' | 'waiting' | 'stopped';
    readonly expiresAt: number;
    readonly lastUsedAt: number | undefined;
  }[];
  /** What a new one may be; undefined: this person makes none. */
  readonly choice: TokenChoice | undefined;
  /** Whether the sign-in is recent enough to make one. */
  readonly isFresh: boolean;
}

export interface TokenChoice {
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly days: readonly number[];
  readonly requiresApproval: boolean;
}

export function tokensPage(words: Words, view: TokensView): Page {
  const { say } = words;
  const { choice, problem } = view;
  return {
    title: say('tokens'),
    formAction: "'self'",
    body: html`${problem === undefined ? undefined : html`<p role="alert">${problem}</p>`}
<p>${say('tokensHint')}</p>
<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
${view.pats.length === 0 ? html`<p>${say('noConsents')}</p>` : patTable(words, view)}
</form>
${choice === undefined ? html`<p>${say('tokensNone')}</p>` : newOne(words, view, choice)}
<p><a href="${view.back}">${say('back')}</a></p>`,
  };
}

function patTable(words: Words, { pats }: TokensView): Html {
  const { say } = words;
  const rows = pats.map(
    (pat) => html`<tr><td>${pat.name}${stateOf(words, pat.state)}<br>${pat.scopes.join(', ')}</td>
<td>${timeOf(words, pat.expiresAt)}</td>
<td>${pat.lastUsedAt === undefined ? say('neverUsed') : timeOf(words, pat.lastUsedAt)}</td>
<td><button name="revoke" value="${pat.id}">${say('revokeToken')}</button></td></tr>
`,
  );
  return html`<table>
<tr><th scope="col">${say('tokenName')}</th><th scope="col">${say('tokenEnds')}</th>
<th scope="col">${say('lastUsed')}</th><td></td></tr>
${rows}</table>`;
}

function stateOf({ say }: Words, state: TokensView['pats'][number]['state']): Html | undefined {
  if (state === 'good') return undefined;
  return html` <strong>(${say(state === 'waiting' ? 'tokenWaits' : 'tokenStopped')})</strong>`;
}

function newOne(words: Words, view: TokensView, choice: TokenChoice): Html {
  return view.isFresh ? newForm(words, view, choice) : confirmForm(words, view);
}

/** A page of its own comes first, so that nothing that was typed is lost on the way. */
function confirmForm({ say }: Words, { action, token }: TokensView): Html {
  return html`<h2>${say('newToken')}</h2>
<p>${say('tokenConfirm')}</p>
<form method="post" action="${action}">
<input type="hidden" name="token" value="${token}">
<div class="buttons"><button type="submit" name="confirm" value="1">${say('goOn')}</button></div>
</form>`;
}

function newForm(words: Words, view: TokensView, choice: TokenChoice): Html {
  const { say } = words;
  const days = choice.days.map(
    (count) =>
      html`<option value="${String(count)}">${say('days', { count: String(count) })}</option>`,
  );
  return html`<h2>${say('newToken')}</h2>
${choice.requiresApproval ? html`<p class="warning">${say('tokenNeedsApproval')}</p>` : undefined}
<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
<label for="name">${say('tokenName')}</label>
<input id="name" name="name" maxlength="200" required autocomplete="off">
<fieldset><legend>${say('mayDo')}</legend>
${choice.scopes.map((scope, at) => box(`scope_${at}`, scope))}</fieldset>
${choice.resources.length === 0 ? undefined : resourceBoxes(words, choice.resources)}
<label for="days">${say('tokenEnds')}</label>
<select id="days" name="days">${days}</select>
<div class="buttons">
<button type="submit" name="create" value="1">${say('makeToken')}</button>
</div>
</form>`;
}

function resourceBoxes({ say }: Words, resources: readonly string[]): Html {
  return html`<fieldset><legend>${say('tokenResources')}</legend>
${resources.map((one, at) => box(`resource_${at}`, one))}</fieldset>`;
}

function box(name: string, value: string): Html {
  return html`<div class="choice"><label><input type="checkbox" name="${name}" value="${value}">
${value}</label></div>
`;
}

/** The text of a token that was just made: in this answer only. */
export function newTokenPage(
  { say }: Words,
  view: { readonly back: string; readonly name: string; readonly text: string },
): Page {
  return {
    title: say('newToken'),
    body: html`<p>${say('tokenShownOnce', { name: view.name })}</p>
<p><code id="pat">${view.text}</code></p>
<p><a href="${view.back}">${say('goOn')}</a></p>`,
  };
}
