/**
 * The management API of a whole authority, called as a user calls it. Every answer is held against
 * the OpenAPI description that the same authority serves: an undocumented one fails its test.
 */
import assert from 'node:assert/strict';
import { parseJson } from '@mintmark/core';
import { z } from 'zod';
import { authorityBed } from './authority-bed.ts';
import type { AuthorityConfig } from './config.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { createRouter, type Method } from './http/management/router.ts';
import type { AuthorityPorts } from './rooms.ts';
import type { Store } from './store/store.ts';

type Body = Record<string, unknown>;

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Body; readonly responses: Record<string, Responses> };
}

interface Operation {
  readonly responses: Readonly<Record<string, Responses>>;
}

interface Responses {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema: Body }>>;
}

export interface CallOptions {
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The credential; null for none, by default the first administrator's. */
  readonly credential?: string | null;
  readonly address?: string;
}

export async function managementBed(
  seed = 1,
  store?: Store,
  replaced: Partial<AuthorityPorts> = {},
  config: Partial<AuthorityConfig> = {},
) {
  const bed = await authorityBed(seed, store, config, replaced);
  const description = await describe(bed);
  const documented = createDocumentation(description);

  async function call(method: Method | 'HEAD', target: string, options: CallOptions = {}) {
    const { json, credential = bed.adminKey, address } = options;
    const authorization = credential === null ? {} : { authorization: `Bearer ${credential}` };
    const request = buildRequest(method, target, {
      headers: { ...authorization, ...options.headers },
      ...(json === undefined ? {} : { json }),
      ...(address === undefined ? {} : { remoteAddress: address }),
    });
    const response = await bed.authority.handle(request);
    const { status, headers } = response;
    const type = String(headers['content-type'] ?? '').split(';')[0]!;
    const text = response.body === undefined ? '' : Buffer.from(response.body).toString();
    const isJson = type === 'application/json' || type === 'application/problem+json';
    const body = isJson && text !== '' ? (JSON.parse(text) as Body) : {};
    if (method !== 'HEAD') documented(method, request.path, { status, type, text });
    return { status, headers: headers as Readonly<Record<string, string>>, body, text };
  }

  return {
    ...bed,
    description,
    call,
    /** An admin key with these permissions. */
    async credential(...permissions: string[]): Promise<string> {
      const json = { name: 'limited', permissions };
      const made = await call('POST', '/v1/admin-keys', { json });
      assert.equal(made.status, 201, made.text);
      return String(made.body['key']);
    },
    /** The ETag of what is at a path, as the header that edits it. */
    async ifMatch(path: string): Promise<{ 'if-match': string }> {
      const shown = await call('GET', path);
      return { 'if-match': String(shown.headers['etag']) };
    },
  };
}

async function describe(bed: Awaited<ReturnType<typeof authorityBed>>): Promise<Described> {
  const response = await bed.authority.handle(buildRequest('GET', '/openapi.json'));
  const parsed = parseJson(String(response.body), { depthMax: 64, membersMax: 4096 });
  assert.ok(parsed.ok && response.status === 200, 'the description is served as JSON');
  return parsed.value as unknown as Described;
}

/** @returns a function that fails where an answer is not one that the description has */
function createDocumentation(description: Described) {
  const routable = Object.entries(description.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      return { method: method.toUpperCase() as Method, path, operation };
    }),
  );
  const router = createRouter(routable);
  const validators = new Map<object, z.ZodType>();

  function validatorOf(schema: Body): z.ZodType {
    const known = validators.get(schema);
    if (known !== undefined) return known;
    const $defs = description.components.schemas;
    const text = JSON.stringify({ ...schema, $defs })
      .replaceAll('#/components/schemas/', '#/$defs/')
      // zod takes a reference for an absolute URL.
      .replaceAll(',"format":"uri-reference"', '');
    const made = z.fromJSONSchema(JSON.parse(text));
    validators.set(schema, made);
    return made;
  }

  return (
    method: string,
    path: string,
    answer: { readonly status: number; readonly type: string; readonly text: string },
  ): void => {
    const match = router.match(method, path);
    if (match.kind !== 'found') return;
    const { status, type, text } = answer;
    const where = `${method} ${match.endpoint.path} → ${status}`;
    const direct = match.endpoint.operation.responses[status];
    const name = direct?.$ref?.split('/').at(-1);
    const documented = name === undefined ? direct : description.components.responses[name];
    assert.ok(documented !== undefined, `${where} is not documented: ${text}`);
    if (documented.content === undefined) {
      assert.equal(text, '', `${where} has no body`);
      return;
    }
    const content = documented.content[type];
    assert.ok(content !== undefined, `${where} is not documented as ${type}`);
    if (type === 'application/x-ndjson') return;
    const judged = validatorOf(content.schema).safeParse(JSON.parse(text));
    assert.ok(judged.success, `${where}: ${judged.success ? '' : judged.error.message} in ${text}`);
  };
}

export type ManagementBed = Awaited<ReturnType<typeof managementBed>>;
