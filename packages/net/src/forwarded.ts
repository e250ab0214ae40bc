/**
 * Who is at the other end, when proxies stand between. Only what trusted proxies themselves
 * appended counts: a client can write anything to the left of it.
 */
import { formatAddress, parseAddress, type RangeSet } from '@mintmark/core';
import { hostForm } from './head.ts';

export interface ForwardedView {
  readonly remoteAddress: string;
  readonly scheme: 'http' | 'https';
  /** As the client named it to the outermost trusted proxy; undefined where none says so. */
  readonly host?: string | undefined;
}

/**
 * Resolves address and scheme behind a trusted proxy: the rightmost address in `X-Forwarded-For`
 * that is not a trusted proxy, and the last `X-Forwarded-Proto`.
 *
 * @param input.peer the connection's own address; a trusted proxy (the caller has checked)
 * @returns the peer's own where the headers are missing or unreadable: never a guess further left
 */
export function resolveForwarded(input: {
  readonly peer: ForwardedView;
  readonly trusted: RangeSet;
  readonly forwardedFor: string | undefined;
  readonly forwardedProto: string | undefined;
  readonly forwardedHost: string | undefined;
}): ForwardedView {
  return {
    host: lastHost(input.forwardedHost),
    remoteAddress: rightmostUntrusted(input.forwardedFor, input.trusted, input.peer.remoteAddress),
    scheme: lastScheme(input.forwardedProto) ?? input.peer.scheme,
  };
}

function rightmostUntrusted(list: string | undefined, trusted: RangeSet, peer: string): string {
  let nearest = peer;
  let end = list?.length ?? 0;
  while (list !== undefined && end > 0) {
    const comma = list.lastIndexOf(',', end - 1);
    const address = parseAddress(withoutPort(list.slice(comma + 1, end).trim()));
    // An unreadable hop hides who stands behind it; the last hop that we know answers for it.
    if (address === undefined) return nearest;
    nearest = formatAddress(address);
    if (!trusted.contains(address)) return nearest;
    if (comma === -1) return nearest;
    end = comma;
  }
  return nearest;
}

/** Some load balancers append the port: `192.0.2.1:443`, `[2001:db8::1]:443`. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::[0-9]{1,5})?$/.exec(text);
  if (bracketed !== null) return bracketed[1]!;
  const dotted = /^([0-9.]+):[0-9]{1,5}$/.exec(text);
  return dotted === null ? text : dotted[1]!;
}

function lastScheme(list: string | undefined): 'http' | 'https' | undefined {
  const last = list
    ?.slice(list.lastIndexOf(',') + 1)
    .trim()
    .toLowerCase();
  return last === 'http' || last === 'https' ? last : undefined;
}

/** Host and port; undefined where it is missing or is neither name nor address. */
function lastHost(list: string | undefined): string | undefined {
  const last = list
    ?.slice(list.lastIndexOf(',') + 1)
    .trim()
    .toLowerCase();
  return last !== undefined && hostForm.test(last) ? last : undefined;
}
