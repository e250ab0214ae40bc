/** What an operator chooses of a generated configuration, and where its parts stand. */
import { limits } from '@mintmark/core';

export interface HaproxySettings {
  /** Folder of the configuration, its keys and maps: absolute, for HAProxy names maps by it. */
  readonly folder: string;
  /** Address and port for clients, as `bind` takes them. */
  readonly listen: string;
  /** PEM file with certificate and key; undefined: plain HTTP. */
  readonly certificate: string | undefined;
  /** Socket that rules HAProxy at run time: whoever may write to it may do everything. */
  readonly runtimeSocket: string;
  /** `host:port` of a gateway that judges what HAProxy cannot; undefined: that is refused. */
  readonly chain: string | undefined;
  /** PEM file of authorities for upstreams with TLS; default: the system's. */
  readonly upstreamAuthorities: string | undefined;
  /** The installation's token prefix. */
  readonly prefix: string;
  /** Undefined: as many as there are cores. */
  readonly threads: number | undefined;
}

/** Verified signatures remembered: about 250 bytes each. */
export const seenMax = 100_000;
/** A signature is checked anew after this: a bound on memory, for the token itself is judged. */
export const seenSeconds = 3_600;
/** Callers that a limit counts at once. */
export const limitEntriesMax = 100_000;

/**
 * The lease in HAProxy: it runs from when it is said, and what is said may be as old as this, so
 * that both together are no longer than a gateway's.
 */
const newsAgeMsMax = 1_500;
export const leaseMs: number = limits.feedLeaseMs - newsAgeMsMax;

/** Kinds of targets that a token is looked up by, each with a map for positions and for moments. */
export const revocableKinds = ['token', 'family', 'client', 'user', 'holder', 'key'] as const;
export type RevocableKind = (typeof revocableKinds)[number];

export const mapNames = [
  'keys',
  'routes',
  'allow',
  ...revocableKinds.map((kind) => `revoked-${kind}` as const),
  ...revocableKinds.map((kind) => `before-${kind}` as const),
] as const;
export type MapName = (typeof mapNames)[number];

export function mapFile({ folder }: Pick<HaproxySettings, 'folder'>, name: MapName): string {
  return `${folder}/maps/${name}.map`;
}

export function keyFile({ folder }: Pick<HaproxySettings, 'folder'>, kid: string): string {
  return `${folder}/keys/${kid}.pem`;
}

/** Of a table that says how long there have been news; one for each time that routes go on. */
export function leaseTable(continueSeconds: number): string {
  return continueSeconds === 0 ? 'lease' : `lease.${continueSeconds}`;
}

/** The one entry of it. */
export const leaseKey = 'news';
