/**
 * What an upstream knows gateways by: made, replaced, taken away. The secret is sealed at once, and
 * opened to be checked with another form, and for the status feed, by which gateways learn of it.
 */
import {
  type Clock,
  type CredentialForm,
  type CredentialRefusal,
  credentialField,
  err,
  limits,
  ok,
  type Result,
  utf8,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import { openCredential } from '../revocation/credential-view.ts';
import type { Act, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface UpstreamCredentialPorts {
  readonly store: Pick<Store, 'upstreamCredentials' | 'acts'>;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type CredentialRow = Row<'upstreamCredentials'>;

export interface CredentialDraft {
  readonly requester: Requester;
  readonly name: string;
  readonly form: CredentialForm;
}

type CreateRefusal =
  | CredentialRefusal
  | { readonly reason: 'already_exists' | 'too_many' }
  /** By what was to be written with it. */
  | { readonly reason: 'refused_by_step' };

/**
 * @param input.alongside steps of the same act, before the credential's own
 * @throws StoreFault, CustodyFault
 */
export async function createCredential(
  ports: UpstreamCredentialPorts,
  input: CredentialDraft & {
    readonly secret: string;
    readonly alongside: (row: CredentialRow) => readonly Step[];
  },
): Promise<Result<CredentialRow, CreateRefusal>> {
  const { requester, name, form, secret } = input;
  const { tenant } = requester;
  const field = credentialField(form, secret);
  if (!field.ok) return field;
  const count = await ports.store.upstreamCredentials.count({ tenant });
  if (count >= limits.upstreamCredentialsMax) return err({ reason: 'too_many' });
  const sealedSecret = await seal(ports, input, secret);
  const now = ports.clock.nowMs();
  const dates = { createdAt: now, updatedAt: now, version: 1 };
  const row: CredentialRow = { tenant, name, form, sealedSecret, ...dates };
  const outcome = await change(ports, { requester, name, action: 'upstream_credential.create' }, [
    ...input.alongside(row),
    { do: 'insert', table: 'upstreamCredentials', row, refused: 'already_exists' },
  ]);
  if (outcome === 'done') return ok(row);
  return err({ reason: outcome === 'already_exists' ? outcome : 'refused_by_step' });
}

export type PutCredentialRefusal =
  | CreateRefusal
  | { readonly reason: 'version_mismatch' }
  /** There is one of the name, and the requester did not say which version he has seen. */
  | { readonly reason: 'version_unknown' };

/**
 * Makes it where there is none, and replaces it otherwise.
 *
 * @param input.secret undefined: it stays as it is
 * @param input.isSeen whether the requester has seen this version; undefined: he expects none
 * @throws StoreFault, CustodyFault
 */
export async function putCredential(
  ports: UpstreamCredentialPorts,
  input: CredentialDraft & {
    readonly secret: string | undefined;
    readonly isSeen: ((version: number) => boolean) | undefined;
  },
): Promise<Result<CredentialRow, PutCredentialRefusal>> {
  const { requester, name, form, isSeen } = input;
  const { tenant } = requester;
  const known = await ports.store.upstreamCredentials.get(tenant, name);
  if (known === undefined) {
    // A version was seen, so there was one: somebody deleted it since.
    if (isSeen !== undefined) return err({ reason: 'version_mismatch' });
    const made = { ...input, secret: input.secret ?? '', alongside: () => [] };
    return createCredential(ports, made);
  }
  if (isSeen === undefined) return err({ reason: 'version_unknown' });
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const secret = input.secret ?? (await openCredential(ports.sealer, known));
  const field = credentialField(form, secret);
  if (!field.ok) return field;
  const sealedSecret = await seal(ports, input, secret);
  const { version } = known;
  const set = { form, sealedSecret, updatedAt: ports.clock.nowMs(), version: version + 1 };
  const where = { tenant, name, version };
  const refused = 'version_mismatch';
  const outcome = await change(ports, { requester, name, action: 'upstream_credential.update' }, [
    { do: 'update', table: 'upstreamCredentials', where, set, refused },
  ]);
  return outcome === 'done' ? ok({ ...known, ...set }) : err({ reason: refused });
}

/** Routes that name it refuse from then on. */
export async function deleteCredential(
  ports: UpstreamCredentialPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, { readonly reason: 'not_found' | 'version_mismatch' }>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const known = await ports.store.upstreamCredentials.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  const { version } = known;
  const refused = 'version_mismatch';
  if (!isSeen(version)) return err({ reason: refused });
  const where = { tenant, name, version };
  const outcome = await change(ports, { requester, name, action: 'upstream_credential.delete' }, [
    { do: 'delete', table: 'upstreamCredentials', where, refused },
  ]);
  return outcome === 'done' ? ok(undefined) : err({ reason: refused });
}

function seal(
  { sealer }: UpstreamCredentialPorts,
  { requester: { tenant }, name }: CredentialDraft,
  secret: string,
): Promise<Uint8Array> {
  return sealer.seal(tenant, sealContext.upstreamCredential(name), utf8(secret));
}

async function change(
  { store, recorder, clock }: UpstreamCredentialPorts,
  by: {
    readonly requester: Requester;
    readonly name: string;
    readonly action:
      | 'upstream_credential.create'
      | 'upstream_credential.update'
      | 'upstream_credential.delete';
  },
  steps: Act['steps'],
): Promise<string> {
  const { requester, name, action } = by;
  const at = clock.nowMs();
  const object = { kind: 'upstream_credential', id: name } as const;
  // What it is now is read, and opened, where the feed is: no secret stands in the feed's table.
  const told = { type: 'upstream_credential', name } as const;
  const { outcome } = await store.acts.run({
    steps: [...steps, { do: 'feed', tenant: requester.tenant, at, entries: [told] }],
    audit: await recorder.record(eventBy(requester, { action, at, object })),
  });
  return outcome;
}
