/**
 * A secret brought by a program of the operator's: run without a shell, with the arguments of the
 * configuration and no others, and the secret on its standard input alone. What it prints is
 * dropped: it might print the secret.
 */
import { spawn } from 'node:child_process';
import { err, limits, ok, type Result, rfc3339, type Timers } from '@mintmark/core';
import type { DeliveryFailure, DeliveryTarget, Parcel } from './delivery.ts';

export interface CommandTargetSettings {
  readonly tenants: readonly string[];
  /** Absolute path of the program, and its arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly timers: Pick<Timers, 'after'>;
}

export function commandTarget({ tenants, argv, timers }: CommandTargetSettings): DeliveryTarget {
  return {
    tenants,
    judge: ({ at, key }) =>
      at === undefined && key === undefined
        ? undefined
        : 'a command has no places: leave at and key out',
    deliver: (parcel) => run(argv, parcel, timers),
  };
}

function run(
  [program, ...args]: readonly [string, ...string[]],
  parcel: Parcel,
  timers: Pick<Timers, 'after'>,
): Promise<Result<undefined, DeliveryFailure>> {
  const child = spawn(program, args, {
    shell: false,
    stdio: ['pipe', 'ignore', 'ignore'],
    // Nothing of ours leaks in: our own environment may hold references and secrets.
    env: environmentOf(parcel),
  });
  const { promise, resolve } = Promise.withResolvers<Result<undefined, DeliveryFailure>>();
  const cancel = timers.after(limits.deliveryTimeoutMs, () => {
    child.kill('SIGKILL');
    resolve(err({ reason: 'timeout', detail: 'killed' }));
  });
  child.on('error', (error: NodeJS.ErrnoException) => {
    resolve(err({ reason: 'command_failed', detail: error.code ?? 'not started' }));
  });
  child.on('close', (code, signal) => {
    const how = code === null ? `${signal}` : `exit ${code}`;
    resolve(code === 0 ? ok(undefined) : err({ reason: 'command_failed', detail: how }));
  });
  // One that does not read its input may still have done its work: its exit says so.
  child.stdin.on('error', () => undefined);
  child.stdin.end(parcel.secret);
  return promise.finally(cancel);
}

function environmentOf(parcel: Parcel): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    MINTMARK_ROTATION_ID: parcel.id,
    MINTMARK_TENANT: parcel.tenant,
    MINTMARK_ROTATION: parcel.rule,
    MINTMARK_KIND: parcel.kind,
    MINTMARK_CREDENTIAL: parcel.credential,
    MINTMARK_PREDECESSOR: parcel.predecessor,
    MINTMARK_PREDECESSOR_ENDS_AT: rfc3339(parcel.predecessorEndsAt),
    MINTMARK_CAUSE: parcel.cause,
  };
}
