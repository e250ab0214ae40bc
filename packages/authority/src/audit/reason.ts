/**
 * Why something was done: a code, which stands in the permanent record, and what somebody typed,
 * which may be about a person and therefore stands sealed beside it.
 */
import type { AuditEvent } from '@mintmark/core';

export const reasonCodes = [
  'leaked',
  'stolen',
  'key_compromise',
  'suspicious_use',
  'incident',
  'device_lost',
  'owner_left',
  'requested',
  'superseded',
  'unused',
  'policy',
  'test',
  'other',
] as const;

export interface Reason {
  /** One of the list; of our own acts a few words that name no person. */
  readonly code: string;
  /** As it was typed. */
  readonly note?: string | undefined;
}

/** @param text a code, or any text, which then is a note under the code `other` */
export function readReason(text: string, note?: string): Reason {
  if ((reasonCodes as readonly string[]).includes(text)) return { code: text, note };
  return { code: 'other', note: note === undefined ? text : `${text}: ${note}` };
}

/** The members of an event that say why. */
export function saidWhy({ code, note }: Reason): Pick<AuditEvent, 'why' | 'personal'> {
  return { why: code, ...(note === undefined ? {} : { personal: { note } }) };
}
