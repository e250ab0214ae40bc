/** The consent page: what an application asks for, and where the answer goes. */
import type { DescribedDetail } from '../../details/describe-detail.ts';
import { type Html, html } from './html.ts';
import type { Page } from './layout.ts';
import type { MessageName, Words } from './messages.ts';

export interface ConsentView {
  readonly action: string;
  readonly signIn: string;
  readonly token: string;
  readonly clientName: string;
  /** Its id, where it named itself and no administrator vouches for the name. */
  readonly unvetted: string | undefined;
  readonly username: string;
  readonly scopes: readonly string[];
  /** Those of them that are listed: what the rest would give is not the person's to give. */
  readonly offered: readonly string[];
  /** Those of them that the person cannot leave out. */
  readonly required: readonly string[];
  readonly resources: readonly string[];
  readonly claims: readonly string[];
  readonly details: readonly DescribedDetail[];
  /** Where the person is sent, as much of it as people can judge. */
  readonly destination: string;
  readonly isLoopback: boolean;
  /** What the application says of itself: pages of its own, to read. */
  readonly policyUri: string | undefined;
  readonly tosUri: string | undefined;
  readonly formAction: string;
}

const described: ReadonlySet<string> = new Set([
  'openid',
  'profile',
  'email',
  'address',
  'phone',
  'offline_access',
]);

export function consentPage(words: Words, view: ConsentView): Page {
  const { say } = words;
  const { destination, isLoopback } = view;
  const place = isLoopback
    ? html`<p class="warning">${say('goesToLoopback', { destination })}</p>`
    : html`<p>${say('goesTo', { destination })}</p>`;
  return {
    title: say('consentTo', { client: view.clientName }),
    formAction: view.formAction,
    body: html`<p>${say('signedInAs', { user: view.username })}</p>
${unvettedNote(words, view)}
<form method="post" action="${view.action}">
<input type="hidden" name="transaction" value="${view.signIn}">
<input type="hidden" name="token" value="${view.token}">
${scopeChoice(words, view)}
${view.details.map(detailBlock)}
${listOf(say('at'), view.resources)}
${listOf(say('claims'), view.claims)}
${place}
${reading(words, view)}
<div class="buttons">
<button type="submit" name="parts" value="1">${say('allow')}</button>
<button name="deny" value="1">${say('deny')}</button>
</div>
</form>`,
  };
}

/** A box for each scope that the person may leave out. */
function scopeChoice(words: Words, view: ConsentView): Html | undefined {
  const { scopes, offered, required } = view;
  if (offered.length === 0) return undefined;
  const items = scopesInWords(words, offered).map((text, index) => {
    const scope = offered[index]!;
    const place = String(scopes.indexOf(scope));
    return required.includes(scope)
      ? html`<li>${text}</li>`
      : html`<li class="choice"><label>
<input type="checkbox" name="scope.${place}" value="1" checked> ${text}</label></li>`;
  });
  return html`<h2>${words.say('wants')}</h2>
<ul>${items}</ul>
`;
}

export function scopesInWords({ say }: Words, scopes: readonly string[]): readonly string[] {
  return scopes.map((scope) =>
    described.has(scope) ? say(scope as MessageName) : say('otherScope', { scope }),
  );
}

export function unvettedNote(
  { say }: Words,
  { clientName, unvetted }: Pick<ConsentView, 'clientName' | 'unvetted'>,
): Html | undefined {
  if (unvetted === undefined) return undefined;
  return html`<p class="warning">${say('unvetted', { client: clientName, id: unvetted })}</p>`;
}

/** All of it stands there: what the sentence leaves out is listed under it. */
export function detailBlock({ sentence, lines }: DescribedDetail): Html {
  const rows = lines.map(({ label, value }) => html`<dt>${label}</dt><dd>${value}</dd>`);
  return html`<section class="detail"><h2>${sentence}</h2>
${rows.length === 0 ? undefined : html`<dl>${rows}</dl>`}</section>
`;
}

/** Nothing where there is nothing in it. */
export function listOf(title: string, items: readonly string[]): Html | undefined {
  if (items.length === 0) return undefined;
  return html`<h2>${title}</h2>
<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>
`;
}

/** OpenID Connect Dynamic Client Registration §2. The address is shown: nobody vouches for it. */
function reading({ say }: Words, { policyUri, tosUri }: ConsentView): Html | undefined {
  if (policyUri === undefined && tosUri === undefined) return undefined;
  return html`<ul>${link(say('policy'), policyUri)}${link(say('terms'), tosUri)}</ul>`;
}

function link(text: string, uri: string | undefined): Html | undefined {
  if (uri === undefined) return undefined;
  const there = html`<a href="${uri}" target="_blank" rel="noopener noreferrer">${uri}</a>`;
  return html`<li>${text}: ${there}</li>`;
}
