/**
 * An API as a gateway matches requests against it. Written by operators, kept by the authority and
 * carried by the status feed, so this one parser and this one matcher serve all of them. What must
 * never happen: a request that is taken for another operation than the one that serves it.
 */
import {
  type ApiOperation,
  type ApiView,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  type Result,
} from '@mintmark/core';
import {
  checkContracts,
  openContracts,
  type RequestContract,
} from '../contract/request-contract.ts';
import { readRequestView } from '../contract/request-view.ts';

export interface ApiRefusal {
  readonly reason: 'malformed_api';
  readonly pointer: string;
  readonly message: string;
}

export interface MatchedOperation {
  readonly operation: string;
  readonly method: string;
  /** Values of the path's variables, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface CompiledApi {
  /** What a request of the operation may hold; undefined: nobody said. */
  contract(operation: string): RequestContract | undefined;
  readonly unlisted: ApiView['unlisted'];
  /** @param path normalised, as the API itself is asked for it */
  find(method: string, path: string): MatchedOperation | undefined;
}

const methodNames = ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE'];
const memberNames = ['base_path', 'unlisted', 'operations', 'schemas'];

/**
 * Reads an API in its wire form: `{base_path?, unlisted?, operations: [{…, request?}], schemas?}`.
 */
export function parseApi(value: JsonValue): Result<ApiView, ApiRefusal> {
  if (!isJsonObject(value)) return refuse('', 'is not an object');
  const unknown = Object.keys(value).find((name) => !memberNames.includes(name));
  if (unknown !== undefined) return refuse(`/${unknown}`, 'is unknown');
  const { base_path: basePath = '', unlisted = 'refuse', operations } = value;
  if (typeof basePath !== 'string' || !/^(?:\/[A-Za-z0-9._~!$&'()*+,=:@%-]+)*$/.test(basePath)) {
    return refuse('/base_path', 'is a path from / without a final one, or empty');
  }
  if (unlisted !== 'refuse' && unlisted !== 'by_method') {
    return refuse('/unlisted', 'is "refuse" or "by_method"');
  }
  if (!Array.isArray(operations) || operations.length > limits.apiOperationsMax) {
    return refuse('/operations', `is a list of at most ${limits.apiOperationsMax}`);
  }
  const read: ApiOperation[] = [];
  for (const [index, one] of operations.entries()) {
    const operation = readOperation(one);
    if (typeof operation === 'string') return refuse(`/operations/${index}`, operation);
    read.push(operation);
  }
  const { schemas } = value;
  if (schemas !== undefined && !isJsonObject(schemas)) return refuse('/schemas', 'is an object');
  if (JSON.stringify(schemas ?? {}).length > limits.apiSchemasCharsMax) {
    return refuse('/schemas', 'is too much altogether');
  }
  const view = { basePath, unlisted, operations: read, ...(schemas && { schemas }) } as const;
  const tree = growTree(view);
  if (!tree.ok) return tree;
  const checked = checkContracts(view);
  return checked.ok ? ok(view) : refuse(checked.refusal.pointer, checked.refusal.message);
}

function readOperation(value: JsonValue): ApiOperation | string {
  if (!isJsonObject(value)) return 'is not an object';
  const { operation, method, path, request } = value as JsonObject;
  if (typeof operation !== 'string' || operation === '' || operation.length > 256) {
    return 'operation is a name of at most 256 characters';
  }
  if (typeof method !== 'string' || !methodNames.includes(method)) {
    return `method is one of ${methodNames.join(', ')}`;
  }
  const isPath = typeof path === 'string' && path.startsWith('/');
  if (!isPath || path.length > limits.routePathCharsMax) return 'path is a template from /';
  if (request === undefined) return { operation, method, path };
  const read = readRequestView(request);
  return typeof read === 'string' ? read : { operation, method, path, request: read };
}

/** @returns undefined where this version cannot read it: no request is any of its operations */
export function compileApi(view: ApiView): CompiledApi | undefined {
  const tree = growTree(view);
  if (!tree.ok) return undefined;
  const { basePath, unlisted } = view;
  return {
    unlisted,
    contract: openContracts(view),
    find(method, path) {
      const under = path === basePath || path.startsWith(`${basePath}/`);
      const segments = under ? segmentsOf(path.slice(basePath.length)) : undefined;
      if (segments === undefined) return undefined;
      const search = { segments, values: [] as string[] };
      const found = find(tree.value, method, search);
      // HEAD is GET without the body (RFC 9110 §9.3.2).
      if (found !== undefined || method !== 'HEAD') return found;
      return find(tree.value, 'GET', { segments, values: [] });
    },
  };
}

/** One place in the tree of paths. */
interface Node {
  readonly literals: Map<string, Node>;
  readonly patterns: Map<string, { readonly pattern: Pattern; readonly node: Node }>;
  /** By method, with the names of the variables on the way. */
  readonly operations: Map<string, { readonly operation: string; readonly names: string[] }>;
}

/** Text between the variables of one segment: one piece more than there are variables. */
type Pattern = readonly string[];

function emptyNode(): Node {
  return { literals: new Map(), patterns: new Map(), operations: new Map() };
}

function growTree(view: ApiView): Result<Node, ApiRefusal> {
  const root = emptyNode();
  const named = new Set<string>();
  for (const [index, { operation, method, path }] of view.operations.entries()) {
    const pointer = `/operations/${index}`;
    if (named.has(operation)) return refuse(pointer, `there are two operations "${operation}"`);
    named.add(operation);
    const names: string[] = [];
    let node = root;
    for (const segment of segmentsOf(path) ?? []) {
      const parts = readTemplate(segment);
      if (parts === undefined) return refuse(`${pointer}/path`, `cannot be read at "${segment}"`);
      names.push(...parts.names);
      node = step(node, parts.pattern);
    }
    if (segmentsOf(path) === undefined) return refuse(`${pointer}/path`, 'is badly encoded');
    if (new Set(names).size < names.length) return refuse(`${pointer}/path`, 'repeats a variable');
    if (node.operations.has(method)) {
      return refuse(pointer, `${method} ${path} is the same as another operation`);
    }
    node.operations.set(method, { operation, names });
  }
  return ok(root);
}

function step(node: Node, pattern: Pattern): Node {
  const literal = pattern.length === 1 ? pattern[0]! : undefined;
  const key = literal ?? pattern.join('\0');
  const known = literal === undefined ? node.patterns.get(key)?.node : node.literals.get(key);
  if (known !== undefined) return known;
  const made = emptyNode();
  if (literal === undefined) node.patterns.set(key, { pattern, node: made });
  else node.literals.set(key, made);
  return made;
}

/** Decoded; a final slash says nothing, so that it cannot make another operation of a path. */
function segmentsOf(path: string): readonly string[] | undefined {
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  try {
    return segments.map((segment) => decodeURIComponent(segment));
  } catch {
    return undefined;
  }
}

function readTemplate(
  segment: string,
): { readonly pattern: Pattern; readonly names: readonly string[] } | undefined {
  const pieces = segment.split(/\{([^{}]*)\}/);
  const pattern = pieces.filter((_, index) => index % 2 === 0);
  const names = pieces.filter((_, index) => index % 2 === 1);
  if (names.length > limits.pathSegmentVariablesMax || names.includes('')) return undefined;
  if (pattern.some((text) => /[{}]/.test(text))) return undefined;
  // Between two variables there must be something that ends the first.
  return pattern.slice(1, -1).includes('') ? undefined : { pattern, names };
}

interface Search {
  readonly segments: readonly string[];
  readonly values: string[];
}

/** What is written out goes before what is variable (OpenAPI 3.1 §4.8.8.2). */
function find(node: Node, method: string, search: Search, depth = 0): MatchedOperation | undefined {
  const segment = search.segments[depth];
  if (segment === undefined) return matched(node, method, search);
  const literal = node.literals.get(segment);
  const exact = literal && find(literal, method, search, depth + 1);
  if (exact !== undefined) return exact;
  for (const { pattern, node: next } of mostWritten(node)) {
    const values = valuesOf(pattern, segment);
    if (values === undefined) continue;
    const held = search.values.length;
    search.values.push(...values);
    const found = find(next, method, search, depth + 1);
    if (found !== undefined) return found;
    search.values.length = held;
  }
  return undefined;
}

function mostWritten(node: Node): Iterable<{ readonly pattern: Pattern; readonly node: Node }> {
  if (node.patterns.size < 2) return node.patterns.values();
  const written = ({ pattern }: { readonly pattern: Pattern }) => pattern.join('').length;
  return [...node.patterns.values()].sort((a, b) => written(b) - written(a));
}

function matched(node: Node, method: string, search: Search): MatchedOperation | undefined {
  const found = node.operations.get(method);
  if (found === undefined) return undefined;
  const pairs = found.names.map((name, index) => [name, search.values[index]!] as const);
  return { operation: found.operation, method, parameters: Object.fromEntries(pairs) };
}

/** Each variable takes as little as it can, and never nothing. Linear in the segment. */
function valuesOf(pattern: Pattern, segment: string): readonly string[] | undefined {
  const first = pattern[0]!;
  const last = pattern.at(-1)!;
  if (!segment.startsWith(first)) return undefined;
  const values: string[] = [];
  let from = first.length;
  for (const literal of pattern.slice(1, -1)) {
    const at = segment.indexOf(literal, from + 1);
    if (at === -1) return undefined;
    values.push(segment.slice(from, at));
    from = at + literal.length;
  }
  const end = segment.length - last.length;
  if (end <= from || !segment.endsWith(last)) return undefined;
  values.push(segment.slice(from, end));
  return values;
}

function refuse(pointer: string, message: string): Result<never, ApiRefusal> {
  return err({ reason: 'malformed_api', pointer, message });
}
