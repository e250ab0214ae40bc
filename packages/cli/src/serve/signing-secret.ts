/** The secrets by which requests to the operator's own programs are signed. */
import { readSecretReference } from '@mintmark/authority';
import { type ConfigFault, CustodyFault } from '@mintmark/core';
import type { CliPorts } from '../ports.ts';

/** Shorter ones could be guessed from one signed request. */
const bytesMin = 32;

/**
 * @param input.invalid the fault of the section that names it
 * @throws that fault; CustodyFault `custody_reference`
 */
export async function readSigningSecret(
  { environment }: Pick<CliPorts, 'environment'>,
  input: {
    readonly reference: string;
    readonly invalid: (text: string, hint?: string) => ConfigFault;
  },
): Promise<Uint8Array> {
  const { reference, invalid } = input;
  let secret: Uint8Array;
  try {
    secret = await readSecretReference(reference, environment);
  } catch (cause) {
    if (!(cause instanceof CustodyFault && cause.code === 'custody_missing')) throw cause;
    // Unlike what custody keeps, this secret depends on nothing: one that is absent is made.
    const file = reference.replace(/^file:/, '');
    const hint = `make one: openssl rand -hex 32 > ${file}; chmod 600 ${file}`;
    throw invalid(`there is no secret ${file}`, hint);
  }
  if (secret.length < bytesMin) throw invalid(`the secret has fewer than ${bytesMin} bytes`);
  return secret;
}
