/** `fetch` that trusts an authority of a suite's own, and may show a certificate of a client's. */
import { Agent, fetch as fetchOf } from 'undici';
import type { ClientCertificate } from './certificate.ts';

export type Fetch = typeof globalThis.fetch;

export interface TrustingFetch {
  readonly fetch: Fetch;
  close(): Promise<void>;
}

/** @param ca PEM text */
export function trustingFetch(ca: string, certificate?: ClientCertificate): TrustingFetch {
  const dispatcher = new Agent({ connect: { ca, ...certificate } });
  // The platform's fetch is the same code; only this one takes a dispatcher of its own version.
  const fetch = (input: unknown, init: object = {}): unknown =>
    fetchOf(input as Parameters<typeof fetchOf>[0], { ...init, dispatcher });
  return { fetch: fetch as Fetch, close: () => dispatcher.close() };
}
