/** The section `old_system` as the authority is given it. */
import { type AuthorityPorts, oldSystem, readSecretReference } from '@mintmark/authority';
import { type TenantId, utf8Decode } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';

/**
 * @returns undefined where no old system is asked
 * @throws CustodyFault `custody_reference`
 */
export async function openOldSystem(
  { environment }: Pick<CliPorts, 'environment'>,
  { url, mode, request, authorization: reference, tenant }: Config['old_system'],
  client: Pick<GuardedClient, 'send'>,
): Promise<AuthorityPorts['oldSystem']> {
  if (url === undefined || mode === 'off') return undefined;
  const secret =
    reference === undefined ? undefined : await readSecretReference(reference, environment);
  const authorization = secret && utf8Decode(secret)?.trim();
  const ask = oldSystem(client, { url, request, authorization });
  return { tenant: tenant as TenantId, mode, ask };
}
