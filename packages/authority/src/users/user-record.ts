/** What the acts on users have in common: their audit record, and the end of a user's access. */
import {
  type AuditAction,
  type AuditEvent,
  type Clock,
  type Entropy,
  freshId,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { endSessionsOf } from '../revocation/end-sessions.ts';
import { revocationStep, type Undo } from '../revocation/revocation-step.ts';
import type { AuditRecord, Step } from '../store/act.ts';

export interface UserRecordDeps {
  readonly recorder: Recorder;
  readonly clock: Clock;
}

/** @param what.username is personal: it stands beside the leaf, and can be erased from there */
export function recordOnUser(
  deps: UserRecordDeps,
  requester: Requester,
  what: {
    readonly action: AuditAction;
    readonly userId: string;
    readonly username?: string;
    readonly result?: string;
    readonly detail?: NonNullable<AuditEvent['detail']>;
  },
): Promise<AuditRecord> {
  const { userId, username, ...rest } = what;
  return deps.recorder.record(
    eventBy(requester, {
      at: deps.clock.nowMs(),
      object: { kind: 'user', id: userId },
      ...(username === undefined ? {} : { personal: { owner: username } }),
      ...rest,
    }),
  );
}

/** Sessions and tokens that the user has end, in the act that these steps are part of. */
export function endAccess(
  deps: { readonly clock: Clock; readonly entropy: Entropy },
  { tenant, actor }: Requester,
  what: {
    readonly userId: string;
    readonly why: string;
    readonly keepsKeys?: boolean;
    readonly undo?: Undo | undefined;
  },
): readonly Step[] {
  const at = deps.clock.nowMs();
  return [
    endSessionsOf({ tenant, subject: what.userId, at }),
    revocationStep({
      tenant,
      id: freshId(deps.entropy),
      target: { kind: 'user', id: what.userId },
      reason: what.why,
      undo: what.undo,
      // Keys have secrets of their own: a new password says nothing of them.
      keepsKeys: what.keepsKeys === true,
      actor: `${actor.kind}:${actor.id}`,
      at,
    }),
  ];
}
