/** Rows for the conformance suite, whole and plausible, of which a test names what it is about. */
import type { TenantId } from '@mintmark/core';
import type { AuditRecord, FeedDraft } from '../act.ts';
import type { Row } from '../tables.ts';

let count = 0;

/** Unlike every other in this process, so that the tests of a suite share one store. */
export function freshName(prefix: string): string {
  count += 1;
  return `${prefix}-${process.pid}-${count}`;
}

export function freshTenant(): TenantId {
  return freshName('tenant') as TenantId;
}

export function auditRow(tenant: string, rest: Partial<AuditRecord> = {}): AuditRecord {
  return {
    id: freshName('audit'),
    tenant,
    leaf: Uint8Array.of(1, 2, 3),
    object: 'key:1',
    related: null,
    personal: null,
    at: 1_700_000_000_000,
    ...rest,
  };
}

export function clientRow(tenant: string, clientId: string, version = 1): Row<'clients'> {
  const metadata = { client_name: 'A client' };
  return { tenant, clientId, status: 'active', metadata, createdAt: 1, updatedAt: 1, version };
}

export function nodeRow(tenant: string, node: string, position = 0): Row<'nodes'> {
  return { tenant, node, epoch: 'first', position, seenAt: 5 };
}

export function tokenRow(partition: number, tenant: string, id: string): Row<'tokens'> {
  return {
    partition,
    tenant,
    id,
    hash: Uint8Array.of(9, 9),
    pepperVersion: '1',
    clientId: 'client',
    subject: 'subject',
    family: null,
    scopes: ['a', 'b'],
    audience: [],
    position: 0,
    issuedAtSeconds: 10,
    expiresAtSeconds: 20,
    binding: null,
    claims: {},
  };
}

/** Of two unique keys: its own, and its user code. */
export function deviceRow(tenant: string, id: string, userCode: string): Row<'deviceGrants'> {
  return {
    tenant,
    id,
    hash: Uint8Array.of(9, 9),
    pepperVersion: '1',
    userCode,
    clientId: 'client',
    request: { scopes: ['a'] },
    status: 'pending',
    intervalSeconds: 5,
    polledAt: null,
    approval: null,
    expiresAtSeconds: 20,
  };
}

export function revocationDraft(id: string, expiresAt = 2_000_000_000): FeedDraft {
  const draft = { type: 'revocation', target: { kind: 'client', id }, expiresAt };
  return draft as FeedDraft;
}
