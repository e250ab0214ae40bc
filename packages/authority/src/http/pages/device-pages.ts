/**
 * The pages of a device grant (RFC 8628 §3.3): the code, the question, and the way back to the
 * device. The question says who asks for what from where, and that a code which somebody sent is a
 * trap (§5.4).
 */

import type { DescribedDetail } from '../../details/describe-detail.ts';
import { detailBlock, listOf, scopesInWords, unvettedNote } from './consent-page.ts';
import { type Html, html } from './html.ts';
import type { Page } from './layout.ts';
import type { Words } from './messages.ts';

export interface CodeEntryView {
  readonly action: string;
  readonly token: string;
  /** What went wrong with the last try, in words. */
  readonly problem: string | undefined;
  readonly status: number;
  /** What stood in the field. */
  readonly typed: string;
}

export function codeEntryPage({ say }: Words, view: CodeEntryView): Page {
  const { problem, status } = view;
  return {
    status,
    title: say('deviceCode'),
    formAction: "'self'",
    body: html`${problem && html`<p role="alert" id="problem">${problem}</p>\n`}
<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
<p id="hint">${say('deviceCodeHint')}</p>
<label for="user_code">${say('code')}</label>
<input id="user_code" name="user_code" autocomplete="off" autocapitalize="characters"
 spellcheck="false" required autofocus value="${view.typed}"
 aria-describedby="hint${problem === undefined ? '' : ' problem'}">
<div class="buttons"><button type="submit">${say('goOn')}</button></div>
</form>`,
  };
}

/** The code came in the address (RFC 8628 §3.3.1): the person compares it with the device's. */
export function codeConfirmPage(
  { say }: Words,
  view: { readonly action: string; readonly token: string; readonly userCode: string },
): Page {
  return {
    title: say('deviceCode'),
    formAction: "'self'",
    body: html`<form method="post" action="${view.action}">
<input type="hidden" name="token" value="${view.token}">
<input type="hidden" name="user_code" value="${view.userCode}">
<p>${say('deviceConfirm')}</p>
<p><strong><code>${view.userCode}</code></strong></p>
<p class="warning">${say('deviceConfirmHint')}</p>
<div class="buttons"><button type="submit">${say('goOn')}</button></div>
</form>
<p><a href="${view.action}">${say('otherCode')}</a></p>`,
  };
}

export interface DeviceConsentView {
  readonly action: string;
  readonly signIn: string;
  readonly token: string;
  readonly clientName: string;
  /** Its id, where it named itself and no administrator vouches for the name. */
  readonly unvetted: string | undefined;
  readonly username: string;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly details: readonly DescribedDetail[];
  readonly address: string;
  /** In a few words; may be empty. */
  readonly device: string;
  /** Unix milliseconds. */
  readonly askedAt: number;
}

export function deviceConsentPage(words: Words, view: DeviceConsentView): Page {
  const { say } = words;
  return {
    title: say('deviceAsks', { client: view.clientName }),
    formAction: "'self'",
    body: html`<p>${say('signedInAs', { user: view.username })}</p>
${unvettedNote(words, view)}
${listOf(say('wants'), scopesInWords(words, view.scopes))}
${view.details.map(detailBlock)}
${listOf(say('at'), view.resources)}
<p>${originOf(words, view)}</p>
<p class="warning">${say('deviceWarning')}</p>
<form method="post" action="${view.action}">
<input type="hidden" name="transaction" value="${view.signIn}">
<input type="hidden" name="token" value="${view.token}">
<div class="buttons">
<button type="submit">${say('allow')}</button>
<button name="deny" value="1">${say('deny')}</button>
</div>
</form>`,
  };
}

/** UTC, because we know of no other clock of the person's. */
function originOf(words: Words, { address, device, askedAt }: DeviceConsentView): string {
  const format = { timeStyle: 'short', timeZone: 'UTC' } as const;
  const time = `${new Intl.DateTimeFormat(words.language, format).format(askedAt)} UTC`;
  return device === ''
    ? words.say('deviceFrom', { address, time })
    : words.say('deviceFromWith', { address, time, device });
}

export function deviceDonePage({ say }: Words, answer: 'allowed' | 'denied'): Page {
  const [title, hint]: readonly [string, string] =
    answer === 'allowed'
      ? [say('deviceAllowed'), say('deviceAllowedHint')]
      : [say('deviceDenied'), say('deviceDeniedHint')];
  const body: Html = html`<p>${hint}</p>`;
  return { title, body };
}
