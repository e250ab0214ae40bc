/** `mintmark proxy-config …` and `proxy-sync …`: other proxies that judge by themselves. */
import type { Command } from '../command.ts';
import { envoyOptions } from '../proxy/envoy-options.ts';
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

const envoyConfig: Command = {
  name: 'proxy-config envoy',
  summary: 'writes a configuration with which Envoy judges requests by itself',
  description:
    'From routes, keys and revocations of the authority that the configuration names for ' +
    'gateways. The gateway behind Envoy judges everything until "mintmark proxy-sync envoy" says ' +
    'that there are news.',
  options: envoyOptions,
  configured: true,
  examples: [
    [
      'mintmark proxy-config envoy --out /etc/envoy/mintmark --chain 127.0.0.1:8480',
      'then envoy -c /etc/envoy/mintmark/envoy.json',
    ],
  ],
  async run(invocation) {
    const { writeEnvoyConfig } = await import('../proxy/envoy-config.ts');
    return writeEnvoyConfig(invocation);
  },
};

const envoySync: Command = {
  name: 'proxy-sync envoy',
  summary: 'keeps a running Envoy at what the authority says, until it is stopped',
  description:
    'A node like a gateway: follows the feed and replaces the files that Envoy watches, without ' +
    'a connection that is dropped. While it does not run, or hears nothing, the gateway behind ' +
    'Envoy judges everything after 5 seconds.',
  options: envoyOptions,
  configured: true,
  examples: [
    [
      'mintmark proxy-sync envoy --out /etc/envoy/mintmark --chain 127.0.0.1:8480',
      'writes the configuration too',
    ],
  ],
  async run(invocation) {
    const { syncEnvoy } = await import('../proxy/envoy-sync.ts');
    return syncEnvoy(invocation);
  },
};

export const proxyCommands: readonly Command[] = [
  haproxyConfig,
  haproxySync,
  envoyConfig,
  envoySync,
];
