/**
 * Headers that a route's rules change. Values may name the caller; whatever a credential says is
 * percent-encoded, so that it neither ends its header nor passes for something else. What is not
 * known makes no header, and takes away the client's own of that name all the same.
 */
import {
  assertNever,
  type CallerFact,
  canonicalFieldName,
  type HeaderChanges,
  type JsonValue,
  limits,
  type TemplatePart,
  type TenantId,
} from '@mintmark/core';
import type { StreamReply } from '@mintmark/net';
import { claimOf } from '../verify/claims.ts';
import type { Identity } from '../verify/identity.ts';
import { encodeValue, subjectOf } from './identity-headers.ts';
import { WrappedReply } from './wrapped-reply.ts';

/** Who calls, as far as values may name it. */
export interface Caller {
  readonly identity: Identity | undefined;
  readonly tenant: TenantId;
  /** That it is limited by; undefined: nobody looked, and a key's own counts. */
  readonly plan?: string | undefined;
}

/**
 * @param fields name and value in turn, under whatever spelling; a field goes also where servers
 *   behind would read its name as the one that is meant
 */
export function changeHeaders(
  fields: readonly string[],
  changes: HeaderChanges,
  caller: Caller,
): string[] {
  const gone = new Set([...changes.remove, ...changes.set.map(({ name }) => name)]);
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    if (gone.has(canonicalFieldName(name.toLowerCase()))) continue;
    out.push(name, fields[i + 1]!);
  }
  for (const { name, parts } of [...changes.set, ...changes.add]) {
    const value = renderedOf(parts, caller);
    if (value !== undefined) out.push(name, value);
  }
  return out;
}

function renderedOf(parts: readonly TemplatePart[], caller: Caller): string | undefined {
  let out = '';
  for (const part of parts) {
    const text = typeof part === 'string' ? part : textOf(part, caller);
    if (text === undefined) return undefined;
    out += text;
  }
  return out.length <= limits.headerValueCharsMax ? out : undefined;
}

function textOf(part: Exclude<TemplatePart, string>, caller: Caller): string | undefined {
  const { identity } = caller;
  if (identity === undefined) return undefined;
  if ('claim' in part) return textOfClaim(claimOf(identity, part.claim));
  const said = factOf(part.fact, identity, caller);
  return said && encodeValue(said);
}

function factOf(
  fact: CallerFact,
  identity: Identity,
  { tenant, plan }: Caller,
): string | undefined {
  switch (fact) {
    case 'subject':
      return subjectOf(identity);
    case 'client':
      return identity.clientId;
    case 'tenant':
      return tenant;
    case 'credential':
      return identity.credentialId;
    case 'scopes':
      return identity.scopes.join(',');
    case 'plan':
      return plan ?? identity.plan;
    default:
      return assertNever(fact);
  }
}

/** Texts, numbers and truth values, and lists of them parted by commas. */
function textOfClaim(said: JsonValue | undefined): string | undefined {
  if (Array.isArray(said)) {
    const texts = said.map((one) => textOfClaim(one));
    return texts.every((one) => one !== undefined) && texts.length > 0 ? texts.join() : undefined;
  }
  if (typeof said === 'string') return encodeValue(said).replaceAll(',', '%2C');
  return typeof said === 'number' || typeof said === 'boolean' ? String(said) : undefined;
}

/** The reply of a route that changes headers of its upstream's answers. */
export class ChangedReply extends WrappedReply {
  readonly #changes: HeaderChanges;
  readonly #caller: Caller;

  constructor(reply: StreamReply, changes: HeaderChanges, caller: Caller) {
    super(reply);
    this.#changes = changes;
    this.#caller = caller;
  }

  override head(status: number, rawHeaders: string[]): void {
    super.head(status, changeHeaders(rawHeaders, this.#changes, this.#caller));
  }
}
