/** `mintmark serve`, `authority`, `gateway` and `init`: the commands that run the products. */
import type { Command } from '../command.ts';

/** Loaded when it is needed: every other command starts in half the time without the products. */
const products = () => import('../serve/run.ts');

const strictOption = {
  flags: '--strict',
  description: 'refuses to start where the doctor finds something unsafe',
};

const serve: Command = {
  name: 'serve',
  summary: 'runs authority and gateway in one process',
  description:
    'On an empty data folder it makes the installation first and shows the key of its first ' +
    'administrator, once. Stops on SIGTERM or SIGINT after finishing what is under way.',
  options: [strictOption],
  configured: true,
  examples: [
    ['mintmark serve', 'on 127.0.0.1:8420, data in ./data'],
    ['mintmark serve --listen 127.0.0.1:9000 --data /var/lib/mintmark', 'elsewhere'],
    ['mintmark serve --json', 'for a supervisor: one JSON object a line'],
  ],
  async run(invocation) {
    return (await products()).runProducts(invocation, { withGateway: true });
  },
};

const authority: Command = {
  name: 'authority',
  summary: 'runs the authority without a gateway',
  options: [strictOption],
  configured: true,
  examples: [['mintmark authority --config mintmark.yaml', 'gateways elsewhere follow its feed']],
  async run(invocation) {
    return (await products()).runProducts(invocation, { withGateway: false });
  },
};

const gateway: Command = {
  name: 'gateway',
  summary: 'runs a gateway apart from its authority',
  description:
    'Follows the feed of the authority that the configuration names, and refuses while it has no ' +
    'fresh view of what is revoked. Its credential is an admin key with feed:read and ' +
    'decisions:write.',
  options: [
    strictOption,
    {
      flags: '--workers <count>',
      description: 'processes that share its port; one that crashes is started again',
    },
  ],
  configured: true,
  examples: [
    [
      'mintmark gateway --gateway-authority https://id.example --gateway-token env:GATEWAY_KEY',
      'listens on 127.0.0.1:8480',
    ],
    ['mintmark gateway --config mintmark.yaml --workers 4', 'four processes on one port'],
  ],
  async run(invocation) {
    return (await products()).runGateway(invocation);
  },
};

const init: Command = {
  name: 'init',
  summary: 'prepares a data folder without serving',
  description: 'Refuses to do it twice: the first administrator exists then.',
  configured: true,
  examples: [
    ['mintmark init --data /var/lib/mintmark', 'shows the admin key, once'],
    ['mintmark init --json', '{"issuer","admin_key"} for a script'],
  ],
  async run(invocation) {
    return (await products()).runInit(invocation);
  },
};

export const serveCommands: readonly Command[] = [serve, authority, gateway, init];
