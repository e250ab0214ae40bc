/** What the authority shows of itself at `/metrics`, measured when it is asked. */
import { defaultTenant } from '@mintmark/core';
import type { Metric } from './http/management/metrics-endpoint.ts';
import type { Rooms } from './rooms.ts';

export function metricsOf({ sequencer, feed, usage }: Rooms): readonly Metric[] {
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
      name: 'mintmark_usage_events_lost_total',
      help: 'Decisions that found no room to be counted.',
      kind: 'counter',
      value: usage.lost,
    },
  ];
}
