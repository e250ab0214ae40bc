/**
 * How the command says no, and with which exit code: 0 success, 1 refused, 2 usage, 3 fault. Text
 * for people, one JSON object with `--json`; both on standard error.
 */
import { Fault } from '@mintmark/core';
import type { CommandRefusal } from './command.ts';
import { printable, type Style } from './style.ts';

export const exitCodes = { success: 0, refused: 1, usage: 2, fault: 3 } as const;

export interface Failure {
  readonly exit: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: (style: Style) => string;
}

export function failureOfRefusal(refusal: CommandRefusal): Failure {
  if (refusal.reason === 'usage') {
    const { message, hint } = refusal;
    return {
      exit: exitCodes.usage,
      json: { error: { code: 'usage', message, hint } },
      text: (style) => lines(style, message, [], hint),
    };
  }
  const { status, code, title, detail, errors = [], requestId, hint } = refusal;
  return {
    // A 5xx is not a no: the server could not decide.
    exit: status >= 500 ? exitCodes.fault : exitCodes.refused,
    json: { error: { code, status, message: title, detail, errors, request_id: requestId, hint } },
    text: (style) => {
      const more = errors.map((one) => `${one.pointer || 'body'}: ${one.message}`);
      if (requestId !== undefined) more.push(style.dim(`request ${requestId}, ${code}`));
      return lines(style, detail === undefined ? title : `${title}: ${detail}`, more, hint);
    },
  };
}

export function failureOfThrown(error: unknown): Failure {
  if (error instanceof Fault) {
    const { code, message, hint } = error;
    return {
      exit: exitCodes.fault,
      json: { error: { code, message, hint, cause: causeOf(error) } },
      text: (style) => {
        const cause = causeOf(error);
        const more = cause === undefined ? [] : [style.dim(`because: ${cause}`)];
        return lines(style, `${code}: ${message}`, more, hint);
      },
    };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    exit: exitCodes.fault,
    json: { error: { code: 'bug', message: String(error) } },
    text: (style) =>
      lines(style, `bug: ${stack}`, [], 'this is a defect; please report it with what you did'),
  };
}

function lines(
  style: Style,
  message: string,
  more: readonly string[],
  hint: string | undefined,
): string {
  const [first, ...rest] = message.split('\n');
  const all = [`${style.bad('mintmark:')} ${printable(first!)}`, ...rest.map(printable)];
  all.push(...more.map((line) => `  ${line}`));
  if (hint !== undefined) all.push(`  ${style.bold('try:')} ${hint}`);
  return all.join('\n');
}

function causeOf(error: Error): string | undefined {
  const { cause } = error;
  if (cause === undefined) return undefined;
  return cause instanceof Error ? printable(cause.message) : undefined;
}
