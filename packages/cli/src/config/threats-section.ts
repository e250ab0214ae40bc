/** The section `threats`: how far lists of addresses reach. */
import { z } from 'zod';

export const threatsSection = z
  .strictObject({
    private_origins: z
      .array(z.string().regex(/^https?:\/\/[A-Za-z0-9.:[\]-]+$/, 'must be https://HOST:PORT'))
      .default([])
      .describe(
        'sources of threat feeds that have no public address, such as a CrowdSec beside this ' +
          'server; https, or http on loopback; for feeds of the first tenant alone',
      ),
    protected: z
      .array(z.string())
      .default([])
      .describe('address blocks that no list may touch; trusted proxies are protected anyway'),
  })
  .prefault({})
  .describe('lists of addresses that routes may refuse or limit');
