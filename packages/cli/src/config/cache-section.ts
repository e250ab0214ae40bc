/** The section `cache`: where limits are counted in common. */
import { limits } from '@mintmark/core';
import { z } from 'zod';
import { secretReference } from './secret-reference.ts';

export const cacheSection = z
  .strictObject({
    url: z
      .string()
      .regex(/^rediss?:\/\/[^/?#\s]+(?:\/\d{1,3})?$/, 'must be redis://HOST:PORT or rediss://…')
      .optional()
      .describe(
        'Redis or Valkey in which limits are counted in common: redis://HOST:PORT or, with ' +
          'TLS, rediss://HOST:PORT, then /NUMBER of its database; default: each process ' +
          'counts by itself',
      ),
    username: z.string().min(1).optional().describe('as whom; default: its default user'),
    password: secretReference.optional().describe('reference to its password'),
    ca: z.string().optional().describe('PEM file with the authority of its certificate'),
    deadline_ms: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(limits.limitStoreDeadlineMs)
      .describe('how long a request waits for it; then its route does as on_limits_down says'),
  })
  .prefault({});
