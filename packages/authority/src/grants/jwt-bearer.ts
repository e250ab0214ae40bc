/**
 * The JWT bearer grant (RFC 7523 §2.1): a client presents an assertion that it signed by its own
 * registered key, in place of somebody's consent. It speaks for itself; for a person only where an
 * administrator has said that it may. One of another issuer is judged by `outside-assertion.ts`.
 * What must never happen: an assertion used twice, or one that any other key vouches for.
 */
import { type ClientId, err, nowSeconds, ok, type SubjectId } from '@mintmark/core';
import { assertionIssuer, assertionKeyId, verifyGrantAssertion } from '@mintmark/tokens';
import type { Client } from '../clients/client.ts';
import { publicKeyAlgorithms } from '../clients/client-rules.ts';
import { singleUseStep } from '../clients/single-use.ts';
import type { Grant, GrantDeps, TokenRequest } from './grant.ts';

import { judgeOutsideAssertion } from './outside-assertion.ts';
import { subjectRequired } from './subject.ts';

import { targetsOf } from './targets.ts';

export const jwtBearer: Grant = {
  type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  takesScope: true,
  async judge(deps, request, client) {
    const text = request.parameter('assertion');
    if (text === undefined) return err({ reason: 'missing_parameter', name: 'assertion' });
    // Believed by nobody yet: it decides by whose keys the assertion is judged.
    if (assertionIssuer(text) !== client.clientId) {
      return judgeOutsideAssertion(deps, request, { client, assertion: text });
    }
    const assertion = await verified(deps, request, { client, text });
    if (assertion === undefined) return err({ reason: 'grant_unknown' });
    const { tenant } = request;
    const { jti: id, expiresAt: endsAt } = assertion;
    const of = client.clientId;
    const spent = singleUseStep({ tenant, kind: 'grant', of, id, endsAt });
    const subject = assertion.subject as SubjectId;
    const isOwn = assertion.subject === (client.clientId as string);
    if (!isOwn && !client.mayAssertSubjects) return err({ reason: 'may_not_assert' });
    const person = { tenant, subject };
    return ok({
      subject,
      scopes: client.scopes,
      audience: targetsOf(client, deps.issuerOf(tenant)),
      details: 'own',
      steps: isOwn ? [spent] : [spent, subjectRequired(person)],
    });
  },
};

async function verified(
  deps: GrantDeps,
  { tenant }: TokenRequest,
  { client, text }: { readonly client: Client; readonly text: string },
) {
  const keys = await deps.clientKeys.find(client, assertionKeyId(text));
  if (keys === undefined) return undefined;
  const issuer = deps.issuerOf(tenant);
  const found = verifyGrantAssertion(text, {
    clientId: client.clientId as ClientId,
    // RFC 7523 §3: the token endpoint's URL may name the server too.
    audiences: [issuer, `${issuer}/oauth2/token`],
    strictAudience: client.assertionAudience === 'issuer',
    keys,
    algorithms: publicKeyAlgorithms,
    now: nowSeconds(deps.clock),
  });
  return found.ok ? found.value : undefined;
}
