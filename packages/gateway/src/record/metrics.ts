/**
 * What a gateway counts of itself, as Prometheus text. Labels are reasons and outcomes, all from
 * fixed lists: no path, key or subject ever becomes one.
 */

/** Counters by name and label; the gateway raises them, the admin listener renders them. */
export interface Metrics {
  count(name: CounterName, label?: string, times?: number): void;
  /** Current value of a counter. */
  value(name: CounterName, label?: string): number;
  /** Prometheus text format 0.0.4. @param gauges measured at this moment */
  render(gauges: Readonly<Record<GaugeName, number>>): string;
}

const counters = {
  mintmark_gateway_allowed_total: 'Requests let through, by credential.',
  mintmark_gateway_answered_total: 'Requests answered by the gateway itself, by what they ask.',
  mintmark_gateway_denied_total: 'Requests refused, by reason.',
  mintmark_gateway_degraded_total:
    'Decisions made without a dependency, as the route declares, by verdict.',
  mintmark_gateway_introspections_total: 'Questions to the authority, by outcome.',
  mintmark_gateway_spendings_total: 'Uses of counted keys asked for at the authority, by outcome.',
  mintmark_gateway_common_proofs_total: 'DPoP proofs asked about in common, by what was known.',
  mintmark_gateway_signature_cache_total: 'Sights of JWTs, by whether the signature was known.',
  mintmark_gateway_limits_down_total: 'Decisions without the common count, by what was done.',
  mintmark_gateway_upstream_failures_total: 'Requests that an upstream failed, by reason.',
  mintmark_gateway_upstream_retries_total: 'Tries of requests beyond the first.',
  mintmark_gateway_upstream_changes_total: 'Servers taken out or back, by what happened.',
  mintmark_gateway_streams_cut_total: 'Answers under way that were cut, by reason.',
  mintmark_gateway_feed_faults_total: 'Failed questions to the status feed, by kind.',
  mintmark_gateway_decisions_lost_total: 'Decision events that were never delivered, by cause.',
  mintmark_gateway_adaptive_total: 'Requests that adaptive limits denied, or would (shadow).',
  mintmark_gateway_limit_observations_lost_total: 'What limits learn from, lost, by cause.',
  mintmark_gateway_threats_total: 'Requests from listed addresses, by what the route does.',
  mintmark_gateway_policy_decisions_total: 'Requests that policies judged, by verdict.',
  mintmark_gateway_decisions_not_kept_total:
    'Decisions that found no room to be kept and explained, by what they were.',
  mintmark_gateway_policy_differences_total: 'Verdicts that a policy in shadow would change.',
  mintmark_gateway_policy_errors_total: 'Requests at which a policy failed, by stage.',
  mintmark_gateway_masked_total: 'Places of answers that were masked, by mode and action.',
  mintmark_gateway_unmaskable_total: 'Answers that could not be masked, by mode and reason.',
  mintmark_gateway_injections_total: 'Suspected injections, by mode, place and rule.',
  mintmark_gateway_request_misfits_total: 'Misfits of requests, by mode, place and rule.',
  mintmark_gateway_internal_tokens_total: 'Tokens signed for upstreams.',
  mintmark_gateway_key_faults_total: 'Times the key of this node could not be published.',
  mintmark_gateway_policy_reports_lost_total: 'Policy reports never delivered, by cause.',
} as const;

const gaugeHelp = {
  mintmark_gateway_feed_age_seconds: 'Age of the status view; more than 5 means refusing.',
  mintmark_gateway_feed_position: 'Position up to which the status feed is applied.',
  mintmark_gateway_pressure: 'How much is turned away: 0 nothing, 1 low, 2 normal too, 3 high too.',
  mintmark_gateway_live_requests: 'Requests being forwarded.',
  mintmark_gateway_decisions_queued: 'Decision events waiting for delivery.',
  mintmark_gateway_proofs_remembered: 'DPoP proofs remembered, so that none counts twice.',
  mintmark_gateway_view_keys: 'API keys in the status view.',
  mintmark_gateway_view_keys_complete: '0 while keys of a new view are still to come.',
  mintmark_gateway_view_revocations: 'Revocations in the status view.',
  mintmark_gateway_limit_profiles: 'Callers whose usual use this node knows.',
  mintmark_gateway_threat_blocks: 'Listed blocks of addresses that this node knows.',
  mintmark_gateway_signature_cache_entries: 'Verified signatures remembered.',
} as const;

export type CounterName = keyof typeof counters;
export type GaugeName = keyof typeof gaugeHelp;

/** The one label of each counter. */
const labelName = 'kind';

export function createMetrics(): Metrics {
  const values = new Map<CounterName, Map<string, number>>();
  return {
    count(name, label = '', times = 1) {
      let byLabel = values.get(name);
      if (byLabel === undefined) {
        byLabel = new Map();
        values.set(name, byLabel);
      }
      byLabel.set(label, (byLabel.get(label) ?? 0) + times);
    },
    value: (name, label = '') => values.get(name)?.get(label) ?? 0,
    render(gauges) {
      const lines: string[] = [];
      for (const [name, help] of Object.entries(counters)) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`);
        const byLabel = values.get(name as CounterName) ?? new Map([['', 0]]);
        for (const [label, value] of byLabel) {
          lines.push(
            label === '' ? `${name} ${value}` : `${name}{${labelName}="${label}"} ${value}`,
          );
        }
      }
      for (const [name, help] of Object.entries(gaugeHelp)) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
        lines.push(`${name} ${gauges[name as GaugeName]}`);
      }
      return `${lines.join('\n')}\n`;
    },
  };
}
