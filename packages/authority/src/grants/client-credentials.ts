/** The client credentials grant (RFC 6749 §4.4): a machine acts for itself. */
import { ok, type SubjectId } from '@mintmark/core';
import type { Grant } from './grant.ts';
import { targetsOf } from './targets.ts';

/** The subject is the client itself (RFC 9068 §2.2): there is no user. */
export const clientCredentials: Grant = {
  type: 'client_credentials',
  takesScope: true,
  judge: async (deps, request, client) =>
    ok({
      subject: client.clientId as string as SubjectId,
      scopes: client.scopes,
      audience: targetsOf(client, deps.issuerOf(request.tenant)),
      details: 'own',
    }),
};
