/** `mintmark gateway` as a process of its own. */
import { type Child, startChild } from './child.ts';
import { command as program } from './mintmark.ts';
import { until } from './until.ts';

export interface GatewayProcess {
  readonly child: Child;
  /** For clients. */
  readonly origin: string;
  /** `/livez`, `/readyz`, `/metrics`. */
  readonly operations: string;
  /** Where it judges for other proxies, if it does. */
  readonly judge: string | undefined;
}

/**
 * Resolves once it listens, whether or not it has a view.
 *
 * @param input.home working folder
 * @param input.authority URL of the authority
 * @param input.key credential with which it asks there
 */
export async function startGatewayProcess(
  input: { readonly home: string; readonly authority: string; readonly key: string },
  ...flags: readonly string[]
): Promise<GatewayProcess> {
  const { home, authority, key } = input;
  const line = ['gateway', '--json', '--gateway-listen', '127.0.0.1:0', ...flags];
  const apart = ['--gateway-authority', authority, '--gateway-token', 'env:KEY'];
  const child = startChild(process.execPath, [program, ...line, ...apart], {
    ...{ cwd: home, env: { KEY: key } },
  });
  const event = await until('the gateway listens', () => {
    if (child.ended() !== undefined) throw new Error(`gateway: ${child.stderr()}`);
    return child
      .stdout()
      .split('\n')
      .find((text) => text.includes('"listening"'));
  });
  const { gateway, operations, judge } = JSON.parse(event) as Record<string, string>;
  return { child, origin: gateway!, operations: operations!, judge };
}
