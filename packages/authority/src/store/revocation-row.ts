/** The row in `revocations` that a feed step writes. */
import type { RevocationDraft } from './act.ts';
import type { Row } from './tables.ts';

/** @param position of the step's first entry; 0 where the store fills it in */
export function revocationRow(draft: RevocationDraft, position: number): Row<'revocations'> {
  const { beforeSeconds = null, sealedNote = null, undo = null, undoneAt = null } = draft;
  const { run = null, resumeAt = null } = draft;
  return { ...draft, position, beforeSeconds, sealedNote, undo, undoneAt, run, resumeAt };
}
