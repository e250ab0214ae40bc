/**
 * The leak side of the composition root: what reports from outside, the management API and the
 * rounds are given. Neighbours: `authority.ts`, `management.ts`, `round.ts`.
 */
import {
  createFailureBudget,
  defaultTenant,
  letOthersRun,
  limits,
  type TenantId,
} from '@mintmark/core';
import { revokeAdminKey } from './admin/revoke-admin-key.ts';
import type { VerifyKeyPorts } from './apikeys/verify-key.ts';
import type { LeakDeps } from './http/leaks.ts';
import type { LeakPorts } from './http/management/leak-endpoints.ts';
import { introspectDepsOf } from './judging.ts';
import { createGithubKeys } from './leaks/github-keys.ts';
import { type ProvenToken, proveToken } from './leaks/prove-token.ts';
import { reportLeak } from './leaks/report-leak.ts';
import { createLeakRounds, type RespondDeps } from './leaks/respond.ts';
import type { Rooms } from './rooms.ts';

export interface Leaks {
  readonly http: LeakDeps;
  readonly management: LeakPorts;
  readonly rounds: ReturnType<typeof createLeakRounds>;
}

/** How often an administrator's key is judged anew that changes while it is to end. */
const attemptsMax = 5;

export function openLeaks(
  rooms: Rooms,
  shared: {
    readonly keys: VerifyKeyPorts;
    readonly clientChanged: RespondDeps['clientChanged'];
    readonly held: RespondDeps['held'];
  },
): Leaks {
  const { config, ports, store, peppers, recorder, sealer } = rooms;
  const { clock, entropy, timers, outbound } = ports;
  const { prefix, githubKeys } = config;
  const { keys, clientChanged, held } = shared;
  const proving = { store, keys, tokens: introspectDepsOf(rooms), peppers, clock, prefix };
  const prove = (tenant: TenantId, text: string) => proveToken(proving, tenant, text);
  const responding: RespondDeps = {
    ...{ store, recorder, sealer, clock, entropy, clientChanged, held },
    endAdminKey: adminKeyEnder(rooms),
  };
  return {
    http: {
      github: githubKeys && createGithubKeys({ outbound, clock }, githubKeys),
      prove: (tenant, text) => proveAnywhere(rooms, prove, { tenant, text }),
      report: (input) => reportLeak(responding, input),
      failures: createFailureBudget(clock),
    },
    management: { ...responding, store, timers, prove },
    rounds: createLeakRounds(responding),
  };
}

function adminKeyEnder({ store, recorder, ports }: Rooms): RespondDeps['endAdminKey'] {
  const { clock } = ports;
  return async (requester, id) => {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const input = { requester, held: ['*'], id, isSeen: () => true };
      const done = await revokeAdminKey({ store, recorder, clock }, input);
      if (done.ok) return 'ended';
      if (done.refusal.reason === 'not_found') return 'gone';
      if (done.refusal.reason === 'last_one') return 'kept';
    }
    return 'kept';
  };
}

/** At the first tenant a token may be anybody's: a reporter outside knows one address alone. */
async function proveAnywhere(
  { store, ports }: Rooms,
  prove: (tenant: TenantId, text: string) => Promise<ProvenToken | 'busy' | undefined>,
  { tenant, text }: { readonly tenant: TenantId; readonly text: string },
): ReturnType<LeakDeps['prove']> {
  const own = await prove(tenant, text);
  if (own === 'busy') return 'busy';
  if (own !== undefined) return { tenant, proven: own };
  if (tenant !== defaultTenant) return undefined;
  const rows = await store.tenants.list({ limit: limits.leakTenantsMax });
  for (const row of rows) {
    if (row.tenant === tenant || row.status === 'deleted') continue;
    // A look-up may need no waiting: all requests would wait for all tenants.
    await letOthersRun(ports.timers);
    const of = row.tenant as TenantId;
    const proven = await prove(of, text);
    if (proven === 'busy') return 'busy';
    if (proven !== undefined) return { tenant: of, proven };
  }
  return undefined;
}
