/**
 * Tells the server of the tokens that a scan found, each once. To show a token proves that it
 * leaked, so no credential is needed. Only those of the server's own prefix are sent: nobody is
 * shown somebody else's tokens.
 */
import { limits } from '@mintmark/core';
import type { Invocation } from '../command.ts';
import { failureOfRefusal } from '../failure.ts';
import type { Find, ScanRecord } from './scan-record.ts';

export interface ScanReport {
  /** Tokens that are the server's, and that it refuses from now on. */
  readonly known: number;
  readonly unknown: number;
  /** Tokens of other installations, which nobody was told of. */
  readonly others: number;
  /** Why it could not be told all of it. */
  readonly error?: string;
}

/** @throws NetworkFault where the server does not answer */
export async function reportFinds(
  invocation: Invocation,
  { finds }: ScanRecord,
): Promise<ScanReport> {
  const prefixes = invocation.options.list('prefix') ?? ['mm'];
  const own = new Map<string, Find>();
  const foreign = new Set<string>();
  for (const find of finds) {
    if (find.text === undefined) continue;
    if (prefixes.includes(find.prefix)) own.set(find.text, find);
    else foreign.add(find.text);
  }
  const others = foreign.size;
  const tokens = [...own].map(([token, { place, kind }]) => ({
    token,
    type: `mintmark_${kind}`,
    source: place.path.slice(-200),
  }));
  let [known, unknown] = [0, 0];
  if (tokens.length === 0) return { known, unknown, others };
  const api = await invocation.api();
  if (!api.ok) return { known, unknown, others, error: messageOf(api.refusal) };
  for (let from = 0; from < tokens.length; from += limits.leakTokensMax) {
    const body = tokens.slice(from, from + limits.leakTokensMax);
    const answer = await api.value.call({ method: 'POST', path: '/leaks/report', body });
    if (!answer.ok) return { known, unknown, others, error: messageOf(answer.refusal) };
    const labels = JSON.parse(answer.value.text) as readonly { readonly label: string }[];
    const good = labels.filter(({ label }) => label === 'true_positive').length;
    known += good;
    unknown += labels.length - good;
  }
  return { known, unknown, others };
}

function messageOf(refusal: Parameters<typeof failureOfRefusal>[0]): string {
  const { error } = failureOfRefusal(refusal).json as { error: { message: string } };
  return error.message;
}
