/**
 * From method and path to endpoint: a tree of path segments, so that the cost is the number of
 * segments and no pattern ever runs over what a stranger sent. A literal segment wins over a
 * parameter (`/v1/keys/verify` over `/v1/keys/{id}`).
 */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Routable {
  readonly method: Method;
  /** Begins with `/`; a segment `{name}` is a parameter. */
  readonly path: string;
}

export type RouteMatch<E> =
  | {
      readonly kind: 'found';
      readonly endpoint: E;
      readonly params: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'method_not_allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'not_found' };

export interface Router<E> {
  /** @param path as sent, without query, not decoded */
  match(method: string, path: string): RouteMatch<E>;
}

interface Node<E> {
  readonly literals: Map<string, Node<E>>;
  parameter: Node<E> | undefined;
  /** What ends here, with the names of the parameters on the way. */
  readonly ends: Map<string, { readonly endpoint: E; readonly names: readonly string[] }>;
}

/** @throws Error where two endpoints claim one method of one path */
export function createRouter<E extends Routable>(endpoints: readonly E[]): Router<E> {
  const root = emptyNode<E>();
  for (const endpoint of endpoints) add(root, endpoint);
  return {
    match(method, path) {
      const values: string[] = [];
      const node = walk(root, path, values);
      if (node === undefined || node.ends.size === 0) return { kind: 'not_found' };
      const end = node.ends.get(method === 'HEAD' ? 'GET' : method);
      if (end === undefined) return { kind: 'method_not_allowed', allow: allowedMethods(node) };
      const params: Record<string, string> = {};
      for (const [index, name] of end.names.entries()) {
        const value = decodeSegment(values[index]!);
        if (value === undefined) return { kind: 'not_found' };
        params[name] = value;
      }
      return { kind: 'found', endpoint: end.endpoint, params };
    },
  };
}

function emptyNode<E>(): Node<E> {
  return { literals: new Map(), parameter: undefined, ends: new Map() };
}

function add<E extends Routable>(root: Node<E>, endpoint: E): void {
  let node = root;
  const names: string[] = [];
  for (const segment of endpoint.path.slice(1).split('/')) {
    if (segment.startsWith('{')) {
      names.push(segment.slice(1, -1));
      node.parameter ??= emptyNode();
      node = node.parameter;
    } else {
      const next = node.literals.get(segment) ?? emptyNode<E>();
      node.literals.set(segment, next);
      node = next;
    }
  }
  if (node.ends.has(endpoint.method)) {
    throw new Error(`two endpoints for ${endpoint.method} ${endpoint.path}`);
  }
  node.ends.set(endpoint.method, { endpoint, names });
}

function walk<E>(root: Node<E>, path: string, values: string[]): Node<E> | undefined {
  let node = root;
  let start = 1;
  while (start <= path.length) {
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    const segment = path.slice(start, end);
    const literal = node.literals.get(segment);
    if (literal !== undefined) {
      node = literal;
    } else if (node.parameter !== undefined && segment !== '') {
      node = node.parameter;
      values.push(segment);
    } else {
      return undefined;
    }
    start = end + 1;
  }
  return node;
}

function allowedMethods<E>(node: Node<E>): readonly string[] {
  const methods = [...node.ends.keys()];
  if (node.ends.has('GET')) methods.push('HEAD');
  return [...methods, 'OPTIONS'].sort();
}

/** Decoded once; what does not decode, or holds a NUL, which no store keeps, names nothing. */
function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    const decoded = decodeURIComponent(segment);
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}
