/**
 * Mail that says there is a question to answer. It carries no link that answers it: whoever reads a
 * mailbox is not yet its person. What must never happen: a mailbox that clients can fill.
 */
import { type Clock, limits, type TenantId } from '@mintmark/core';
import type { Mailer } from '../alerts/mailer.ts';
import type { AuthenticationRequest } from '../issuance/authentication-request.ts';
import type { Store } from '../store/store.ts';
import type { Users } from '../users/users.ts';

export interface RequestMailDeps {
  readonly store: Pick<Store, 'backchannelRequests'>;
  readonly users: Pick<Users, 'get'>;
  /** Without one, the page is the only place. */
  readonly mailer: Mailer | undefined;
  /** Where the person answers. */
  readonly pageUrlOf: (tenant: TenantId) => string;
  readonly clock: Clock;
  readonly onFault: (fault: unknown) => void;
}

export interface RequestMail {
  tell(asked: AuthenticationRequest, clientName: string): void;
  /** Resolves when what was begun has been sent. */
  settled(): Promise<void>;
}

/** Messages under way; beyond it the page alone tells. */
const underWayMax = 64;

export function createRequestMail(deps: RequestMailDeps): RequestMail {
  const underWay = new Set<Promise<void>>();
  return {
    tell(asked, clientName) {
      const { mailer } = deps;
      if (mailer === undefined || underWay.size >= underWayMax) return;
      const work = send(deps, mailer, { asked, clientName })
        .catch(deps.onFault)
        .finally(() => underWay.delete(work));
      underWay.add(work);
    },
    async settled() {
      await Promise.all(underWay);
    },
  };
}

async function send(
  deps: RequestMailDeps,
  mailer: Mailer,
  input: { readonly asked: AuthenticationRequest; readonly clientName: string },
): Promise<void> {
  const { asked, clientName } = input;
  const { tenant, subject } = asked;
  if (!(await isFirstInAWhile(deps, asked))) return;
  const user = await deps.users.get(tenant, subject);
  const { email, email_verified: isVerified } = user?.claims ?? {};
  if (email === undefined || isVerified !== true) return;
  const { bindingMessage } = asked.asked;
  await mailer.send({
    to: email,
    subject: 'An application asks for your approval',
    text:
      `${clientName} asks for access to your account.\n\n` +
      (bindingMessage === null ? '' : `It shows: ${bindingMessage}\n\n`) +
      `To allow or deny it, sign in at ${deps.pageUrlOf(tenant)}\n\n` +
      'If you did not expect this, deny it.\n',
  });
}

async function isFirstInAWhile(
  { store }: RequestMailDeps,
  { tenant, subject, id, createdAt }: AuthenticationRequest,
): Promise<boolean> {
  const since = createdAt - limits.authenticationRequestMailPauseSeconds * 1000;
  const others = await store.backchannelRequests.list({
    where: { tenant, subject, createdAt: { is: '>', value: since } },
    orderBy: ['createdAt', 'id'],
    limit: 2,
  });
  return others.every((row) => row.id === id || row.createdAt > createdAt);
}
