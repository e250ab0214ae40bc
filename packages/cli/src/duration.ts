/** Spans of time as people type them: `45s`, `10m`, `12h`, `90d`; a bare number is seconds. */
import { err, ok, type Result } from '@mintmark/core';
import type { CommandRefusal } from './command.ts';

const unitSeconds: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** @returns whole seconds; refusal: usage, naming the option */
export function parseDuration(option: string, text: string): Result<number, CommandRefusal> {
  const parts = /^(\d{1,9})([smhd]?)$/.exec(text);
  if (parts === null) {
    return err({
      reason: 'usage',
      message: `--${option} "${text}" is not a span of time`,
      hint: 'write 45s, 10m, 12h or 90d',
    });
  }
  return ok(Number(parts[1]) * unitSeconds[parts[2]!]!);
}
