/**
 * From an OpenAPI description (3.0, 3.1, and 2.0 as far as paths go) to what policies need of it:
 * its operations, by the names that policies call actions.
 */
import {
  type ApiOperation,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  pointerToken,
  type Result,
} from '@mintmark/core';
import { describedAt, readRequest, readSchemas } from '../contract/read-contract.ts';
import { checkContracts } from '../contract/request-contract.ts';
import { Malformed } from '../contract/walk.ts';

/** Where a description cannot be taken, as an RFC 6901 pointer into it. */
export interface OpenApiRefusal {
  readonly reason: 'malformed_openapi';
  readonly pointer: string;
  readonly message: string;
}

export interface DescribedApi {
  /** Path of its first server. */
  readonly basePath: string;
  readonly operations: readonly ApiOperation[];
  /** Named schemas of requests; absent: nobody asked for requests. */
  readonly schemas?: JsonObject;
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

type Read<T> = Result<T, OpenApiRefusal>;

/**
 * Reads the operations of a description.
 *
 * @param document parsed JSON or YAML
 * @param options.requests whether to read what requests may hold too, for gateways to check
 * @returns them in the order of the document; refusal: malformed_openapi, where what it says would
 *   be understood differently by gateways (servers of single paths, references to elsewhere)
 */
export function readOpenApi(
  document: JsonValue,
  { requests = false }: { readonly requests?: boolean } = {},
): Read<DescribedApi> {
  try {
    return readDescription(document, requests);
  } catch (error) {
    if (error instanceof Malformed) return refuse(error.pointer, error.message);
    throw error;
  }
}

function readDescription(document: JsonValue, requests: boolean): Read<DescribedApi> {
  if (!isJsonObject(document)) return refuse('', 'is not an object');
  if (typeof (document['openapi'] ?? document['swagger']) !== 'string') {
    return refuse('/openapi', 'is the version of OpenAPI as a text, such as "3.1.0"');
  }
  const basePath = readBasePath(document);
  if (!basePath.ok) return basePath;
  const { paths } = document;
  if (!isJsonObject(paths)) return refuse('/paths', 'is not an object');
  const described = requests ? describedAt(document) : undefined;
  const operations: ApiOperation[] = [];
  for (const [path, item] of Object.entries(paths)) {
    if (path.startsWith('x-')) continue;
    const pointer = `/paths/${pointerToken(path)}`;
    if (!path.startsWith('/')) return refuse(pointer, 'a path begins with /');
    const found = readPathItem(document, { path, item, pointer, described });
    if (!found.ok) return found;
    operations.push(...found.value);
  }
  if (operations.length > limits.apiOperationsMax) {
    return refuse('/paths', `has more than ${limits.apiOperationsMax} operations`);
  }
  const found = { basePath: basePath.value, operations };
  if (described === undefined) return ok(found);
  const whole = { ...found, schemas: readSchemas(described) };
  const checked = checkContracts(whole);
  return checked.ok ? ok(whole) : refuse(checked.refusal.pointer, checked.refusal.message);
}

function readPathItem(
  document: JsonObject,
  at: {
    readonly path: string;
    readonly item: JsonValue;
    readonly pointer: string;
    readonly described: ReturnType<typeof describedAt> | undefined;
  },
): Read<ApiOperation[]> {
  const { path, pointer, described } = at;
  const item = resolve(document, at.item);
  if (!isJsonObject(item)) return refuse(pointer, 'is not an object of this document');
  if (item['servers'] !== undefined) return refuse(`${pointer}/servers`, ownServers);
  const operations: ApiOperation[] = [];
  for (const method of methods) {
    const operation = item[method];
    if (operation === undefined) continue;
    const where = `${pointer}/${method}`;
    if (!isJsonObject(operation)) return refuse(where, 'is not an object');
    if (operation['servers'] !== undefined) return refuse(`${where}/servers`, ownServers);
    const { operationId } = operation;
    if (operationId !== undefined && (typeof operationId !== 'string' || operationId === '')) {
      return refuse(`${where}/operationId`, 'is not a name');
    }
    const name = method.toUpperCase();
    const asked = { operation, shared: item['parameters'], pointer: where };
    const request = described && { request: readRequest(described, asked) };
    operations.push({
      operation: operationId ?? `${name} ${path}`,
      method: name,
      path,
      ...request,
    });
  }
  return ok(operations);
}

const ownServers = 'servers of a single path or operation are not understood';

/** A reference within the document (3.1: `#/components/pathItems/…`). */
function resolve(document: JsonObject, item: JsonValue): JsonValue | undefined {
  const reference = isJsonObject(item) ? item['$ref'] : undefined;
  if (reference === undefined) return item;
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined;
  let found: JsonValue | undefined = document;
  for (const token of reference.slice(2).split('/')) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isJsonObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return isJsonObject(found) && found['$ref'] !== undefined ? undefined : found;
}

/** @returns the path of the first server, its variables at their defaults */
function readBasePath(document: JsonObject): Read<string> {
  const old = document['basePath'];
  if (typeof old === 'string') return pathOf(old, '/basePath');
  const { servers } = document;
  const first = Array.isArray(servers) ? servers[0] : undefined;
  if (first === undefined) return ok('');
  const url = isJsonObject(first) ? first['url'] : undefined;
  if (!isJsonObject(first) || typeof url !== 'string') {
    return refuse('/servers/0/url', 'is not a URL');
  }
  const { variables } = first;
  const whole = url.replaceAll(/\{([^{}]*)\}/g, (text, name: string) => {
    const variable = isJsonObject(variables) ? variables[name] : undefined;
    const value = isJsonObject(variable) ? variable['default'] : undefined;
    return typeof value === 'string' ? value : text;
  });
  return pathOf(whole, '/servers/0/url');
}

function pathOf(url: string, pointer: string): Read<string> {
  const parsed = URL.canParse(url, 'http://relative') && new URL(url, 'http://relative');
  if (parsed === false || /[{}]/.test(url)) return refuse(pointer, 'is not a URL');
  return ok(parsed.pathname.replace(/\/+$/, ''));
}

function refuse(pointer: string, message: string): Result<never, OpenApiRefusal> {
  return err({ reason: 'malformed_openapi', pointer, message });
}
