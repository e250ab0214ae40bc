/** What the commands for Envoy have in common: their options, and what they mean. */
import { resolve } from 'node:path';
import { err, ok, type Result } from '@mintmark/core';
import type { EnvoySettings } from '@mintmark/gateway';
import type { CommandRefusal, Invocation, Option } from '../command.ts';

export const envoyOptions: readonly Option[] = [
  {
    flags: '--out <folder>',
    description: 'for envoy.json and the files that Envoy watches: it names them by this path',
    required: true,
  },
  { flags: '--bind <address>', description: 'for clients; default: 127.0.0.1:8480' },
  {
    flags: '--chain <address>',
    description: 'host:port of a gateway that judges what Envoy cannot, and trusts this proxy',
    required: true,
  },
  { flags: '--certificate <file>', description: 'PEM for TLS; default: no TLS' },
  { flags: '--key <file>', description: 'PEM of its private key' },
];

const systemAuthorities = '/etc/ssl/certs/ca-certificates.crt';

/** @returns refusals: usage */
export function envoySettings({
  options,
  config,
}: Pick<Invocation, 'options' | 'config'>): Result<EnvoySettings, CommandRefusal> {
  const { config: loaded } = config();
  const listen = endpointOf(options.text('bind') ?? '127.0.0.1:8480');
  const chain = endpointOf(options.text('chain') ?? '');
  if (listen === undefined) return usage('--bind is an address and a port');
  if (chain === undefined) return usage('--chain is host and port of a gateway');
  const certificate = options.text('certificate');
  const key = options.text('key');
  if ((certificate === undefined) !== (key === undefined)) {
    return usage('--certificate and --key go together');
  }
  const tls =
    certificate === undefined || key === undefined
      ? undefined
      : { certificate: resolve(certificate), key: resolve(key) };
  return ok({
    ...{ folder: resolve(options.text('out') ?? '.'), listen, chain, tls },
    upstreamAuthorities: resolve(loaded.gateway.upstream_ca ?? systemAuthorities),
    prefix: loaded.prefix,
  });
}

function endpointOf(text: string): { readonly host: string; readonly port: number } | undefined {
  const found = /^(?:\[([0-9a-f:]+)\]|([A-Za-z0-9.-]*)):([0-9]{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [, ipv6, name, port] = found;
  const host = ipv6 ?? (name === '' || name === undefined ? '0.0.0.0' : name);
  return Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

function usage(message: string): Result<never, CommandRefusal> {
  return err({ reason: 'usage', message });
}
