/** The targets of rotations, as the configuration names them. */
import { readFileSync } from 'node:fs';
import {
  commandTarget,
  type DeliveryTarget,
  type DeliveryTargets,
  fileTarget,
  kubernetesTarget,
  readSecretReference,
  vaultTarget,
  webhookTarget,
} from '@mintmark/authority';
import { ConfigFault, CustodyFault, utf8Decode } from '@mintmark/core';
import { createGuardedClient, type GuardedClient } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';

type Ports = Pick<CliPorts, 'environment' | 'clock' | 'entropy' | 'timers'>;
type Settings = Config['rotation']['targets'][string];

/** Shorter ones could be guessed from one signed request. */
const secretBytesMin = 32;

/** @throws ConfigFault `rotation_invalid`; CustodyFault where a secret cannot be read */
export async function openDeliveryTargets(
  ports: Ports,
  { rotation, outbound }: Pick<Config, 'rotation' | 'outbound'>,
): Promise<DeliveryTargets> {
  const targets = new Map<string, DeliveryTarget>();
  for (const [name, settings] of Object.entries(rotation.targets)) {
    targets.set(name, await openTarget(ports, { name, settings, ca: outbound.ca }));
  }
  return targets;
}

interface Named {
  readonly name: string;
  readonly settings: Settings;
  /** Of the installation, where the target names none. */
  readonly ca: string | undefined;
}

async function openTarget(ports: Ports, named: Named): Promise<DeliveryTarget> {
  const { settings } = named;
  const { tenants } = settings;
  switch (settings.type) {
    case 'webhook': {
      const secret = await readSecretReference(settings.secret, ports.environment);
      if (secret.length < secretBytesMin) {
        throw invalid(named.name, `the secret has fewer than ${secretBytesMin} bytes`);
      }
      const client = clientOf(ports, named, undefined);
      return webhookTarget({ ...ports, tenants, url: settings.url, secret, client });
    }
    case 'file':
      return fileTarget({
        tenants,
        folder: settings.folder,
        mode: Number.parseInt(settings.mode, 8),
      });
    case 'kubernetes': {
      const { server, namespace } = settings;
      const token = tokenReader(ports, settings.token);
      const client = clientOf(ports, named, settings.ca);
      return kubernetesTarget({ tenants, server, namespace, token, client });
    }
    case 'vault': {
      const { url, mount, prefix, namespace } = settings;
      const token = tokenReader(ports, settings.token);
      const client = clientOf(ports, named, settings.ca);
      return vaultTarget({ ...{ tenants, url, mount, prefix, namespace }, token, client });
    }
    case 'command':
      return commandTarget({ tenants, argv: settings.argv, timers: ports.timers });
  }
}

/** Read for each delivery: such tokens are renewed by others. */
function tokenReader({ environment }: Ports, reference: string): () => Promise<string> {
  return async () => {
    const token = utf8Decode(await readSecretReference(reference, environment))?.trim();
    // It stands in a header.
    if (token !== undefined && /^[\x21-\x7e]+$/.test(token)) return token;
    throw new CustodyFault('custody_malformed', 'the token of a rotation target is no token', {
      hint: 'see that the file or variable holds the token and nothing else',
    });
  };
}

function clientOf({ timers }: Ports, named: Named, own: string | undefined): GuardedClient {
  const path = own ?? named.ca;
  const trusted = path === undefined ? {} : { ca: readPem(named.name, path) };
  return createGuardedClient({ reach: 'operator', timers, ...trusted });
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw invalid(name, `${path} cannot be read`, cause);
  }
}

function invalid(name: string, text: string, cause?: unknown): ConfigFault {
  return new ConfigFault('rotation_invalid', `rotation.targets.${name}: ${text}`, {
    cause,
    hint: 'see docs/rotation.md',
  });
}
