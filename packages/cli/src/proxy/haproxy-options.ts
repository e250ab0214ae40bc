/** What the commands for HAProxy have in common: their options, and what they mean. */
import { resolve } from 'node:path';
import { err, ok, type Result } from '@mintmark/core';
import type { HaproxySettings } from '@mintmark/gateway';
import type { CommandRefusal, Invocation, Option } from '../command.ts';

export const haproxyOptions: readonly Option[] = [
  {
    flags: '--out <folder>',
    description: 'for haproxy.cfg, keys/ and maps/: HAProxy names them by this path',
    required: true,
  },
  { flags: '--bind <address>', description: 'for clients; default: 127.0.0.1:8480' },
  { flags: '--certificate <file>', description: 'PEM with certificate and key; default: no TLS' },
  {
    flags: '--runtime <socket>',
    description: 'by which HAProxy is ruled at run time; default: admin.sock in the folder',
  },
  {
    flags: '--chain <address>',
    description:
      'host:port of a gateway that judges what HAProxy cannot, and trusts this proxy; default: ' +
      'that is refused',
  },
  { flags: '--threads <count>', description: 'default: as many as there are cores' },
];

const addressForm = /^(?:[A-Za-z0-9.-]+|\*|\[[0-9a-f:]+\])?:[0-9]{1,5}$/;
const fileForm = /^[A-Za-z0-9._/@-]+$/;

/** @returns refusals: usage */
export function haproxySettings({
  options,
  config,
}: Pick<Invocation, 'options' | 'config'>): Result<HaproxySettings, CommandRefusal> {
  const { config: loaded } = config();
  const folder = resolve(options.text('out') ?? '.');
  const listen = options.text('bind') ?? '127.0.0.1:8480';
  const chain = options.text('chain');
  const threads = options.text('threads');
  const certificate = pathOf(options.text('certificate'));
  const runtimeSocket = pathOf(options.text('runtime')) ?? `${folder}/admin.sock`;
  const upstreamAuthorities = pathOf(loaded.gateway.upstream_ca);
  for (const file of [folder, certificate, runtimeSocket, upstreamAuthorities]) {
    if (file !== undefined && !fileForm.test(file)) return usage(`${file}: choose a plain name`);
  }
  if (!addressForm.test(listen)) return usage('--bind is an address and a port');
  if (chain !== undefined && !addressForm.test(chain)) {
    return usage('--chain is host and port of a gateway');
  }
  if (threads !== undefined && !/^[1-9][0-9]?$/.test(threads)) {
    return usage('--threads is a number from 1 to 64');
  }
  return ok({
    ...{ folder, listen, certificate, runtimeSocket, chain, upstreamAuthorities },
    prefix: loaded.prefix,
    threads: threads === undefined ? undefined : Number(threads),
  });
}

function pathOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : resolve(text);
}

function usage(message: string): Result<never, CommandRefusal> {
  return err({ reason: 'usage', message });
}
