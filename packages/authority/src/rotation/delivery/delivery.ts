/**
 * How a new secret gets to where it is used: one shape for every kind of target. Targets are made
 * from the operator's configuration alone; a rule names one and a place within it. Each kind has a
 * file beside this one. What must never happen: a secret in a failure's words, or one sent by a way
 * that others can read.
 */
import type { Result, UnixMs } from '@mintmark/core';
import type { RotationKind } from '../rule.ts';

export interface Parcel {
  /** The same for every try: a receiver that has seen it does nothing more. */
  readonly id: string;
  readonly tenant: string;
  readonly rule: string;
  readonly kind: RotationKind;
  /** Public id of the key, or the client's. */
  readonly credential: string;
  readonly predecessor: string;
  readonly predecessorEndsAt: UnixMs;
  /** Why it was rotated: `age`, `manual`, or an event. */
  readonly cause: string;
  readonly secret: string;
}

/** Where within a target: a file's name, a Kubernetes Secret, a path in Vault. */
export interface Place {
  readonly at?: string | undefined;
  /** The member of it that holds the secret, where it has members. */
  readonly key?: string | undefined;
}

/** It is tried again, whatever it is: an operator mends what time does not. */
export interface DeliveryFailure {
  readonly reason: 'unreachable' | 'timeout' | 'refused' | 'not_written' | 'command_failed';
  /** For the operator: a status, an error code, an exit code. Never what an answer said. */
  readonly detail: string;
}

export interface DeliveryTarget {
  /** Tenants whose rules may name it. */
  readonly tenants: readonly string[];
  /** @returns what is wrong with such a place, in words; undefined where it can be written */
  judge(place: Place): string | undefined;
  /** @throws CustodyFault where the target's own credential cannot be read */
  deliver(parcel: Parcel, place: Place): Promise<Result<undefined, DeliveryFailure>>;
}

/** By the name that rules know them by. */
export type DeliveryTargets = ReadonlyMap<string, DeliveryTarget>;
