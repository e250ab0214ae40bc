/** What an operator chooses of a configuration for Envoy, and where its parts stand. */

import { hash } from 'node:crypto';
import type { Route } from '@mintmark/core';

export interface EnvoySettings {
  /** Folder of the configuration: absolute, for Envoy names its parts by it. */
  readonly folder: string;
  /** For clients. */
  readonly listen: Endpoint;
  /** PEM files; undefined: plain HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  /** A gateway that judges what Envoy cannot, and trusts this proxy. */
  readonly chain: Endpoint;
  /** PEM file of authorities for upstreams with TLS. */
  readonly upstreamAuthorities: string;
  /** The installation's token prefix. */
  readonly prefix: string;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Named by what it says: a verdict on one form of it is none on the next. */
export function routeId(route: Route): string {
  return `${route.name}@${hash('sha256', JSON.stringify(route)).slice(0, 12)}`;
}

/** Files that Envoy watches, each replaced whole. */
export type PartName = 'clusters' | 'routes' | 'tokens' | 'judge' | 'news';

export function partFile({ folder }: Pick<EnvoySettings, 'folder'>, name: PartName): string {
  return `${folder}/${name}.json`;
}

function bootstrapFile({ folder }: Pick<EnvoySettings, 'folder'>): string {
  return `${folder}/envoy.json`;
}

/** Where Envoy says which parts it goes by. Whoever may open it may read what Envoy knows. */
export function adminSocket({ folder }: Pick<EnvoySettings, 'folder'>): string {
  return `${folder}/admin.sock`;
}

/** Beyond so many the gateway behind judges everything: each change reads all of them anew. */
export const revocationsMax = 50_000;

/** Says which route was judged; taken from clients before anything else is done. */
export const verdictHeader = 'x-mintmark-verdict';

/** Metadata: claims and until when there are news, milliseconds since 1970. */
export const metadata = {
  ...{ space: 'mintmark', news: 'news', claims: 'claims' },
  /** Whose requests count together. */
  caller: 'caller',
} as const;

export const jwtFilter = 'envoy.filters.http.jwt_authn';

/** Where each file of a configuration stands. */
export const envoyFiles = { bootstrap: bootstrapFile, part: partFile, admin: adminSocket } as const;
