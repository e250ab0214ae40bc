/** The operator's claims hook, as the configuration names it: behind a URL, or in a file. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type ClaimsHookSettings,
  type ClaimsModule,
  moduleSource,
  webhookSource,
} from '@mintmark/authority';
import { ConfigFault } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { readSigningSecret } from './signing-secret.ts';

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
  const secret = await readSigningSecret(ports, { reference: config.secret, invalid });
  return { ...rest, source: webhookSource({ ...ports, url, secret, client }) };
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

function invalid(text: string, hint = 'see docs/claims-hook.md'): ConfigFault {
  return new ConfigFault('claims_hook_invalid', `claims_hook: ${text}`, { hint });
}
