/**
 * A person at a browser without scripts, over TLS: cookies, redirects, and the forms of Mintmark's
 * pages, until an application's address is reached. For suites whose question is the application's
 * library; what real browsers make of the pages is asked elsewhere.
 */
import type { Fetch } from './trusting-fetch.ts';

export interface Arrival {
  /** Where the person was sent; nothing is asked of it. */
  readonly url: URL;
  /** What a form carried there, where it was one. */
  readonly form: URLSearchParams | undefined;
}

export interface Person {
  /** @throws where the pages lead nowhere */
  goTo(url: URL | string): Promise<Arrival>;
}

const stepsMax = 12;

/** @param options.issuer everything of another origin is an application's */
export function openPerson({
  issuer,
  fetch,
  username,
  password,
}: {
  readonly issuer: string;
  readonly fetch: Fetch;
  readonly username: string;
  readonly password: string;
}): Person {
  const jar = new Map<string, string>();
  const isHome = (url: URL): boolean => url.origin === new URL(issuer).origin;

  async function ask(url: URL, form: URLSearchParams | undefined): Promise<Response> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      headers: { ...(cookie === '' ? {} : { cookie }), origin: new URL(issuer).origin },
      redirect: 'manual',
      ...(form === undefined ? {} : { body: form }),
    });
    for (const text of answer.headers.getSetCookie()) keep(jar, text);
    return answer;
  }

  return {
    async goTo(start) {
      let url = new URL(start);
      let form: URLSearchParams | undefined;
      for (let step = 0; step < stepsMax; step += 1) {
        if (!isHome(url)) return { url, form };
        const answer = await ask(url, form);
        const location = answer.headers.get('location');
        const page = await answer.text();
        if (location !== null) {
          url = new URL(location, url);
          form = undefined;
          continue;
        }
        const next = fillIn(page, { username, password });
        if (next === undefined) throw new Error(`${answer.status} at ${url}: ${page}`);
        url = new URL(next.action, url);
        form = next.form;
      }
      throw new Error(`no end at ${url}`);
    },
  };
}

/** @returns undefined for a page without a form */
function fillIn(
  page: string,
  known: Readonly<Record<string, string>>,
): { readonly action: string; readonly form: URLSearchParams } | undefined {
  const action = /<form method="post" action="([^"]*)"/.exec(page)?.[1];
  if (action === undefined) return undefined;
  const form = new URLSearchParams();
  for (const [tag] of page.matchAll(/<input [^>]*>/g)) {
    const read = (name: string): string =>
      unescaped(new RegExp(`${name}="([^"]*)"`).exec(tag)?.[1]);
    const name = read(' name');
    form.set(name, known[name] ?? read(' value'));
  }
  return { action: unescaped(action), form };
}

const entities = { amp: '&', lt: '<', gt: '>', quot: '"' } as const;

function unescaped(text = ''): string {
  return text
    .replace(/&#(\d+);/g, (_all, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&(amp|lt|gt|quot);/g, (_all, name: keyof typeof entities) => entities[name]);
}

function keep(jar: Map<string, string>, text: string): void {
  const [pair = '', ...attributes] = text.split('; ');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, equals);
  if (attributes.some((one) => /^max-age=0$/i.test(one))) jar.delete(name);
  else jar.set(name, pair.slice(equals + 1));
}
