import { call, type Installation } from './installation.ts';

/** How many requests the gateways have let through, as `/metrics` counts them. */
export async function allowed(
  installation: Pick<Installation, 'issuer' | 'adminKey'>,
): Promise<number> {
  const { text } = await call(installation, 'GET /metrics');
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('mintmark_gateway_allowed_total'));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
