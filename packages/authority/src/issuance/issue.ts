/**
 * Issuance: the one place where an access token comes into being, whatever the grant. In order:
 * read the feed position, build and sign, then one act {require the client as it was judged, check
 * that nothing was revoked since the position, insert the opaque token's row, record}. A crash
 * before the commit leaves nothing; after it, a recorded token that nobody has seen. What must
 * never happen: a token that leaves before its record is durable.
 */
import { strict as assert } from 'node:assert';
import {
  type ClientId,
  type Clock,
  type Entropy,
  err,
  type FeedPosition,
  type JwsAlgorithm,
  nowSeconds,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
  type TokenId,
  type UnixSeconds,
} from '@mintmark/core';
import {
  accessTokenSigningInput,
  assembleJws,
  buildSecretToken,
  freshTokenId,
  hashSecret,
  partitionOfTokenId,
} from '@mintmark/tokens';
import type { Recorder } from '../audit/record.ts';
import type { Peppers } from '../custody/peppers.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';

export interface IssueDeps {
  readonly store: Pick<Store, 'acts'>;
  readonly keyring: Pick<Keyring, 'signer'>;
  readonly recorder: Recorder;
  readonly peppers: Peppers;
  /** Newest position of the tenant's feed, as far as this process knows. */
  readonly feedHead: (tenant: TenantId) => FeedPosition;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly prefix: string;
}

export type AccessTokenFormat = 'jwt' | 'opaque';

export interface IssueInput {
  readonly tenant: TenantId;
  /** The client that was judged, and the version of it that was. */
  readonly clientId: ClientId;
  readonly clientVersion: number;
  readonly format: AccessTokenFormat;
  readonly ttlSeconds: number;
  /** Signature of a JWT; unused for opaque tokens. */
  readonly algorithm: JwsAlgorithm;
  readonly subject: SubjectId;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  /**
   * First steps of the act, of `clients/single-use.ts`: they refuse it where what authenticated the
   * request was used before.
   */
  readonly once: readonly Step[];
  /** The grant that judged, for the record. */
  readonly grant: string;
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
}

export interface IssuedToken {
  /** The credential itself; it leaves in one answer and is kept nowhere. */
  readonly text: string;
  readonly tokenId: TokenId;
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly scopes: readonly string[];
}

/**
 * `client_changed`, `revoked_meanwhile`: what was judged is no longer so, and the caller judges
 * again with a fresh view. The others are those of the steps in `once`.
 */
export type IssueRefusal =
  | { readonly reason: 'client_changed' }
  | { readonly reason: 'revoked_meanwhile' }
  | { readonly reason: 'assertion_used' }
  | { readonly reason: 'proof_used' };

interface Draft extends IssueInput {
  readonly tokenId: TokenId;
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly position: FeedPosition;
}

/**
 * Mints one access token.
 *
 * @throws StoreFault, CustodyFault: nothing was issued
 */
export async function issueAccessToken(
  deps: IssueDeps,
  input: IssueInput,
): Promise<Result<IssuedToken, IssueRefusal>> {
  // A token whose subject is its client is the client's own (RFC 9068 §2.2). Revocation and
  // upstreams go by that, so nobody else may have one.
  const isOwn = (input.subject as string) === input.clientId;
  assert(!isOwn || input.grant === 'client_credentials');
  const issuedAt = nowSeconds(deps.clock);
  const expiresAt = (issuedAt + input.ttlSeconds) as UnixSeconds;
  const draft: Draft = {
    ...input,
    tokenId: freshTokenId({ now: issuedAt, expiresAt, entropy: deps.entropy }) as TokenId,
    issuedAt,
    expiresAt,
    position: deps.feedHead(input.tenant),
  };
  const built = input.format === 'opaque' ? buildOpaque(deps, draft) : await buildJwt(deps, draft);
  const { outcome } = await deps.store.acts.run({
    steps: [...draft.once, ...conditions(draft, built.kid), ...built.steps],
    audit: await deps.recorder.record({
      tenant: draft.tenant,
      action: 'token.issue',
      at: deps.clock.nowMs(),
      actor: { kind: 'client', id: input.clientId },
      object: { kind: 'token', id: draft.tokenId },
      result: 'done',
      // Who the token is for and what it may: the whole of what its history will show.
      detail: {
        client: input.clientId,
        subject: input.subject,
        grant: input.grant,
        scopes: input.scopes,
        audience: input.audience,
        format: input.format,
        expires_at: expiresAt,
        position: draft.position,
        ...(built.kid === undefined ? {} : { kid: built.kid }),
      },
      ...(input.address === undefined ? {} : { personal: { address: input.address } }),
      ...(input.requestId === undefined ? {} : { requestId: input.requestId }),
    }),
  });
  if (outcome === 'client_changed') return err({ reason: 'client_changed' });
  if (outcome === 'revoked_meanwhile') return err({ reason: 'revoked_meanwhile' });
  if (outcome === 'assertion_used') return err({ reason: 'assertion_used' });
  if (outcome === 'proof_used') return err({ reason: 'proof_used' });
  if (outcome !== 'done') throw new Error(`issuance: unexpected outcome ${outcome}`);
  const { tokenId, scopes } = draft;
  return ok({ text: built.text, tokenId, issuedAt, expiresAt, scopes });
}

/**
 * The client is as it was judged, and no revocation of what the token belongs to came in since its
 * position. Positions alone would keep the token refused; the check spares its owner a dead token.
 * A signing key is ended for ever, whatever the position: this process may know of the end from the
 * feed and still hold the signer, and what that signs is trusted nowhere.
 */
function conditions(draft: Draft, kid: string | undefined): readonly Step[] {
  const { tenant, clientId, position } = draft;
  const refused = 'revoked_meanwhile';
  const since = { is: '>', value: position } as const;
  return [
    {
      do: 'require',
      table: 'clients',
      where: { tenant, clientId, version: draft.clientVersion, status: 'active' },
      refused: 'client_changed',
    },
    {
      do: 'absent',
      table: 'feed',
      where: { tenant, targetKind: 'client', targetId: clientId, position: since },
      refused,
    },
    ...(kid === undefined ? [] : [notEnded(tenant, kid)]),
  ];
}

function notEnded(tenant: TenantId, kid: string): Step {
  return {
    do: 'absent',
    table: 'feed',
    where: { tenant, targetKind: 'signing_key', targetId: kid },
    refused: 'revoked_meanwhile',
  };
}

interface Built {
  readonly text: string;
  readonly kid?: string;
  readonly steps: readonly Step[];
}

async function buildJwt(deps: IssueDeps, draft: Draft): Promise<Built> {
  const signer = await deps.keyring.signer(draft.tenant, draft.algorithm);
  const signingInput = accessTokenSigningInput(
    {
      issuer: deps.issuerOf(draft.tenant),
      subject: draft.subject,
      audience: draft.audience,
      clientId: draft.clientId,
      scopes: draft.scopes,
      issuedAt: draft.issuedAt,
      expiresAt: draft.expiresAt,
      tokenId: draft.tokenId,
      position: draft.position,
      tenant: draft.tenant,
    },
    signer,
  );
  const signature = await signer.sign(Buffer.from(signingInput, 'latin1'));
  return { text: assembleJws(signingInput, signature), kid: signer.kid, steps: [] };
}

function buildOpaque(deps: IssueDeps, draft: Draft): Built {
  const { prefix, entropy } = deps;
  const { tenant, tokenId } = draft;
  const { text, secret } = buildSecretToken({ prefix, kind: 'at', id: tokenId, entropy });
  const pepper = deps.peppers.current();
  return {
    text,
    steps: [
      {
        do: 'insert',
        table: 'tokens',
        row: {
          partition: partitionOfTokenId(tokenId) as number,
          tenant,
          id: tokenId,
          hash: hashSecret({ pepper: pepper.key, tenant, id: tokenId, secret }),
          pepperVersion: pepper.version,
          clientId: draft.clientId,
          subject: draft.subject,
          family: null,
          scopes: draft.scopes,
          audience: draft.audience,
          position: draft.position,
          issuedAtSeconds: draft.issuedAt,
          expiresAtSeconds: draft.expiresAt,
          binding: null,
        },
        refused: 'revoked_meanwhile',
      },
    ],
  };
}
