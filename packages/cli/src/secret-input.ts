/** Secrets and tokens that a command is given: never as the value of an option. */
import { ok, type Result, utf8Decode } from '@mintmark/core';
import type { CommandRefusal, Invocation } from './command.ts';
import { usage } from './commands/send.ts';
import type { CliPorts } from './ports.ts';

/**
 * @param reference `file:PATH`, `env:NAME`, or `-` for standard input
 * @returns the secret; refusal: usage, where there is none
 * @throws CustodyFault `custody_reference`, and those of reading a private file
 */
export async function readSecret(
  ports: CliPorts,
  reference: string,
): Promise<Result<string, CommandRefusal>> {
  const text =
    reference === '-' ? await ports.terminal.readInput() : await follow(ports, reference);
  const secret = text?.replace(/\r?\n$/, '');
  if (secret === undefined || secret === '') {
    return usage(
      `${reference} holds no secret`,
      'give file:PATH, env:NAME or - for standard input',
    );
  }
  return ok(secret);
}

/**
 * A token or key to look at: the first operand, or standard input. The operand is for tokens that
 * are worth nothing any more; every process list shows it.
 */
export async function readToken(invocation: Invocation): Promise<Result<string, CommandRefusal>> {
  const operand = invocation.operands[0];
  const given =
    typeof operand === 'string' && operand !== '-'
      ? operand
      : await invocation.ports.terminal.readInput();
  const token = given.trim();
  return token === ''
    ? usage('standard input is empty', 'give the token there: … < FILE')
    : ok(token);
}

export const tokenOperand = {
  name: '[token]',
  description: 'default: from standard input, which no process list shows',
};

/** The authority knows how; it is loaded only for those commands that have a reference. */
async function follow(ports: CliPorts, reference: string): Promise<string | undefined> {
  const { readSecretReference } = await import('@mintmark/authority');
  return utf8Decode(await readSecretReference(reference, ports.environment));
}
