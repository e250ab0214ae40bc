/** GET and POST /account: a person's sessions and consents, each with a button to end it. */
import {
  type ClientId,
  type HttpRequest,
  type HttpResponse,
  parseClientId,
  type TenantId,
} from '@mintmark/core';
import {
  endOwnDevice,
  endOwnSession,
  readAccount,
  withdrawConsent,
} from '../authorization/account.ts';
import { findSeat, type Seat } from '../authorization/flow.ts';
import { beginSignIn, formToken, type SignInPurpose } from '../authorization/sign-ins.ts';
import {
  basePath,
  goTo,
  isOwnForm,
  type PageDeps,
  readPageForm,
  sayError,
  seeOther,
  wordsOf,
} from './interaction.ts';
import { accountPage } from './pages/account-page.ts';
import { readVisitor, sessionCookie, type VisitorCookies, withCookies } from './visitor.ts';

export async function handleAccountPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const cookies = readVisitor(deps, tenant, request);
  const seat = await findSeat(deps.flow, tenant, cookies.visitor.sessionToken);
  if (seat === undefined) return signInFirst(deps, { tenant, request, cookies });
  const { visitor, setBrowser } = cookies;
  const account = await readAccount(deps.flow, { tenant, subject: seat.user.id });
  const nameOf = async (clientId: ClientId) =>
    (await deps.flow.findClient(tenant, clientId))?.name ?? clientId;
  const consents = await Promise.all(
    account.consents.map(async ({ clientId, granted, updatedAt }) => {
      return { clientId, name: await nameOf(clientId), scopes: granted.scopes, updatedAt };
    }),
  );
  const devices = await Promise.all(
    account.devices.map(async (device) => ({ ...device, name: await nameOf(device.clientId) })),
  );
  const words = wordsOf(request, []);
  const page = accountPage(words, {
    action: `${basePath(deps, tenant)}/account`,
    signOut: `${basePath(deps, tenant)}/logout`,
    security: `${basePath(deps, tenant)}/account/security`,
    requests: `${basePath(deps, tenant)}/account/requests`,
    tokens: `${basePath(deps, tenant)}/account/tokens`,
    token: formToken(visitor.browser, aboutAccount(seat)),
    username: seat.user.username,
    current: seat.session.id,
    sessions: account.sessions,
    consents,
    devices,
  });
  return withCookies(deps.renderPage(words, page), setBrowser);
}

export async function handleAccountForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { form } = read;
  const cookies = readVisitor(deps, tenant, request);
  const { visitor } = cookies;
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (seat === undefined) return signInFirst(deps, { tenant, request, cookies });
  if (!isOwnForm(form, visitor, aboutAccount(seat))) {
    return sayError(deps, request, { status: 400, message: 'formExpired' });
  }
  const change = { tenant, seat, visitor };
  const session = form.get('end_session');
  if (session !== undefined) await endOwnSession(deps.flow, { ...change, id: session });
  const [, family = '', holder = ''] = /^(\w+) (.+)$/.exec(form.get('end_device') ?? '') ?? [];
  const device = parseClientId(holder);
  if (device.ok) await endOwnDevice(deps.flow, { ...change, family, clientId: device.value });
  const client = parseClientId(form.get('withdraw') ?? '');
  if (client.ok) await withdrawConsent(deps.flow, { ...change, clientId: client.value });
  const gone = session === seat.session.id ? [sessionCookie(deps, tenant, null)] : [];
  return withCookies(seeOther(`${basePath(deps, tenant)}/account`), gone);
}

/** Of this session alone: the page of who was here before is good for nothing. */
function aboutAccount(seat: Seat): string {
  return `account ${seat.session.id}`;
}

/** @param input.purpose where the person goes on once signed in; the account, if not said */
export async function signInFirst(
  deps: PageDeps,
  input: {
    readonly tenant: TenantId;
    readonly request: HttpRequest;
    readonly cookies: VisitorCookies;
    readonly purpose?: Exclude<SignInPurpose, { kind: 'authorize' }>;
  },
): Promise<HttpResponse> {
  const { tenant, request, purpose = { kind: 'account' } } = input;
  const { visitor, setBrowser } = input.cookies;
  const { browser, address } = visitor;
  const begun = await beginSignIn(deps.flow, { tenant, purpose, browser, address });
  if (!begun.ok) return sayError(deps, request, { status: 429, message: begun.refusal.reason });
  const outcome = { to: 'sign_in', signIn: begun.value, why: 'no_session' } as const;
  return goTo(deps, { tenant, request, outcome, cookies: setBrowser });
}
