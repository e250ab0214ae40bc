/**
 * Turns an event into the record that its act carries. Neighbours: every use case asks for the
 * record before it runs its act, and the store writes both or neither; the sequencer follows. What
 * must never happen: an act whose record could not be made. So a failure here is thrown, and the
 * use case has changed nothing yet.
 */
import {
  type AuditEvent,
  type Clock,
  concatBytes,
  type Entropy,
  Fault,
  limits,
  nowSeconds,
  orderedId,
  type TenantId,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import type { AuditRecord } from '../store/act.ts';
import { commitTo, objectColumn, renderLeaf, renderPersonal, saltBytes } from './leaf.ts';

/** The event cannot be recorded, so its act must not happen. */
class AuditFault extends Fault {}

/** What keeps personal data beside the leaf; `custody/sealer.ts` is one. */
export interface PersonalSealer {
  seal(tenant: TenantId, context: string, plaintext: Uint8Array): Promise<Uint8Array>;
  open(tenant: TenantId, context: string, sealed: Uint8Array): Promise<Uint8Array>;
}

export interface Recorder {
  /**
   * @returns the record for `Act.audit`
   * @throws AuditFault `audit_leaf_too_large`
   * @throws CustodyFault or StoreFault where personal data could not be sealed
   */
  record(event: AuditEvent): Promise<AuditRecord>;
}

/** Sealed personal data begins with the version of its form; 1: under the tenant's key. */
const personalVersion = 1;

export function createRecorder(ports: {
  readonly sealer: Pick<PersonalSealer, 'seal'>;
  readonly entropy: Entropy;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
}): Recorder {
  const { sealer, entropy, clock } = ports;
  return {
    async record(event) {
      const id = orderedId(nowSeconds(clock), entropy);
      const personalText = renderPersonal(event.personal);
      if (personalText === undefined) return toRecord(id, event, renderLeaf(id, event, undefined));
      const salt = entropy.bytes(saltBytes);
      const leaf = renderLeaf(id, event, commitTo(salt, personalText));
      const plaintext = concatBytes(salt, utf8(personalText));
      const sealed = await sealer.seal(event.tenant, personalContext(id), plaintext);
      return toRecord(id, event, leaf, concatBytes(Uint8Array.of(personalVersion), sealed));
    },
  };
}

/** Personal data as it was committed to. */
export interface OpenedPersonal {
  readonly salt: Uint8Array;
  /** Canonical JSON. */
  readonly text: string;
}

/**
 * Opens the personal data beside a leaf.
 *
 * @returns undefined where its form is unknown or it does not open: its key is gone, or it moved
 */
export async function openPersonal(
  sealer: Pick<PersonalSealer, 'open'>,
  row: { readonly tenant: string; readonly id: string; readonly personal: Uint8Array },
): Promise<OpenedPersonal | undefined> {
  if (row.personal[0] !== personalVersion) return undefined;
  const sealed = row.personal.subarray(1);
  try {
    const opened = await sealer.open(row.tenant as TenantId, personalContext(row.id), sealed);
    const text = utf8Decode(opened.subarray(saltBytes));
    return text === undefined ? undefined : { salt: opened.subarray(0, saltBytes), text };
  } catch (fault) {
    if (fault instanceof Fault && unreadable.has(fault.code)) return undefined;
    throw fault;
  }
}

const unreadable = new Set(['custody_unknown_key', 'custody_tampered']);

/** Binds sealed personal data to its record: beside another leaf it does not open. */
function personalContext(id: string): string {
  return `audit-personal:${id}`;
}

function toRecord(
  id: string,
  event: AuditEvent,
  leafText: string,
  personal: Uint8Array | null = null,
): AuditRecord {
  const leaf = utf8(leafText);
  if (leaf.length > limits.auditLeafBytesMax) {
    throw new AuditFault(
      'audit_leaf_too_large',
      `the record of ${event.action} has ${leaf.length} bytes`,
      { hint: 'send fewer or shorter values in one request' },
    );
  }
  return {
    id,
    tenant: event.tenant,
    leaf,
    object: objectColumn(event.object),
    related: event.related === undefined ? null : objectColumn(event.related),
    personal,
    at: event.at,
  };
}
