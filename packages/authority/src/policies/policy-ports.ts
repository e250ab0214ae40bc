/** What the endpoints of policies, decisions and evaluations are given. */
import type { KeepBudget, TenantId } from '@mintmark/core';
import type { DecisionLog } from './decision-log.ts';
import type { EvaluatePorts } from './evaluate-access.ts';
import type { PolicyReader } from './policy-reader.ts';
import type { PolicyPorts } from './policy-row.ts';
import type { SearchPorts } from './search-access.ts';

interface Parts<S> {
  readonly store: S;
  readonly recorder: PolicyPorts['recorder'];
  readonly ports: Pick<EvaluatePorts, 'clock' | 'entropy'> & Pick<SearchPorts, 'timers'>;
  readonly policies: PolicyReader;
  readonly decisionLog: DecisionLog;
  readonly keepBudget: KeepBudget;
  readonly config: { readonly decisions: { readonly keptSeconds: number } };
  readonly issuers: { readonly issuerOf: (tenant: TenantId) => string };
}

/** @param parts of the composition root; its store must have whatever the endpoints read */
export function policyPortsOf<
  S extends PolicyPorts['store'] &
    EvaluatePorts['rights'] & { readonly users: SearchPorts['users'] },
>(parts: Parts<S>) {
  const {
    store,
    recorder,
    ports,
    policies,
    decisionLog,
    keepBudget: budget,
    issuers,
    config,
  } = parts;
  const { clock, entropy } = ports;
  const { issuerOf } = issuers;
  return {
    policies: { store, recorder, clock, policiesChanged: policies.forget },
    decisions: { store, reports: decisionLog, clock, keptSeconds: config.decisions.keptSeconds },
    access: {
      ...{ policies, log: decisionLog, budget, rights: store, clock, entropy, issuerOf },
      ...{ users: store.users, timers: ports.timers },
    },
  };
}
