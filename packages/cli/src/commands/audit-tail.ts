/** `mintmark audit tail`: the newest records, and with `--follow` those that come. */
import { ok, type Result } from '@mintmark/core';
import type { Api } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Outcome } from '../command.ts';
import { printable } from '../style.ts';
import { recordLine } from './audit-record.ts';
import { cell, type Item, usage } from './send.ts';

const shownDefault = 20;
const pollMs = 1_000;
/** Between two looks no more than this is expected; what is older was shown before. */
const lookBack = 500;

export const auditTail: Command = {
  name: 'audit tail',
  summary: 'shows the newest audit records, oldest of them first',
  options: [
    { flags: '--follow', description: 'goes on with those that come, until it is stopped' },
    { flags: '--max <count>', description: `so many to begin with; default ${shownDefault}` },
  ],
  examples: [
    ['mintmark audit tail', 'what happened last'],
    ['mintmark audit tail --follow --json', 'one record a line, as they come'],
  ],
  async run(invocation) {
    const max = Number(invocation.options.text('max') ?? shownDefault);
    if (!Number.isSafeInteger(max) || max < 1) return usage('--max is not a number above 0');
    const api = await invocation.api();
    if (!api.ok) return api;
    const seen = new Set<string>();
    const first = await show(invocation, api.value, { max, seen });
    if (!first.ok || !invocation.options.flag('follow')) return first.ok ? nothingMore : first;
    return follow(invocation, api.value, seen);
  },
};

/** Everything was written line by line already. */
const nothingMore: Outcome = ok({ json: undefined, text: () => '' });

async function show(
  { ports, json }: Invocation,
  api: Api,
  { max, seen }: { readonly max: number; readonly seen: Set<string> },
): Promise<Result<undefined, CommandRefusal>> {
  const found = await api.list('/v1/audit/events', {}, max);
  if (!found.ok) return found;
  for (const item of [...found.value].reverse()) {
    const id = cell(item, 'id');
    if (seen.has(id)) continue;
    seen.add(id);
    ports.terminal.write(`${lineOf(item, { json })}\n`);
  }
  return ok(undefined);
}

function lineOf(item: Item, { json }: { readonly json: boolean }): string {
  return json ? JSON.stringify(item) : printable(recordLine(item));
}

async function follow(invocation: Invocation, api: Api, seen: Set<string>): Promise<Outcome> {
  const { timers, signals } = invocation.ports;
  let stopped = false;
  let wake = (): void => {};
  const off = signals.on('stop', () => {
    stopped = true;
    wake();
  });
  try {
    while (!stopped) {
      const shown = await show(invocation, api, { max: lookBack, seen });
      if (!shown.ok) return shown;
      // Ids order by time: those far behind cannot come again.
      for (const id of [...seen].slice(0, -2 * lookBack)) seen.delete(id);
      await new Promise<void>((resolve) => {
        const cancel = timers.after(pollMs, resolve);
        wake = () => {
          cancel();
          resolve();
        };
        if (stopped) wake();
      });
    }
    return nothingMore;
  } finally {
    off();
  }
}
