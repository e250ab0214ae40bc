/** The operator's claims hook, as the configuration names it: behind a URL, or in a file. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type ClaimsHookSettings,
  type ClaimsModule,
  moduleSource,
  readSecretReference,
  webhookSource,
} from '@mintmark/authority';
import { ConfigFault, CustodyFault } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';

/** Shorter ones could be guessed from one signed request. */
const secretBytesMin = 32;

/**
 * @param client made with reach `operator`
 * @throws ConfigFault `claims_hook_invalid`; CustodyFault `custody_reference`
 */
export async function openClaimsHook(
  ports: Pick<CliPorts, 'environment' | 'clock' | 'entropy'>,
  config: Config['claims_hook'],
  client: Pick<GuardedClient, 'send'>,
): Promise<ClaimsHookSettings | undefined> {
  const { url, module, deadline_ms: deadlineMs, on_failure: onFailure } = config;
  if (url !== undefined && module !== undefined) throw invalid('name a url or a module, not both');
  const rest = { deadlineMs, onFailure };
  if (module !== undefined) return { ...rest, source: moduleSource(await load(module)) };
  if (url === undefined) return undefined;
  if (config.secret === undefined)
    throw invalid('a url needs a secret that its requests are signed by');
  const secret = await readSecret(config.secret, ports.environment);
  if (secret.length < secretBytesMin)
    throw invalid(`the secret has fewer than ${secretBytesMin} bytes`);
  return { ...rest, source: webhookSource({ ...ports, url, secret, client }) };
}

/** Unlike what custody keeps, this secret depends on nothing: one that is absent is made. */
async function readSecret(
  reference: string,
  environment: CliPorts['environment'],
): Promise<Uint8Array> {
  try {
    return await readSecretReference(reference, environment);
  } catch (cause) {
    if (!(cause instanceof CustodyFault && cause.code === 'custody_missing')) throw cause;
    const file = reference.replace(/^file:/, '');
    throw new ConfigFault('claims_hook_invalid', `claims_hook: there is no secret ${file}`, {
      hint: `make one: openssl rand -hex 32 > ${file}; chmod 600 ${file}`,
    });
  }
}

async function load(path: string): Promise<ClaimsModule> {
  let loaded: { readonly default?: unknown };
  try {
    loaded = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const hint = 'check claims_hook.module, and that the file runs by itself';
    throw new ConfigFault('claims_hook_invalid', `cannot load ${path}`, { cause, hint });
  }
  const { default: run } = loaded;
  if (typeof run !== 'function') throw invalid(`${path} has no function as its default export`);
  return run as ClaimsModule;
}

function invalid(text: string): ConfigFault {
  return new ConfigFault('claims_hook_invalid', `claims_hook: ${text}`, {
    hint: 'see docs/claims-hook.md',
  });
}
