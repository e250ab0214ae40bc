/**
 * One link of a sub-key: a JSON object of what it takes away. Read strictly: a member that is not
 * known may be a restriction that this version cannot judge, so the whole is refused.
 */
import {
  base64urlDecode,
  base64urlEncode,
  createRangeSet,
  isJsonObject,
  isScope,
  type JsonObject,
  type JsonValue,
  limits,
  parseJson,
  type RangeSet,
  type UnixSeconds,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import { publicKeyBytes } from './sub-key-crypto.ts';

/** What the maker of a sub-key decides. What is absent stays as the parent has it. */
export interface SubKeyRestrictions {
  readonly issuedAt: UnixSeconds;
  /** At most `limits.subKeySecondsMax` after it was made. */
  readonly expiresAt: UnixSeconds;
  readonly notBefore?: UnixSeconds | undefined;
  /** For people: shown where it is used. 1–64 characters of printable ASCII. */
  readonly label?: string | undefined;
  /** An empty list: none at all. */
  readonly scopes?: readonly string[] | undefined;
  /** APIs that it may be used at, by what routes call `audience` and verifiers `resource`. */
  readonly audiences?: readonly string[] | undefined;
  /** Names of gateway routes. */
  readonly routes?: readonly string[] | undefined;
  /** Upper case. */
  readonly methods?: readonly string[] | undefined;
  /** Begins with `/`; fits whole segments. */
  readonly pathPrefix?: string | undefined;
  /** CIDR blocks or single addresses. */
  readonly addresses?: readonly string[] | undefined;
}

export interface SubKeyLink extends SubKeyRestrictions {
  /** `jti`; chosen at random by whoever derived it, one of its key's. */
  readonly id: string;
  /** Verifies the next link. */
  readonly publicKey: Uint8Array;
  /** Undefined: from anywhere. */
  readonly addressSet: RangeSet | undefined;
}

const idPattern = /^[0-9A-Za-z]{17}$/;
const labelPattern = /^[\x20-\x7e]+$/;
const methodPattern = /^[A-Z]{1,16}$/;
const visiblePattern = /^[\x21-\x7e]+$/;
const pathPattern = /^\/$|^(?:\/[A-Za-z0-9._~!$&'()*+,=:@-]+)+\/?$/;

/** The members in this order; whoever writes another order makes as good a link. */
export function encodeSubKeyLink(
  link: SubKeyRestrictions & Pick<SubKeyLink, 'id' | 'publicKey'>,
): Uint8Array {
  const members = {
    jti: link.id,
    iat: link.issuedAt,
    exp: link.expiresAt,
    pub: base64urlEncode(link.publicKey),
    nbf: link.notBefore,
    label: link.label,
    scope: link.scopes?.join(' '),
    aud: link.audiences,
    routes: link.routes,
    methods: link.methods,
    path: link.pathPrefix,
    addresses: link.addresses,
  };
  return utf8(JSON.stringify(members));
}

const known = 'jti iat exp pub nbf label scope aud routes methods path addresses'.split(' ');

/** @returns undefined where it is not of the form in docs/sub-keys.md, in whatever way */
export function parseSubKeyLink(bytes: Uint8Array): SubKeyLink | undefined {
  const text = utf8Decode(bytes);
  const json = text === undefined ? undefined : parseJson(text, { depthMax: 2 });
  if (!json?.ok || !isJsonObject(json.value)) return undefined;
  const { value } = json;
  if (!Object.keys(value).every((name) => known.includes(name))) return undefined;
  const times = readTimes(value);
  const lists = readLists(value);
  const { jti, label, path } = value;
  const publicKey = typeof value['pub'] === 'string' ? base64urlDecode(value['pub']) : undefined;
  if (times === undefined || lists === undefined) return undefined;
  if (publicKey?.length !== publicKeyBytes || !matches(jti, idPattern, 17)) return undefined;
  if (!isAbsentOr(label, labelPattern, limits.subKeyLabelCharsMax)) return undefined;
  if (!isAbsentOr(path, pathPattern, limits.routePathCharsMax) || hasDotSegment(path)) {
    return undefined;
  }
  const set = lists.addresses === undefined ? undefined : createRangeSet(lists.addresses);
  if (set?.ok === false) return undefined;
  return {
    id: jti as string,
    publicKey,
    ...times,
    ...lists,
    label: label as string | undefined,
    pathPrefix: path as string | undefined,
    addressSet: set?.value,
  };
}

function readTimes(
  value: JsonObject,
): Pick<SubKeyLink, 'issuedAt' | 'expiresAt' | 'notBefore'> | undefined {
  const { iat, exp, nbf } = value;
  if (!isSecond(iat) || !isSecond(exp) || (nbf !== undefined && !isSecond(nbf))) return undefined;
  // A life that is bounded from its making lets a revocation of it be forgotten some day.
  if (exp <= iat || exp - iat > limits.subKeySecondsMax) return undefined;
  return { issuedAt: iat, expiresAt: exp, notBefore: nbf };
}

function isSecond(value: JsonValue | undefined): value is UnixSeconds & number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

type Lists = Pick<SubKeyLink, 'scopes' | 'audiences' | 'routes' | 'methods' | 'addresses'>;

function readLists(value: JsonObject): Lists | undefined {
  const { scope, aud, routes, methods, addresses } = value;
  const scopes = scope === '' ? [] : typeof scope === 'string' ? scope.split(' ') : undefined;
  if (scope !== undefined && !(scopes?.every(isScope) && scopes.length <= limits.subKeyListMax)) {
    return undefined;
  }
  const sound =
    isList(aud, visiblePattern, 2_048) &&
    isList(routes, visiblePattern, 256) &&
    isList(methods, methodPattern, 16) &&
    isList(addresses, visiblePattern, 64);
  if (!sound) return undefined;
  return { scopes, audiences: aud, routes, methods, addresses } as Lists;
}

/** An empty list would allow nothing, or be taken for none: whoever means nothing says so. */
function isList(value: JsonValue | undefined, pattern: RegExp, charsMax: number): boolean {
  if (value === undefined) return true;
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.subKeyListMax) {
    return false;
  }
  return value.every((one) => matches(one, pattern, charsMax));
}

function matches(value: JsonValue | undefined, pattern: RegExp, charsMax: number): boolean {
  return typeof value === 'string' && value.length <= charsMax && pattern.test(value);
}

function isAbsentOr(value: JsonValue | undefined, pattern: RegExp, charsMax: number): boolean {
  return value === undefined || matches(value, pattern, charsMax);
}

function hasDotSegment(path: JsonValue | undefined): boolean {
  return typeof path === 'string' && path.split('/').some((one) => one === '.' || one === '..');
}
