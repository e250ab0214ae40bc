/** A browser without scripts over an authority, for tests: cookies, redirects, forms. */
import type { HttpResponse } from '@mintmark/core';
import type { Authority } from './authority.ts';
import { buildRequest } from './http/management/request-builder.ts';

/** What a browser shows after it followed every redirect that stays on the authority. */
export interface Shown {
  readonly status: number;
  /** Where it is: a path of ours, or the place of another that it was sent to. */
  readonly url: string;
  readonly text: string;
  readonly headers: HttpResponse['headers'];
}

const redirectsMax = 10;

export function openBrowser(authority: () => Authority, more: Record<string, string> = {}) {
  const jar = new Map<string, string>();

  /** One request, its redirect not followed. */
  async function send(method: string, url: string, body?: string): Promise<HttpResponse> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const headers = {
      ...more,
      ...(cookie === '' ? {} : { cookie }),
      ...(body === undefined ? {} : form),
    };
    const options = { headers, ...(body === undefined ? {} : { body }) };
    const response = await authority().handle(buildRequest(method, url, options));
    for (const text of [response.headers['set-cookie'] ?? []].flat()) keep(jar, text);
    return response;
  }

  async function follow(url: string, first: HttpResponse): Promise<Shown> {
    let response = first;
    let at = url;
    for (let hops = 0; hops < redirectsMax; hops++) {
      const location = response.headers['location'];
      if (response.status !== 303 || typeof location !== 'string') break;
      at = location;
      // Elsewhere: whoever it is takes over from here.
      if (!location.startsWith('/')) break;
      response = await send('GET', location);
    }
    const text = response.body === undefined ? '' : Buffer.from(response.body).toString();
    return { status: response.status, url: at, text, headers: response.headers };
  }

  return {
    jar,
    send,
    async open(url: string): Promise<Shown> {
      return follow(url, await send('GET', url));
    },
    async post(url: string, fields: Record<string, string>): Promise<Shown> {
      return follow(url, await send('POST', url, new URLSearchParams(fields).toString()));
    },
    /** Fills in the page's only form and sends it. */
    async submit(page: Shown, fields: Record<string, string> = {}): Promise<Shown> {
      const form = /<form method="post" action="([^"]*)">/.exec(page.text);
      if (form === null) throw new Error(`no form on ${page.url}: ${page.text}`);
      const hidden = page.text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g);
      const all = { ...Object.fromEntries([...hidden].map((m) => [m[1], m[2]])), ...fields };
      return this.post(form[1]!, all);
    },
  };
}

function keep(jar: Map<string, string>, text: string): void {
  const [pair = '', ...attributes] = text.split('; ');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, equals);
  if (attributes.includes('Max-Age=0')) jar.delete(name);
  else jar.set(name, pair.slice(equals + 1));
}
