/**
 * Device grants from the side of the device (RFC 8628 §3.1): a client that has no browser asks, and
 * gets a code to come back with and one for a person to type. Neighbours: `device-flow.ts` is the
 * person's side, `grants/device-code.ts` gives the tokens.
 */
import { err, type FailureBudget, limits, ok, type Result, type TenantId } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy } from '../audit/requester.ts';
import type { Client } from '../clients/client.ts';
import type { DetailsRefusal } from '../details/read-details.ts';
import type { DetailTypesReader } from '../details/types.ts';
import { buildDeviceCode } from '../issuance/device-code.ts';
import type { Store } from '../store/store.ts';
import { readAskedDetails, typesOf } from './asked-details.ts';
import { type ScopeRefusal, settleAudience, settleScopes } from './authorization-request.ts';
import { deviceOf } from './device.ts';

export type BeginDeviceDeps = Parameters<typeof buildDeviceCode>[0] & {
  readonly detailTypes: Pick<DetailTypesReader, 'of'>;
  readonly store: Pick<Store, 'acts'>;
  readonly recorder: Recorder;
  readonly issuerOf: (tenant: TenantId) => string;
  /** Of grants begun from each address: each is a row that nobody has paid for. */
  readonly begun: FailureBudget;
};

export interface BegunDevice {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly expiresInSeconds: number;
  readonly intervalSeconds: number;
}

export type BeginDeviceRefusal =
  | { readonly reason: 'grant_not_allowed' }
  | ScopeRefusal
  | DetailsRefusal
  | { readonly reason: 'too_many_requests'; readonly retryAfterSeconds: number };

/** Two user codes that are alike and alive at once: one in millions, and never four in a row. */
const attemptsMax = 4;

/**
 * @param input.client that has proved who it is, or at least named itself
 * @throws StoreFault, CustodyFault: nothing was begun
 */
export async function beginDeviceGrant(
  deps: BeginDeviceDeps,
  input: {
    readonly client: Client;
    readonly scope: string | undefined;
    readonly resources: readonly string[];
    /** `authorization_details` */
    readonly details: string | undefined;
    readonly dpopJkt: string | null;
    readonly address: string;
    readonly userAgent: string | undefined;
  },
): Promise<Result<BegunDevice, BeginDeviceRefusal>> {
  const { client, dpopJkt, address, userAgent } = input;
  const { tenant, clientId } = client;
  if (!client.grantTypes.includes('urn:ietf:params:oauth:grant-type:device_code')) {
    return err({ reason: 'grant_not_allowed' });
  }
  const scopes = settleScopes(input.scope, client);
  if (!scopes.ok) return scopes;
  const audience = settleAudience(input.resources, client.audiences, deps.issuerOf(tenant));
  if (!audience.ok) return audience;
  const detailed = await readAskedDetails(deps, client, {
    text: input.details,
    audience: audience.value,
    isResourceNamed: input.resources.length > 0,
  });
  if (!detailed.ok) return detailed;
  const { audience: resources, details } = detailed.value;
  const retryAfterSeconds = deps.begun.retryAfterSeconds(address);
  if (retryAfterSeconds > 0) return err({ reason: 'too_many_requests', retryAfterSeconds });
  deps.begun.failed(address);
  const asked = { scopes: scopes.value, audience: resources };
  const from = { dpopJkt, address, device: deviceOf(userAgent) };
  const request = { ...asked, ...from, ...(details && { details }) };
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const made = buildDeviceCode(deps, { tenant, clientId, request });
    const { outcome } = await deps.store.acts.run({
      steps: [made.step],
      audit: await deps.recorder.record(
        eventBy(
          { tenant, actor: { kind: 'client', id: clientId }, address, userAgent },
          {
            action: 'authorization.device',
            at: deps.clock.nowMs(),
            object: { kind: 'code', id: made.id },
            related: { kind: 'client', id: clientId },
            detail: { ...asked, ...typesOf(details) },
          },
        ),
      ),
    });
    if (outcome !== 'done') continue;
    return ok({
      deviceCode: made.text,
      userCode: made.userCode,
      expiresInSeconds: limits.deviceCodeSeconds,
      intervalSeconds: limits.devicePollSeconds,
    });
  }
  throw new Error('device grant: no user code is free');
}
