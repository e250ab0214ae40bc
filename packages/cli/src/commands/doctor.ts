/** `mintmark doctor`. */
import { err, ok } from '@mintmark/core';
import type { Command } from '../command.ts';
import type { Check } from '../doctor/check.ts';
import type { Style } from '../style.ts';
import { printable } from '../style.ts';

const doctor: Command = {
  name: 'doctor',
  summary: 'says what is unsafe or broken around this installation, and what to do',
  description:
    'Looks at files, permissions, custody, database, certificates, clock, disk and the version ' +
    'of Node; changes nothing. Exits 1 when something fails; warnings do not count.',
  configured: true,
  examples: [
    ['mintmark doctor', 'one line a check'],
    ['mintmark doctor --json', 'for monitoring'],
  ],
  async run(invocation) {
    const { examine, nobodyNamed } = await import('../doctor/doctor.ts');
    const nobody = nobodyNamed(invocation.ports, invocation.config().config);
    if (nobody !== undefined) return err(nobody);
    const checks = await examine(invocation.ports, {
      loaded: invocation.config(),
      nodeVersion: process.version,
      self: process.getuid?.(),
    });
    const count = (verdict: Check['verdict']): number =>
      checks.filter((check) => check.verdict === verdict).length;
    const failed = count('fail');
    return ok({
      json: { ok: failed === 0, failed, warned: count('warn'), checks },
      text: (style) =>
        [...checks.map((check) => line(style, check)), summary(style, failed, count('warn'))].join(
          '\n',
        ),
      negative: failed > 0,
    });
  },
};

export const doctorCommands: readonly Command[] = [doctor];

function line(style: Style, { check, verdict, message, todo }: Check): string {
  const mark = { pass: style.good('pass'), warn: style.warn('warn'), fail: style.bad('FAIL') };
  const first = `${mark[verdict]}  ${style.bold(check)}  ${printable(message)}`;
  return todo === undefined ? first : `${first}\n      ${style.dim('→')} ${todo}`;
}

function summary(style: Style, failed: number, warned: number): string {
  if (failed > 0) return style.bad(`${failed} failed, ${warned} warned`);
  return warned > 0 ? style.warn(`nothing failed, ${warned} warned`) : style.good('all is well');
}
