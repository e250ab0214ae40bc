/**
 * Sign-ins under way: what was asked waits in the store while the person signs in and agrees, so
 * that reload and back work and nothing of it stands in a URL but a random id. A sign-in belongs to
 * one browser: whoever else learns the id can do nothing with it.
 */
import { createHmac, hash } from 'node:crypto';
import {
  base64urlDecode,
  base64urlEncode,
  type ClientId,
  type Clock,
  type Entropy,
  equalConstantTime,
  err,
  type FailureBudget,
  limits,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { AuthorizationRequest } from './authorization-request.ts';

/** An authorization request with what was found out about it when it came. */
export interface AskedAuthorization {
  readonly kind: 'authorize';
  readonly request: AuthorizationRequest;
  /** Who it must be, as the client knows the person; `id_token_hint` itself is not kept. */
  readonly expectedSubject: string | null;
  /** The pushed request that ends with it. */
  readonly pushed: string | null;
}

/** A device that waits for somebody's yes, found by the code that it shows. */
export interface AskingDevice {
  readonly kind: 'device';
  /** The id of its grant. */
  readonly grant: string;
  readonly clientId: ClientId;
}

/** What a person signs in for. */
export type SignInPurpose =
  | AskedAuthorization
  | AskingDevice
  /** To look after themselves; without a page, at the account. */
  | { readonly kind: 'account'; readonly page?: 'requests' | 'tokens' };

export interface SignIn {
  readonly tenant: TenantId;
  readonly id: string;
  readonly purpose: SignInPurpose;
  /** The session that the person made or renewed to answer this. */
  readonly signedIn: string | null;
  /** The session that the person chose to go on with. */
  readonly chosen: string | null;
}

export type SignInRefusal =
  /** Never was, is over, or belongs to another browser: the person learns no more. */
  { readonly reason: 'sign_in_over' };

/** From this address, within a minute. */
export type TooManySignIns = { readonly reason: 'too_many_sign_ins' };

export interface SignInDeps {
  readonly store: Pick<Store, 'signIns' | 'acts'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Of sign-ins begun from each address: each is a row that nobody has paid for. */
  readonly begun: FailureBudget;
}

const idPattern = /^[A-Za-z0-9_-]{22}$/;
const secretPattern = /^[A-Za-z0-9_-]{43}$/;

/** A browser's own secret: it ties sign-ins and forms to the browser, and names nobody. */
export function freshBrowserSecret(entropy: Entropy): string {
  return base64urlEncode(entropy.bytes(32));
}

export function isBrowserSecret(text: string): boolean {
  return secretPattern.test(text);
}

/**
 * @param input.browser null where the browser's cookies could not come along: the first browser
 *   that comes with the id is the one
 * @throws StoreFault
 */
export async function beginSignIn(
  deps: SignInDeps,
  input: {
    readonly tenant: TenantId;
    readonly purpose: SignInPurpose;
    readonly browser: string | null;
    readonly address: string;
  },
): Promise<Result<SignIn, TooManySignIns>> {
  const { tenant, purpose, browser, address } = input;
  if (deps.begun.retryAfterSeconds(address) > 0) return err({ reason: 'too_many_sign_ins' });
  deps.begun.failed(address);
  const id = base64urlEncode(deps.entropy.bytes(16));
  const now = nowSeconds(deps.clock);
  const row: Row<'signIns'> = {
    tenant,
    id,
    browserHash: browser === null ? null : hashBrowser(browser),
    purpose: { ...purpose },
    signedIn: null,
    chosen: null,
    createdAt: deps.clock.nowMs(),
    expiresAtSeconds: now + limits.signInSecondsMax,
  };
  await deps.store.acts.run({
    steps: [{ do: 'insert', table: 'signIns', row, refused: 'sign_in_exists' }],
    // Nobody owns it yet, and it ends by itself.
    audit: null,
  });
  return ok(signInOf(row));
}

/**
 * @param id as the request says it
 * @param browser the secret that the browser has shown
 */
export async function findSignIn(
  deps: SignInDeps,
  tenant: TenantId,
  input: { readonly id: string | undefined; readonly browser: string },
): Promise<Result<SignIn, SignInRefusal>> {
  const { id = '', browser } = input;
  const row = idPattern.test(id) ? await deps.store.signIns.get(tenant, id) : undefined;
  if (row === undefined || row.expiresAtSeconds <= nowSeconds(deps.clock)) return over;
  const browserHash = hashBrowser(browser);
  if (row.browserHash !== null) return row.browserHash === browserHash ? ok(signInOf(row)) : over;
  // Of two browsers that come at once, the first one is the one.
  const { outcome } = await deps.store.acts.run({
    steps: [updateSignIn({ tenant, id, browserHash: null }, { browserHash })],
    audit: null,
  });
  return outcome === 'done' ? ok(signInOf(row)) : over;
}

const over = err({ reason: 'sign_in_over' } as const);

/** In the act of a sign-in: which session answers it from now on. */
export function answerSignIn(
  { tenant, id }: Pick<SignIn, 'tenant' | 'id'>,
  by: { readonly signedIn: string } | { readonly chosen: string },
): Step {
  return updateSignIn({ tenant, id }, by);
}

/** In the act that ends it: of two that would, one wins. */
export function endSignIn({ tenant, id }: Pick<SignIn, 'tenant' | 'id'>): Step {
  return { do: 'delete', table: 'signIns', where: { tenant, id }, refused: 'sign_in_over' };
}

function updateSignIn(
  where: { readonly tenant: string; readonly id: string; readonly browserHash?: null },
  set:
    | { readonly signedIn: string }
    | { readonly chosen: string }
    | { readonly browserHash: string },
): Step {
  return { do: 'update', table: 'signIns', where, set, refused: 'sign_in_over' };
}

function signInOf(row: Row<'signIns'>): SignIn {
  return {
    tenant: row.tenant as TenantId,
    id: row.id,
    // Written by `beginSignIn` alone.
    purpose: row.purpose as unknown as SignInPurpose,
    signedIn: row.signedIn,
    chosen: row.chosen,
  };
}

function hashBrowser(secret: string): string {
  return hash('sha256', secret, 'base64url');
}

/**
 * The token that a form carries: whoever sends the form without having read the page in this very
 * browser does not know it (RFC 6819 §5.3.5).
 *
 * @param about what the form changes: the id of a sign-in, for one
 */
export function formToken(browser: string, about: string): string {
  return base64urlEncode(createHmac('sha256', browser).update(`form\0${about}`).digest());
}

export function isFormToken(
  presented: string | undefined,
  { browser, about }: { readonly browser: string; readonly about: string },
): boolean {
  const bytes = base64urlDecode(presented ?? '');
  const wanted = base64urlDecode(formToken(browser, about));
  return bytes !== undefined && wanted !== undefined && equalConstantTime(bytes, wanted);
}
