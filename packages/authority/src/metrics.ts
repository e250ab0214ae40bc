/** What the authority shows of itself at `/metrics`, measured when it is asked. */
import { defaultTenant } from '@mintmark/core';
import type { KeyShadow } from './apikeys/shadow.ts';
import type { ClaimsHook } from './hooks/claims-hook.ts';
import type { Metric } from './http/management/metrics-endpoint.ts';
import type { Rooms } from './rooms.ts';

export async function metricsOf(rooms: Rooms): Promise<readonly Metric[]> {
  const { sequencer, feed, usage, claimsHook, requestPinger, notices, keyShadow } = rooms;
  const { decisionLog, keepBudget } = rooms;
  const { size, lagMs } = sequencer.view();
  const gauge = (name: string, help: string, value: number): Metric => {
    return { name, help, kind: 'gauge', value };
  };
  return [
    gauge('mintmark_audit_log_size', 'Records in the audit log.', size),
    gauge('mintmark_audit_lag_seconds', 'Age of the oldest unsequenced record.', lagMs / 1000),
    gauge('mintmark_feed_head', 'Newest position of the status feed.', feed.head(defaultTenant)),
    gauge(
      'mintmark_feed_age_seconds',
      'Age of the view of revocations.',
      feed.ageMs(defaultTenant) / 1000,
    ),
    {
      name: 'mintmark_authentication_pings_delivered_total',
      help: 'Clients told that a person has answered (CIBA).',
      kind: 'counter',
      value: requestPinger.counts.delivered,
    },
    {
      name: 'mintmark_authentication_pings_failed_total',
      help: 'Tries to tell a client that did not succeed.',
      kind: 'counter',
      value: requestPinger.counts.failed,
    },
    {
      name: 'mintmark_notices_delivered_total',
      help: 'Messages to owners of credentials, by mail or webhook, that were taken.',
      kind: 'counter',
      value: notices.counts.delivered,
    },
    {
      name: 'mintmark_notices_failed_total',
      help: 'Tries to bring such a message that did not succeed.',
      kind: 'counter',
      value: notices.counts.failed,
    },
    {
      name: 'mintmark_usage_events_lost_total',
      help: 'Decisions that found no room to be counted.',
      kind: 'counter',
      value: usage.lost,
    },
    {
      name: 'mintmark_decisions_not_kept_total',
      help: 'Decisions made here that found no room to be kept and explained.',
      kind: 'counter',
      value: keepBudget.refused,
    },
    {
      name: 'mintmark_decision_reports_lost_total',
      help: 'Reports of decisions and of policies in shadow that found no room to be written.',
      kind: 'counter',
      value: decisionLog.lost,
    },
    gauge(
      'mintmark_pressure',
      'How much is turned away: 0 nothing, 1 low, 2 normal too, 3 high too.',
      rooms.ports.pressure?.level ?? 0,
    ),
    ...(claimsHook === undefined ? [] : hookMetrics(claimsHook)),
    ...(keyShadow === undefined ? [] : await shadowMetrics(keyShadow)),
  ];
}

/** While keys of another system move over: what became of them, of all processes together. */
async function shadowMetrics({ counts }: KeyShadow): Promise<readonly Metric[]> {
  const { takenOver, unknown, agreed, onlyHere, onlyThere, unanswered } = await counts.totals();
  const rows: readonly (readonly [string, string, number])[] = [
    ['taken_over', 'Keys that were taken over from the old system at their first use.', takenOver],
    ['unknown', 'Keys that are unknown here and there.', unknown],
    ['agreed', 'Keys of which both systems say the same.', agreed],
    ['only_here', 'Keys that are good here and not there.', onlyHere],
    ['only_there', 'Keys that are good there and not here.', onlyThere],
    ['unanswered', 'Questions that the old system did not answer.', unanswered],
  ];
  return rows.map(([name, help, value]) => {
    return { name: `mintmark_old_system_${name}_total`, help, kind: 'counter', value };
  });
}

/** Outcomes by name: there are few, and no label carries an id. */
function hookMetrics({ calls }: ClaimsHook): readonly Metric[] {
  const counter = (name: string, help: string, counts: (outcome: string) => boolean): Metric => {
    const values = [...calls].filter(([outcome]) => counts(outcome)).map(([, value]) => value);
    return { name, help, kind: 'counter', value: values.reduce((sum, one) => sum + one, 0) };
  };
  const said = ['answered', 'refused'];
  const name = 'mintmark_claims_hook';
  return [
    counter(
      `${name}_calls_total`,
      'Tokens about which the claims hook was to be asked.',
      () => true,
    ),
    counter(`${name}_refusals_total`, 'Tokens that it refused.', (one) => one === 'refused'),
    counter(`${name}_failures_total`, 'Calls that came to nothing.', (one) => !said.includes(one)),
    counter(
      `${name}_rests_total`,
      'Failures without a call, as it rests.',
      (one) => one === 'resting',
    ),
  ];
}
