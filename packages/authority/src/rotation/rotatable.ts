/**
 * What a rotation needs of a kind of credential: one shape, and a file for each kind. Each says
 * what an act of its kind is made of; nothing here runs one.
 */
import type { TenantId } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { AuditRecord, Step } from '../store/act.ts';
import type { RotationKind, RotationRule } from './rule.ts';
import type { Progress } from './run.ts';

export interface RuleFault {
  readonly pointer: string;
  readonly message: string;
}

/** A credential as it stands now. */
export interface Credential {
  /** Of the newest one: a key may have been rotated since the rule was written. */
  readonly id: string;
  readonly owner: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

export interface Planned {
  readonly predecessor: string;
  readonly successor: string;
  /** What rules of the successor name: the key's new id, the same client. */
  readonly target: string;
  readonly owner: string;
  /** What is to be delivered; undefined where it is published instead. */
  readonly secret: string | undefined;
  readonly predecessorEndsAt: number;
  /** The end that the predecessor had before, which nothing puts off. */
  readonly predecessorEndsAtMax: number | null;
  /** They refuse with `credential_changed` codes of their own, any but those of the caller. */
  readonly steps: readonly Step[];
  readonly audit: AuditRecord | null;
}

export type PlanRefusal =
  | { readonly reason: 'not_found' }
  /** It ended, or does not work: with what its state is called. */
  | { readonly reason: 'not_active'; readonly status: string }
  /** Somebody rotated it by hand: the rule follows to the successor. */
  | { readonly reason: 'already_rotated'; readonly successor: string };

export interface Uses {
  readonly count: number;
  readonly lastAt: number | null;
  readonly lastAddress: string | null;
}

export interface Rotatable {
  readonly kind: RotationKind;
  /** What a rule of this kind cannot say, and where; undefined: it is right. */
  judge(rule: RotationRule): RuleFault | undefined;
  /** @returns undefined where there is none, or none that rotates */
  look(tenant: TenantId, id: string): Promise<Credential | undefined>;
  /** Also of one that has ended; undefined where there is nothing left of it. */
  ownerOf(tenant: TenantId, id: string): Promise<string | undefined>;
  /** Makes the successor; nothing is stored. @throws CustodyFault */
  plan(input: PlanInput): Promise<Planned | PlanRefusal>;
  /** @returns whether the successor has been used; `ended` where it works no more */
  stateOf(tenant: TenantId, run: Progress): Promise<'unused' | 'used' | 'ended'>;
  /**
   * Where the kind itself ends its predecessors: the rotation is done once the successor is used,
   * and this says when the predecessor ends.
   */
  endOf?(tenant: TenantId, run: Progress): Promise<number | undefined>;
  /** Uses of the predecessor since its rotation. */
  overlapUses(tenant: TenantId, run: Progress): Promise<Uses>;
  /** @returns the steps that put its end off; undefined where it has ended or was changed */
  extend(input: ExtendInput): Promise<readonly Step[] | undefined>;
  /** After each act about it that has committed. */
  changed(tenant: TenantId, target: string): void;
}

export interface PlanInput {
  readonly requester: Requester;
  readonly id: string;
  readonly overlapSeconds: number;
  readonly detail: Readonly<Record<string, string>>;
}

export interface ExtendInput {
  readonly tenant: TenantId;
  readonly run: Progress;
  readonly endsAt: number;
  readonly now: number;
}
