/** An authority with people, an application, and browsers in which they meet; for tests. */
import { authorityBed, bedPassword } from './authority-bed.ts';
import { openBrowser, type Shown } from './browser-bed.ts';

export const redirectUri = 'https://app.example/cb';
/** S256 of the verifier in RFC 7636 appendix B. */
export const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
export const asAlice = { username: 'alice', password: bedPassword };
export const asBob = { username: 'bob', password: bedPassword };

type Changes = Readonly<Record<string, string | undefined>>;

export type SignInBed = Awaited<ReturnType<typeof signInBed>>;

export async function signInBed() {
  const bed = await authorityBed();
  const alice = await bed.addUser('alice');
  await bed.addUser('bob');

  /** An application that asks people for access. */
  const addApp = (rules: Parameters<typeof bed.addClient>[0] = {}) =>
    bed.addClient({
      name: 'Photo <b>Printer</b>',
      grantTypes: ['authorization_code'],
      responseTypes: ['code'],
      scopes: ['openid', 'profile', 'read'],
      redirectUris: [redirectUri],
      ...rules,
    });
  const app = await addApp();

  /** @param more changes; undefined leaves a parameter out */
  const parametersOf = (more: Changes = {}): Record<string, string> => {
    const all = {
      client_id: app.clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid read',
      state: 'st-1',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...more,
    };
    const pairs = Object.entries(all);
    return Object.fromEntries(
      pairs.filter((pair): pair is [string, string] => pair[1] !== undefined),
    );
  };
  const authorizeUrl = (more: Changes = {}): string =>
    `/oauth2/authorize?${new URLSearchParams(parametersOf(more))}`;
  const browse = (headers: Record<string, string> = {}) =>
    openBrowser(() => bed.authority, headers);

  return {
    ...bed,
    app,
    alice,
    addApp,
    parametersOf,
    authorizeUrl,
    browse,
    /** A browser in which alice is signed in and has allowed the app `openid read`. */
    async settled() {
      const browser = browse();
      const consent = await browser.submit(await browser.open(authorizeUrl()), asAlice);
      await browser.submit(consent);
      return browser;
    },
  };
}

/** The parameters that the client got. */
export function answerOf(shown: Shown): Record<string, string> {
  return Object.fromEntries(new URL(shown.url).searchParams);
}
