/** What somebody typed as the reason of a revocation, sealed in its row. */
import { base64urlEncode, type TenantId, utf8, utf8Decode } from '@mintmark/core';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';

/** @throws CustodyFault or StoreFault: nothing was sealed */
export async function sealNote(
  sealer: Pick<Sealer, 'seal'>,
  of: { readonly tenant: TenantId; readonly id: string },
  note: string | undefined,
): Promise<string | null> {
  if (note === undefined) return null;
  const context = sealContext.revocationNote(of.id);
  return base64urlEncode(await sealer.seal(of.tenant, context, utf8(note)));
}

/** @throws CustodyFault where the note does not open */
export async function openNote(
  sealer: Pick<Sealer, 'open'>,
  row: { readonly tenant: string; readonly id: string; readonly sealedNote: string | null },
): Promise<string | undefined> {
  if (row.sealedNote === null) return undefined;
  const context = sealContext.revocationNote(row.id);
  return utf8Decode(
    await sealer.open(row.tenant as TenantId, context, Buffer.from(row.sealedNote, 'base64url')),
  );
}
