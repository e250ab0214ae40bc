import { z } from 'zod';

/** Where a secret is kept. The secret itself never stands in a file or on a command line. */
export const secretReference = z
  .string()
  .regex(/^(?:file|env):\S.*$/, 'must be a reference: file:PATH or env:NAME, never the secret');
