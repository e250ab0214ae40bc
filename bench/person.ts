/** A person at a browser without JavaScript: signs in once, then comes back with the session. */

export interface Person {
  /** The `Cookie` header of the signed-in browser. */
  readonly cookie: string;
}

/** @param authorizeUrl of a request that ends at a sign-in page */
export async function signIn(
  authorizeUrl: string,
  credentials: Readonly<Record<string, string>>,
): Promise<Person> {
  const jar = new Map<string, string>();
  const login = await open(authorizeUrl, jar);
  const consent = await submit(login, jar, credentials);
  // Agreed already where the client asks for nothing new.
  if (consent.form !== undefined) await submit(consent, jar, {});
  return { cookie: cookieOf(jar) };
}

interface Page {
  readonly url: string;
  readonly form: string | undefined;
}

async function open(url: string, jar: Map<string, string>, body?: URLSearchParams): Promise<Page> {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    redirect: 'manual',
    headers: { cookie: cookieOf(jar), origin: new URL(url).origin },
    ...(body === undefined ? {} : { body }),
  });
  for (const line of answer.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    jar.set(name, value);
  }
  const location = answer.headers.get('location');
  if (location === null) {
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${text.slice(0, 300)}`);
    return { url, form: /<form[^>]*method="post"[\s\S]*?<\/form>/.exec(text)?.[0] };
  }
  const next = new URL(location, url);
  if (next.origin !== new URL(url).origin) return { url: next.href, form: undefined };
  return open(next.href, jar);
}

function submit(
  page: Page,
  jar: Map<string, string>,
  values: Readonly<Record<string, string>>,
): Promise<Page> {
  if (page.form === undefined) throw new Error(`no form at ${page.url}`);
  const action = /action="([^"]*)"/.exec(page.form)?.[1] ?? '';
  const fields = new URLSearchParams(values);
  for (const [input] of page.form.matchAll(/<input type="hidden"[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1];
    const value = /value="([^"]*)"/.exec(input)?.[1];
    if (name !== undefined && value !== undefined && !fields.has(name)) fields.set(name, value);
  }
  return open(new URL(action, page.url).href, jar, fields);
}

function cookieOf(jar: ReadonlyMap<string, string>): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
}
