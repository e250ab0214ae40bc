/**
 * What lists of others say of the address that a request comes from: evidence. What follows from it
 * is the route's to say. Neighbours: `view/threat-view.ts` knows the lists, `decide.ts` asks.
 */
import type { ThreatAction } from '@mintmark/core';
import type { Metrics } from '../record/metrics.ts';
import type { CompiledRoute } from '../routes/route-table.ts';
import type { ThreatView } from '../view/threat-view.ts';

export interface Threat {
  readonly action: ThreatAction;
  /** What is left of each limit. */
  readonly factor: number;
  /** Who lists it: names the explanation. */
  readonly feed: string;
  /** The block that is listed, as the engine writes it. */
  readonly network: string;
}

/** @returns undefined where the route asks no list, or none that counts there names the address */
export function findThreat(
  threats: Pick<ThreatView, 'find'> | undefined,
  { threats: wanted }: CompiledRoute,
  address: string,
): Threat | undefined {
  if (wanted === undefined || threats === undefined) return undefined;
  const match = threats.find(address, wanted.feeds);
  if (match === undefined) return undefined;
  const { action, factor } = wanted;
  return { action, factor, feed: match.feed, network: match.network };
}

/** The same, counted. */
export function meetThreat(
  { threats, metrics }: { readonly threats: ThreatView | undefined; readonly metrics: Metrics },
  route: CompiledRoute,
  address: string,
): Threat | undefined {
  const threat = findThreat(threats, route, address);
  if (threat !== undefined) metrics.count('mintmark_gateway_threats_total', threat.action);
  return threat;
}
