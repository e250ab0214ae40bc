/** How the reading of a feed goes: what is shown of it, and where the next reading goes on. */
import { z } from 'zod';
import type { FeedRow } from './feed-definition.ts';

const example = z.object({ text: z.string(), message: z.string() });

const progressSchema = z.object({
  /** Unix milliseconds; null: never. */
  attemptedAt: z.int().nullable(),
  succeededAt: z.int().nullable(),
  /** In a row. */
  failures: z.int(),
  /** Of the last attempt; null where it was good. */
  fault: z.string().nullable(),
  /** Blocks on the list, as far as readings tell: some may have ended by themselves since. */
  listed: z.int(),
  added: z.int(),
  removed: z.int(),
  /** By our rules; and what could not be read or names no address. */
  refused: z.int(),
  passedOver: z.int(),
  examples: z.array(example),
  /** Unix milliseconds of the last reading of the whole list; null: the next one is. */
  wholeAt: z.int().nullable(),
  /** What the source wants to be told of the last reading. */
  etag: z.string().optional(),
  addedAfter: z.string().optional(),
});

export type Progress = z.output<typeof progressSchema>;

export const unread: Progress = {
  ...{ attemptedAt: null, succeededAt: null, failures: 0, fault: null },
  ...{ listed: 0, added: 0, removed: 0, refused: 0, passedOver: 0, examples: [] },
  wholeAt: null,
};

/** @throws ZodError where the row holds none: stored state is suspect */
export function progressOf(row: Pick<FeedRow, 'progress'>): Progress {
  return progressSchema.parse(row.progress);
}
