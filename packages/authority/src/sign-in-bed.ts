/** An authority with people, an application, and browsers in which they meet; for tests. */
import { defaultTenant, type JsonObject } from '@mintmark/core';
import { createRecorder } from './audit/record.ts';
import { authorityBed, bedConfig, bedPassword } from './authority-bed.ts';
import { signClaims } from './authorization/sign-claims.ts';
import { openBrowser, type Shown } from './browser-bed.ts';
import type { AuthorityConfig } from './config.ts';
import { createKeyring } from './keyring/keyring.ts';
import type { Store } from './store/store.ts';

export const redirectUri = 'https://app.example/cb';
/** S256 of the verifier in RFC 7636 appendix B. */
export const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
export const asAlice = { username: 'alice', password: bedPassword };
export const asBob = { username: 'bob', password: bedPassword };

type AppRules = Parameters<Awaited<ReturnType<typeof authorityBed>>['addClient']>[0];
type Changes = Readonly<Record<string, string | undefined>>;

export type SignInBed = Awaited<ReturnType<typeof signInBed>>;

/** @param rules of the application */
export async function signInBed(
  rules: AppRules = {},
  store?: Store,
  config: Partial<AuthorityConfig> = {},
) {
  const bed = await authorityBed(1, store, config);
  const alice = await bed.addUser('alice');
  await bed.addUser('bob');

  /** An application that asks people for access. */
  const addApp = (rules: AppRules = {}) =>
    bed.addClient({
      name: 'Photo <b>Printer</b>',
      grantTypes: ['authorization_code'],
      responseTypes: ['code'],
      scopes: ['openid', 'profile', 'read', 'offline_access'],
      redirectUris: [redirectUri],
      ...rules,
    });
  const app = await addApp(rules);

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
    /** A JWT by the authority's own ES256 key. */
    async sign(header: { readonly typ: string }, payload: JsonObject): Promise<string> {
      const recorder = createRecorder({ ...bed, ...bed.ports });
      const settings = bedConfig.signing;
      const keyring = await createKeyring({ ...bed.ports, sealer: bed.sealer, recorder, settings });
      const signed = { tenant: defaultTenant, algorithm: 'ES256', claims: payload } as const;
      return signClaims(keyring, { ...signed, ...header });
    },
    /** A browser in which alice is signed in and has allowed the app `openid read`. */
    async settled() {
      const browser = browse();
      const shown = await browser.submit(await browser.open(authorizeUrl()), asAlice);
      if (shown.url.startsWith('/consent')) await browser.submit(shown);
      return browser;
    },
  };
}

/** The parameters that the client got. */
export function answerOf(shown: Shown): Record<string, string> {
  return Object.fromEntries(new URL(shown.url).searchParams);
}
