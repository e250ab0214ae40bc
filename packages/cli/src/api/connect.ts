/** Which server, and with which credential, a call speaks. */
import { readFile } from 'node:fs/promises';
import { ConfigFault, err, ok, type Result } from '@mintmark/core';
import type { CommandRefusal } from '../command.ts';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { type Api, createApi } from './api.ts';

export interface ConnectOptions {
  /** `--server`. */
  readonly server: string | undefined;
  /** `--token-file`; `-` is standard input. */
  readonly tokenFile: string | undefined;
  /** Read only where neither flag nor environment names a server. */
  readonly config: () => Config;
}

/**
 * Nearest wins: `--server`, MINTMARK_SERVER, the configuration's issuer, where it listens. The
 * credential never stands on the command line, where every process list shows it.
 *
 * @returns refusals: usage, for a server that is no URL, or plain HTTP beyond this machine
 * @throws ConfigFault `token_file_unreadable`
 */
export async function connect(
  ports: CliPorts,
  options: ConnectOptions,
): Promise<Result<Api, CommandRefusal>> {
  const named = options.server ?? nonEmpty(ports.environment['MINTMARK_SERVER']);
  const server = parseServer(named ?? serverOf(options.config()));
  if (!server.ok) return server;
  const credential = await readCredential(ports, options.tokenFile);
  if (!credential.ok) return credential;
  if (credential.value !== undefined && isExposed(server.value)) {
    return usage(
      `${server.value.href} is plain HTTP: everybody on the way would read the credential`,
      'use https, or run the command on the same machine',
    );
  }
  const base = server.value.href.replace(/\/$/, '');
  return ok(createApi(ports, { server: base, credential: credential.value }));
}

/** Where clients reach the authority of this configuration. */
export function serverOf(config: Config): string {
  if (config.issuer !== undefined) return config.issuer;
  const { listen, tls_cert } = config.authority;
  return `${tls_cert === undefined ? 'http' : 'https'}://${listen}`;
}

function parseServer(text: string): Result<URL, CommandRefusal> {
  const url = URL.parse(text);
  const known = url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
  if (!known || url.search !== '' || url.hash !== '' || url.username !== '') {
    return usage(`"${text}" is not the URL of a server`, 'write --server https://id.example');
  }
  return ok(url);
}

/** The URL parser has brought every spelling of an address to one form. */
function isExposed(url: URL): boolean {
  const { protocol, hostname } = url;
  const isLoopback =
    hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return protocol === 'http:' && !isLoopback;
}

async function readCredential(
  ports: CliPorts,
  tokenFile: string | undefined,
): Promise<Result<string | undefined, CommandRefusal>> {
  const text =
    tokenFile === undefined
      ? ports.environment['MINTMARK_TOKEN']
      : await readTokenFile(ports, tokenFile);
  const credential = nonEmpty(text?.trim());
  if (credential !== undefined && !/^[\x21-\x7e]+$/.test(credential)) {
    return usage('the credential holds characters that no credential has', undefined);
  }
  return ok(credential);
}

async function readTokenFile(ports: CliPorts, path: string): Promise<string> {
  if (path === '-') return ports.terminal.readInput();
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new ConfigFault('token_file_unreadable', `${path} cannot be read`, {
      cause,
      hint: 'name a file that holds one credential, or - for standard input',
    });
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function usage(message: string, hint: string | undefined): Result<never, CommandRefusal> {
  return err({ reason: 'usage', message, ...(hint === undefined ? {} : { hint }) });
}
