/** Trusts an issuer no more. What its assertions gave before lives to its end, or is revoked. */
import { err, ok, type Result } from '@mintmark/core';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { AssertionIssuerPorts } from './put-assertion-issuer.ts';

export type DeleteAssertionIssuerRefusal = {
  readonly reason: 'not_found' | 'version_mismatch';
};

export async function deleteAssertionIssuer(
  ports: AssertionIssuerPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, DeleteAssertionIssuerRefusal>> {
  const { requester, name } = input;
  const { tenant } = requester;
  const known = await ports.store.assertionIssuers.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  if (!input.isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'delete',
        table: 'assertionIssuers',
        where: { tenant, name, version: known.version },
        refused: 'version_mismatch',
      },
    ],
    audit: await ports.recorder.record(
      eventBy(requester, {
        action: 'assertion_issuer.delete',
        at: ports.clock.nowMs(),
        object: { kind: 'assertion_issuer', id: name },
        detail: { issuer: known.issuer },
      }),
    ),
  });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'version_mismatch' });
}
