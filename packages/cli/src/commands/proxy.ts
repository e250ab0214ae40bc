/** `mintmark proxy-config …` and `proxy-sync …`: other proxies that judge by themselves. */
import type { Command } from '../command.ts';
import { haproxyOptions } from '../proxy/haproxy-options.ts';

const haproxyConfig: Command = {
  name: 'proxy-config haproxy',
  summary: 'writes a configuration with which HAProxy 2.6 judges requests by itself',
  description:
    'From routes, keys and revocations of the authority that the configuration names for ' +
    'gateways. HAProxy refuses everything that asks for a credential until "mintmark proxy-sync ' +
    'haproxy" tells it what is revoked.',
  options: haproxyOptions,
  configured: true,
  examples: [
    [
      'mintmark proxy-config haproxy --out /etc/haproxy/mintmark --chain 127.0.0.1:8480',
      'what HAProxy cannot judge, a gateway behind it does',
    ],
  ],
  async run(invocation) {
    const { writeHaproxyConfig } = await import('../proxy/haproxy-config.ts');
    return writeHaproxyConfig(invocation);
  },
};

const haproxySync: Command = {
  name: 'proxy-sync haproxy',
  summary: 'keeps a running HAProxy at what the authority says, until it is stopped',
  description:
    'A node like a gateway: follows the feed, brings revocations to the runtime socket within ' +
    'milliseconds, and reloads by the master socket where routes or keys are new. While it does ' +
    'not run, or hears nothing, HAProxy refuses after 5 seconds.',
  options: [
    ...haproxyOptions,
    {
      flags: '--master <socket>',
      description: 'of HAProxy’s master process (haproxy -W -S); default: somebody else reloads',
    },
  ],
  configured: true,
  examples: [
    [
      'mintmark proxy-sync haproxy --out /etc/haproxy/mintmark --master /run/haproxy-master.sock',
      'writes the configuration too',
    ],
  ],
  async run(invocation) {
    const { syncHaproxy } = await import('../proxy/haproxy-sync.ts');
    return syncHaproxy(invocation);
  },
};

export const proxyCommands: readonly Command[] = [haproxyConfig, haproxySync];
