/** `mintmark proxy-config …`: other people's proxies that judge by themselves. */
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

export const proxyCommands: readonly Command[] = [haproxyConfig];
