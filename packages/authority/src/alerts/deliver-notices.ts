/**
 * Brings what stands in the store to its owners: by mail to the person, by a signed request to the
 * operator's own program. Each try is claimed before it is made, so that of several processes one
 * makes it; one that was cut off between sending and noting it is made again. What reaches nobody
 * is kept, and listed at `/v1/notices`.
 */
import {
  type Clock,
  limits,
  NetworkFault,
  rfc3339,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { Mailer } from './mailer.ts';
import { writeNotice } from './notice-words.ts';

/** Where an owner is reached, and in which language. */
export interface Addressee {
  readonly email: string;
  readonly language?: string | undefined;
}

/** The operator's own program. */
export interface AlertWebhook {
  /** @returns whether it took the message */
  send(body: string): Promise<boolean>;
}

export interface NoticeDeps {
  readonly store: Pick<Store, 'notices' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly mailer: Mailer | undefined;
  readonly webhook: AlertWebhook | undefined;
  /** Undefined where the owner has no address, and nobody stands in. */
  readonly addresseeOf: (tenant: TenantId, owner: string) => Promise<Addressee | undefined>;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly onFault: (fault: unknown) => void;
}

export interface NoticeDelivery {
  /** Begins to bring what is due, unless that is under way. */
  step(): void;
  /** Waits for what is under way. */
  finish(): Promise<void>;
  readonly counts: { readonly delivered: number; readonly failed: number };
}

type Waiting = Row<'notices'>;
type Way = Waiting['mail'];

export function createNoticeDelivery(deps: NoticeDeps): NoticeDelivery {
  const counts = { delivered: 0, failed: 0 };
  let underWay: Promise<unknown> | undefined;
  let isEnding = false;
  return {
    step() {
      underWay ??= deliverDue(deps, { counts, isOver: () => isEnding })
        .catch(deps.onFault)
        .finally(() => {
          underWay = undefined;
        });
    },
    async finish() {
      isEnding = true;
      await underWay;
    },
    counts,
  };
}

async function deliverDue(
  deps: NoticeDeps,
  round: {
    readonly counts: { delivered: number; failed: number };
    /** Whoever closes waits for one message, not for all: a mail server may be slow. */
    readonly isOver: () => boolean;
  },
): Promise<void> {
  const { counts } = round;
  const due = await deps.store.notices.list({
    where: { nextAttemptAt: { is: '<=', value: deps.clock.nowMs() } },
    orderBy: ['nextAttemptAt'],
    limit: limits.noticesAtOnce,
  });
  for (const row of due) {
    if (!(await claim(deps, row))) continue;
    const [mail, webhook] = await Promise.all([byMail(deps, row), byWebhook(deps, row)]);
    for (const [before, after] of [
      [row.mail, mail],
      [row.webhook, webhook],
    ]) {
      if (before === 'due' && after === 'sent') counts.delivered += 1;
      if (before === 'due' && after === 'due') counts.failed += 1;
    }
    await note(deps, row, { mail, webhook });
    if (round.isOver()) return;
  }
}

/** Counts the try before it is made; the next one is due later each time. */
async function claim({ store, clock }: NoticeDeps, row: Waiting): Promise<boolean> {
  const { tenant, id, attempts, nextAttemptAt } = row;
  const pauseMs = Math.min(limits.noticeRetryMs * 2 ** attempts, limits.noticeRetryMsMax);
  const { outcome } = await store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'notices',
        where: { tenant, id, attempts, nextAttemptAt },
        set: { attempts: attempts + 1, nextAttemptAt: clock.nowMs() + pauseMs },
        refused: 'claimed',
      },
    ],
    audit: null,
  });
  return outcome === 'done';
}

async function byMail(deps: NoticeDeps, row: Waiting): Promise<Way> {
  if (row.mail !== 'due') return row.mail;
  const { mailer } = deps;
  const tenant = row.tenant as TenantId;
  const to = mailer && (await deps.addresseeOf(tenant, row.owner));
  if (mailer === undefined || to === undefined) return 'none';
  const { subject, text } = writeNotice(row.kind, to.language, row.facts);
  try {
    await mailer.send({ to: to.email, subject, text: `${text}\n${deps.issuerOf(tenant)}\n` });
    return 'sent';
  } catch (fault) {
    if (!(fault instanceof NetworkFault)) throw fault;
    deps.onFault(fault);
    return 'due';
  }
}

async function byWebhook({ webhook, issuerOf }: NoticeDeps, row: Waiting): Promise<Way> {
  if (row.webhook !== 'due') return row.webhook;
  if (webhook === undefined) return 'none';
  const { subject, text } = writeNotice(row.kind, undefined, row.facts);
  const body = {
    id: row.id,
    kind: row.kind,
    tenant: row.tenant,
    issuer: issuerOf(row.tenant as TenantId),
    owner: row.owner,
    about: { kind: row.aboutKind, id: row.aboutId },
    facts: row.facts,
    ...{ subject, text },
    created_at: rfc3339(row.createdAt as UnixMs),
  };
  return (await webhook.send(JSON.stringify(body))) ? 'sent' : 'due';
}

/** What became of the try; after the last one it is given up, which is worth a record. */
async function note(
  deps: NoticeDeps,
  row: Waiting,
  ways: { readonly mail: Way; readonly webhook: Way },
): Promise<void> {
  const { tenant, id } = row;
  const isLast = row.attempts + 1 >= limits.noticeAttemptsMax;
  const ended = (way: Way): Way => (way === 'due' && isLast ? 'failed' : way);
  const mail = ended(ways.mail);
  const webhook = ended(ways.webhook);
  const status = statusOf([mail, webhook]);
  const hasGivenUp = mail === 'failed' || webhook === 'failed';
  await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'notices',
        where: { tenant, id },
        set: { mail, webhook, status, ...(status === 'waiting' ? {} : { nextAttemptAt: null }) },
      },
    ],
    audit: hasGivenUp ? await givenUp(deps, row) : null,
  });
}

function statusOf(ways: readonly Way[]): Waiting['status'] {
  if (ways.includes('due')) return 'waiting';
  if (ways.includes('sent')) return 'told';
  return ways.includes('failed') ? 'failed' : 'kept';
}

function givenUp(deps: NoticeDeps, row: Waiting): ReturnType<Recorder['record']> {
  return deps.recorder.record({
    tenant: row.tenant as TenantId,
    action: 'notice.give_up',
    at: deps.clock.nowMs(),
    actor: { kind: 'system', id: 'notices' },
    object: { kind: 'notice', id: row.id },
    result: 'not_reached',
  });
}
