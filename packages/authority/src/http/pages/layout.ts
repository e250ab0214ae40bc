/**
 * The frame of every page that people see: plain HTML that works without JavaScript, in the
 * operator's name and colour. Nothing is loaded but a logo from the one place that the operator
 * named; nobody may frame it; nothing of it is kept by caches.
 */
import { hash } from 'node:crypto';
import type { HttpResponse } from '@mintmark/core';
import { type Html, html } from './html.ts';
import type { Words } from './messages.ts';

export interface Branding {
  readonly name: string;
  /** `#rrggbb`, of buttons and links. */
  readonly color: string;
  readonly logoUrl?: string | undefined;
}

export interface Page {
  readonly status?: number;
  readonly title: string;
  readonly body: Html;
  /** Where a form of the page may end up, by redirects too: see `formAction`. */
  readonly formAction?: string;
  /** The one script of the page, if it has one. */
  readonly script?: string;
}

export type RenderPage = (words: Words, page: Page) => HttpResponse;

/** What every page says of itself, whatever its body. */
const headers = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  pragma: 'no-cache',
  'x-content-type-options': 'nosniff',
  // For browsers that do not know `frame-ancestors`.
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const;

export function createPageRenderer(branding: Branding): RenderPage {
  const style = styleOf(branding);
  const styleHash = hashOf(style);
  const images =
    branding.logoUrl === undefined ? '' : `; img-src ${new URL(branding.logoUrl).origin}`;
  return (words, page) => {
    const { status = 200, title, body, formAction = "'none'", script } = page;
    const scripts = script === undefined ? '' : `; script-src '${hashOf(script)}'`;
    const sources = `default-src 'none'; style-src '${styleHash}'${images}${scripts}`;
    const policy = `${sources}; form-action ${formAction}; base-uri 'none'; frame-ancestors 'none'`;
    const document = html`<!doctype html>
<html lang="${words.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · ${branding.name}</title>
<style>${{ markup: style }}</style>
</head>
<body>
<header>${logoOf(branding)}<span>${branding.name}</span></header>
<main>
<h1>${title}</h1>
${body}
</main>
${script === undefined ? undefined : { markup: `<script>${script}</script>\n` }}</body>
</html>
`;
    return {
      status,
      headers: { ...headers, 'content-security-policy': policy },
      body: document.markup,
    };
  };
}

/**
 * Where a form may lead. Chromium holds `form-action` against every redirect that follows, beyond
 * the client's redirect URI too: so a client on the web may send the browser on to any `https`
 * place, as brokers and proxies do, one on the person's machine also to others there, and an app to
 * what it registered.
 *
 * @param redirectUri where the browser may be sent to in the end
 */
export function formActionTo(redirectUri: string): string {
  const { protocol, hostname } = new URL(redirectUri);
  if (protocol === 'https:') return "'self' https:";
  if (protocol !== 'http:') return `'self' ${protocol}`;
  // A source cannot be an IPv6 address (CSP Level 3, §2.3.1): `http:` is the nearest that can.
  if (hostname.startsWith('[')) return "'self' http: https:";
  return "'self' https: http://127.0.0.1:* http://localhost:*";
}

function logoOf({ logoUrl }: Branding): Html | undefined {
  return logoUrl === undefined ? undefined : html`<img src="${logoUrl}" alt="" height="40">`;
}

function hashOf(text: string): string {
  return `sha256-${hash('sha256', text, 'base64')}`;
}

/** Dark and light by the person's own setting; the accent is the operator's. */
function styleOf({ color }: Branding): string {
  return `
:root{color-scheme:light dark;--accent:${color}}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:8vh auto;padding:0 1rem}
header{display:flex;gap:.6rem;align-items:center;font-weight:600}
h1{font-size:1.4rem;line-height:1.25;margin:1.2rem 0 .8rem}
label{display:block;margin:.8rem 0 .2rem;font-weight:600}
input{font:inherit;width:100%;padding:.55rem .6rem;border:1px solid #8888;border-radius:.4rem}
.choice label{margin:0;font-weight:400}.choice input{width:auto}
.buttons{display:flex;flex-wrap:wrap;gap:.6rem;margin:1.2rem 0}
button{font:inherit;padding:.55rem 1.1rem;border:1px solid #8888;border-radius:.4rem;cursor:pointer}
button[type=submit]{background:var(--accent);border-color:var(--accent);color:#fff}
button{background:transparent;color:inherit}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
[role=alert]{border-left:4px solid #c22;padding:.4rem .8rem;margin:1rem 0}
.warning{border-left:4px solid #b70;padding:.4rem .8rem;margin:1rem 0}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.4rem .4rem .4rem 0;vertical-align:top;border-top:1px solid #8884}
li{overflow-wrap:anywhere}
p{overflow-wrap:anywhere}
`;
}
