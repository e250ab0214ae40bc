/** What applications ask a person by the back channel, each with the two answers. */
import type { DescribedDetail } from '../../details/describe-detail.ts';
import { detailBlock, scopesInWords, unvettedNote } from './consent-page.ts';
import { type Html, html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';
import { timeOf } from './time.ts';

export interface RequestsView {
  readonly action: string;
  readonly account: string;
  readonly token: string;
  readonly username: string;
  readonly requests: readonly WaitingRequest[];
}

interface WaitingRequest {
  readonly id: string;
  readonly clientName: string;
  /** Its id, where it named itself and no administrator vouches for the name. */
  readonly unvetted: string | undefined;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly details: readonly DescribedDetail[];
  readonly bindingMessage: string | null;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** False where it asks for a stronger sign-in than this one. */
  readonly isStrongEnough: boolean;
}

export function requestsPage(words: Words, view: RequestsView): Page {
  const { say } = words;
  return {
    title: say('requests'),
    formAction: "'self'",
    body: html`<p>${say('signedInAs', { user: view.username })}
<a href="${view.account}">${say('account')}</a></p>
<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
${view.requests.length === 0 ? html`<p>${say('noRequests')}</p>` : undefined}
${view.requests.map((request) => requestOf(words, request))}
</form>`,
  };
}

function requestOf(words: Words, request: WaitingRequest): Html {
  const { say } = words;
  const { id, clientName, resources } = request;
  const places = resources.map((resource) => `${say('at')} ${resource}`);
  const items = [...scopesInWords(words, request.scopes), ...places];
  return html`<section>
<h2>${say('consentTo', { client: clientName })}</h2>
${unvettedNote(words, request)}
${messageOf(words, request)}
<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>
${request.details.map(detailBlock)}
<p>${timeOf(words, request.createdAt)}</p>
${request.isStrongEnough ? undefined : html`<p role="alert">${say('stronger')}</p>`}
<div class="buttons">
${request.isStrongEnough ? allowButton(words, id) : undefined}
<button name="deny" value="${id}">${say('deny')}</button>
</div>
</section>
`;
}

function messageOf({ say }: Words, { bindingMessage }: WaitingRequest): Html | undefined {
  if (bindingMessage === null) return undefined;
  return html`<p>${say('bindingMessage')} <strong>${bindingMessage}</strong></p>`;
}

function allowButton({ say }: Words, id: string): Html {
  return html`<button type="submit" name="approve" value="${id}">${say('allow')}</button>`;
}
