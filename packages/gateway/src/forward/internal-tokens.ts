/**
 * The short-lived token that takes the place of the outside credential: who calls, signed by this
 * node, for one upstream, method and path. The key is made when a route first asks for it, never
 * leaves the process, and nothing is signed before the authority has published its public half.
 */
import { hash } from 'node:crypto';
import {
  base64urlEncode,
  type Clock,
  type Entropy,
  internalToken,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  type NodeKeyRegistry,
  nowSeconds,
  RecentMap,
  type RouteInternalToken,
  type TenantId,
  type Timers,
  utf8,
} from '@mintmark/core';
import { assembleJws, generateSigningKey, jwsSigningInput, localSigner } from '@mintmark/tokens';
import type { Metrics } from '../record/metrics.ts';
import type { MatchedRoute } from '../routes/route-table.ts';
import { upstreamPathOf } from '../routes/upstream-path.ts';
import { claimOf } from '../verify/claims.ts';
import type { Identity } from '../verify/identity.ts';
import { subjectOf } from './identity-headers.ts';

export interface InternalTokenParts {
  /** Undefined: nobody publishes keys of this node, so it signs nothing. */
  readonly registry: NodeKeyRegistry | undefined;
  readonly tenant: TenantId;
  readonly node: string;
  /** Of the node's own tenant, below which its keys are published. */
  readonly issuer: () => string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly metrics: Metrics;
  readonly onFault: (error: unknown) => void;
}

/** What a token is for. */
export interface Vouched {
  readonly matched: MatchedRoute;
  readonly method: string;
  readonly query: string | undefined;
  readonly identity: Identity | undefined;
  /** Whose credential it is. */
  readonly tenant: TenantId;
}

interface Remembered {
  readonly token: string;
  readonly identity: Identity;
  readonly route: MatchedRoute['route'];
  /** Monotonic milliseconds. */
  readonly untilMs: number;
}

interface Key {
  /** Monotonic milliseconds. */
  readonly madeAtMs: number;
  readonly jwk: JsonObject;
  readonly header: JsonObject;
  readonly sign: (input: Uint8Array) => Uint8Array;
}

export class InternalTokens {
  readonly #parts: InternalTokenParts;
  readonly #remembered = new RecentMap<string, Remembered>(limits.internalTokensRememberedMax);
  #key: Key | undefined;
  #previous: Key | undefined;
  #isPublished = false;
  /** In a row. */
  #failures = 0;
  #isWanted = false;
  #cancel = (): void => {};

  constructor(parts: InternalTokenParts) {
    this.#parts = parts;
  }

  /** Whether an upstream can find the key: nothing is signed before. */
  get ready(): boolean {
    return this.#isPublished;
  }

  /** The node's own key, for upstreams that ask the node. */
  get keySet(): readonly JsonObject[] {
    return [this.#key, this.#previous].flatMap((key) => (key === undefined ? [] : [key.jwk]));
  }

  /** Makes the key and has it published from now on. Does nothing the second time. */
  want(): void {
    if (this.#isWanted || this.#parts.registry === undefined) return;
    this.#isWanted = true;
    void this.#publish();
  }

  close(): void {
    this.#isWanted = false;
    this.#cancel();
  }

  async #publish(): Promise<void> {
    const { registry, tenant, node, clock, timers, metrics, onFault } = this.#parts;
    let pauseMs: number = limits.gatewayKeyRenewMs;
    try {
      const nowMs = clock.monotonicMs();
      const known = this.#key;
      const isOld = known === undefined || nowMs - known.madeAtMs >= limits.gatewayKeyLifeMs;
      const key = isOld ? await makeKey(nowMs) : known;
      await registry?.publish({ tenant, node, jwk: key.jwk });
      // Signs only once it is published; what the one before has signed ends within a minute.
      if (key !== known) [this.#key, this.#previous] = [key, known];
      this.#isPublished = true;
      this.#failures = 0;
    } catch (error) {
      metrics.count('mintmark_gateway_key_faults_total');
      onFault(error);
      // Until then the routes that need it refuse; what was published once stays for minutes.
      pauseMs = Math.min(limits.gatewayKeyRetryMsMax, limits.feedRetryMsMax * 2 ** this.#failures);
      this.#failures += 1;
    }
    if (this.#isWanted) this.#cancel = timers.after(pauseMs, () => void this.#publish());
  }

  /** @returns undefined before `ready` */
  mint(rule: RouteInternalToken, of: Vouched): string | undefined {
    const key = this.#isPublished ? this.#key : undefined;
    if (key === undefined) return undefined;
    const { identity } = of;
    if (rule.reuseSeconds === 0 || identity === undefined) return this.#sign(key, rule, of);
    const { route } = of.matched;
    const nowMs = this.#parts.clock.monotonicMs();
    const path = upstreamPathOf(of.matched);
    // No query is not `?undefined`: of the one a token says the digest, of the other nothing.
    const asked = JSON.stringify([identity.credentialId, of.method, path, of.query]);
    const known = this.#remembered.peek(asked);
    const isSame = known?.identity === identity && known.route === route;
    if (isSame && nowMs < known.untilMs) return known.token;
    const token = this.#sign(key, rule, of);
    const untilMs = nowMs + rule.reuseSeconds * 1000;
    this.#remembered.set(asked, { token, identity, route, untilMs });
    return token;
  }

  #sign(key: Key, rule: RouteInternalToken, of: Vouched): string {
    const { issuer, node, clock, entropy } = this.#parts;
    const now = nowSeconds(clock);
    const { upstream } = of.matched.route;
    const { identity, query } = of;
    const end = now + rule.ttlSeconds;
    const payload: JsonObject = {
      iss: issuer(),
      aud: rule.audience ?? upstream.origin,
      ...(identity === undefined ? {} : callerClaims(identity, of.tenant, rule)),
      node,
      htm: of.method,
      htp: upstreamPathOf(of.matched),
      ...(query === undefined ? {} : { qsh: hash('sha256', query, 'base64url') }),
      jti: base64urlEncode(entropy.bytes(16)),
      iat: now,
      exp: Math.min(end, identity?.expiresAt ?? end),
    };
    const input = jwsSigningInput(key.header, payload);
    this.#parts.metrics.count('mintmark_gateway_internal_tokens_total');
    return assembleJws(input, key.sign(utf8(input)));
  }
}

async function makeKey(madeAtMs: number): Promise<Key> {
  const { privateKey, publicJwk, kid } = await generateSigningKey('ES256');
  const signer = localSigner({ privateKey, algorithm: 'ES256', kid });
  const header = { alg: 'ES256', typ: internalToken.type, kid };
  return { madeAtMs, jwk: publicJwk, header, sign: signer.sign };
}

/** Never `cnf`: the upstream has nobody's proof, and needs none. */
function callerClaims(identity: Identity, tenant: TenantId, rule: RouteInternalToken): JsonObject {
  const { clientId, scopes } = identity;
  const act = claimOf(identity, 'act');
  const further = rule.claims.flatMap((name): [string, JsonValue][] => {
    const said = claimOf(identity, name);
    return said === undefined ? [] : [[name, said]];
  });
  return {
    ...Object.fromEntries(further),
    sub: subjectOf(identity),
    ...(clientId === undefined ? {} : { client_id: clientId }),
    scope: scopes.join(' '),
    tenant,
    // Who acts for the subject goes along (RFC 8693 §4.1), whether it was asked for or not.
    ...(act !== undefined && isJsonObject(act) ? { act } : {}),
  };
}
