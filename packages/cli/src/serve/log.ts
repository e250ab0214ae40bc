/**
 * The log: JSON lines on standard error. What it is given is typed and without secrets; what comes
 * from outside (messages of errors, paths) is scrubbed all the same, because a client may put a
 * credential anywhere. JSON escapes line breaks, so that no line can be forged.
 */
import { Fault } from '@mintmark/core';
import { type DestinationStream, pino } from 'pino';
import { scrub } from './scrub.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Facts of one line, by name. */
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  /** With the error's code, message and causes; its stack only where it is a bug. */
  error(message: string, error: unknown, facts?: LogFacts): void;
  readonly isDebug: boolean;
}

/** @param destination where lines go; a test looks at them */
export function createLog(level: LogLevel, destination: DestinationStream): Log {
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
    destination,
  );
  return {
    debug: (message, facts = {}) => logger.debug(scrubFacts(facts), message),
    info: (message, facts = {}) => logger.info(scrubFacts(facts), message),
    warn: (message, facts = {}) => logger.warn(scrubFacts(facts), message),
    error: (message, error, facts = {}) =>
      logger.error({ ...scrubFacts(facts), ...describe(error) }, message),
    isDebug: logger.isLevelEnabled('debug'),
  };
}

function scrubFacts(facts: LogFacts): LogFacts {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name,
      typeof value === 'string' ? scrub(value) : value,
    ]),
  );
}

function describe(error: unknown): LogFacts {
  const messages: string[] = [];
  let cause = error;
  while (cause instanceof Error && messages.length < causesMax) {
    messages.push(cause.message);
    cause = cause.cause;
  }
  const text = scrub(messages.join(': ') || String(error));
  if (error instanceof Fault) {
    const { code, hint } = error;
    return { code, error: text, hint: hint === undefined ? undefined : scrub(hint) };
  }
  const stack = error instanceof Error ? scrub(error.stack ?? '') : undefined;
  return { code: 'bug', error: text, stack };
}

const causesMax = 5;
