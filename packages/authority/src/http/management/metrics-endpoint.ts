/**
 * `/metrics`, beside the API and under the same judgement: how much is issued, and how far a view
 * lags, is the operator's knowledge and not everybody's.
 */
import { ok } from '@mintmark/core';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';

/** One value of the process at this moment, as Prometheus names it. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly value: number;
}

export interface MetricsPorts {
  readonly metrics: () => Promise<readonly Metric[]>;
}

export function metricsEndpoint({ metrics }: MetricsPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/metrics',
    operation: 'readMetrics',
    operatorOnly: true,
    group: 'operations',
    summary: 'Counters and gauges of this process, as Prometheus reads them',
    permission: 'metrics:read',
    hidden: true,
    answers: {
      200: {
        description: 'Prometheus text format.',
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
      },
    },
    handle: async () => ok({ status: 200, text: render(await metrics()) }),
  });
}

/** Prometheus' text exposition format. No label carries an id: that would be one series a key. */
function render(metrics: readonly Metric[]): string {
  return metrics
    .map(({ name, help, kind, value }) => {
      return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${name} ${value}\n`;
    })
    .join('');
}
