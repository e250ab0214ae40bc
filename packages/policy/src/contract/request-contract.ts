/**
 * What a request of one operation may hold: parameters of path, query, headers and cookies, and the
 * body. Judged on what the upstream will read; the answer says where and by which rule, and never
 * what stood there.
 */
import {
  type ApiView,
  type BodyView,
  type JsonValue,
  limits,
  type ParameterView,
  parseJson,
  pointerToken,
  type RequestView,
  type Result,
} from '@mintmark/core';
import { compiling, judgeValue, openSchemas, type SchemaRefusal, type Schemas } from './schema.ts';
import type { Check, Misfit } from './walk.ts';

/** Where in a request, and which rule. */
export interface RequestMisfit extends Misfit {
  readonly in: ParameterView['in'] | 'body';
}

export interface RequestHead {
  /** Values of the path's variables, decoded. */
  readonly path: Readonly<Record<string, string>>;
  /** Without `?`; undefined where there is none. */
  readonly query: string | undefined;
  header(name: string): string | undefined;
}

/** What becomes of a body of the media type that was sent. */
export type BodyPlan =
  | { readonly kind: 'none' }
  /** Not described further: it goes on as it comes. */
  | { readonly kind: 'pass' }
  /** To be held and judged. */
  | { readonly kind: 'judge'; judge(text: string): readonly RequestMisfit[] }
  | { readonly kind: 'misfit'; readonly misfit: RequestMisfit };

export interface RequestContract {
  judgeHead(head: RequestHead): readonly RequestMisfit[];
  /** @param body undefined where none was sent */
  planBody(body: { readonly mediaType: string | undefined } | undefined): BodyPlan;
}

/** Compiles the requests of an API; each of them when it is first asked for. */
export function openContracts(
  view: Pick<ApiView, 'operations' | 'schemas'>,
): (operation: string) => RequestContract | undefined {
  const schemas = openSchemas(view.schemas ?? {});
  const described = new Map(view.operations.map(({ operation, request }) => [operation, request]));
  const made = new Map<string, RequestContract | undefined>();
  return (operation) => {
    if (made.has(operation)) return made.get(operation);
    const request = described.get(operation);
    const compiled = request && compiling(() => compileRequest(request, schemas, ''));
    const contract = compiled?.ok === true ? compiled.value : undefined;
    made.set(operation, contract);
    return contract;
  };
}

/** Whether all of them can be compiled, for whoever writes an API. */
export function checkContracts(
  view: Pick<ApiView, 'operations' | 'schemas'>,
): Result<undefined, SchemaRefusal> {
  return compiling(() => {
    const schemas = openSchemas(view.schemas ?? {});
    for (const [index, { request }] of view.operations.entries()) {
      if (request !== undefined) compileRequest(request, schemas, `/operations/${index}/request`);
    }
    return undefined;
  });
}

function compileRequest(view: RequestView, schemas: Schemas, pointer: string): RequestContract {
  const parameters = view.parameters.map((parameter, index) => ({
    ...parameter,
    check: schemas.compile(parameter.schema, `${pointer}/parameters/${index}/schema`),
  }));
  const content = new Map<string, Check | true>();
  for (const [type, schema] of Object.entries(view.body?.content ?? {})) {
    const where = `${pointer}/body/content/${pointerToken(type)}`;
    content.set(type.toLowerCase(), schema === true ? true : schemas.compile(schema, where));
  }
  return {
    judgeHead: (head) => judgeHead(parameters, head),
    planBody: (body) => planBody(view.body, content, body),
  };
}

interface Parameter extends ParameterView {
  readonly check: Check;
}

function judgeHead(parameters: readonly Parameter[], head: RequestHead): RequestMisfit[] {
  const query = readPairs(head.query ?? '');
  if (query === undefined) return [{ in: 'query', pointer: '', rule: 'not_utf8' }];
  const out: RequestMisfit[] = [];
  for (const parameter of parameters) {
    const at = { in: parameter.in, pointer: `/${pointerToken(parameter.name)}` };
    const found = valuesOf(parameter, head, query);
    if (found === undefined) {
      if (parameter.required) out.push({ ...at, rule: 'required' });
    } else if (typeof found === 'string') {
      out.push({ ...at, rule: found });
    } else {
      const misfits = judgeCandidates(parameter.check, found);
      out.push(
        ...misfits.map(({ pointer, rule }) => ({ ...at, pointer: at.pointer + pointer, rule })),
      );
    }
  }
  return out.slice(0, limits.misfitsMax);
}

/** What was sent may be one value, or a list of parts. */
interface Candidates {
  readonly candidates: readonly JsonValue[];
  /** It is JSON, with types of its own. */
  readonly typed?: true;
}

/** @returns undefined where it was not sent; a text is the rule that its form broke */
function valuesOf(
  { name, in: place, style }: Parameter,
  head: RequestHead,
  query: Pairs,
): Candidates | string | undefined {
  if (place === 'query' && style === 'members') return membersOf(name, query);
  const sent = sentOf(name, place, head, query);
  if (sent === undefined || sent.length === 0) return undefined;
  if (sent.length > limits.parameterValuesMax) return 'too_many';
  if (style === 'json') {
    const parsed = sent.length === 1 ? parseJson(sent[0]!) : undefined;
    return parsed?.ok === true ? { candidates: [parsed.value], typed: true } : 'json';
  }
  const separator = separators[style];
  const parts = separator === undefined ? sent : sent.flatMap((text) => text.split(separator));
  if (parts.length > limits.parameterValuesMax) return 'too_many';
  // Of two values of what is no list, servers take one or the other.
  return { candidates: sent.length === 1 && parts.length === 1 ? [sent[0]!] : listOf(sent, parts) };
}

function listOf(sent: readonly string[], parts: readonly string[]): readonly JsonValue[] {
  return sent.length === 1 ? [sent[0]!, parts] : [parts];
}

const separators: Readonly<Record<string, string | undefined>> = {
  commas: ',',
  spaces: ' ',
  pipes: '|',
};

function sentOf(
  name: string,
  place: ParameterView['in'],
  head: RequestHead,
  query: Pairs,
): readonly string[] | undefined {
  if (place === 'query') return query.get(name);
  if (place === 'path') {
    const value = Object.hasOwn(head.path, name) ? head.path[name] : undefined;
    return value === undefined ? undefined : [value];
  }
  if (place === 'header') {
    const value = head.header(name.toLowerCase());
    return value === undefined ? undefined : [value];
  }
  const cookies = head.header('cookie')?.split(/; */) ?? [];
  return cookies
    .filter((one) => one.startsWith(`${name}=`))
    .map((one) => one.slice(name.length + 1));
}

function judgeCandidates(check: Check, { candidates, typed }: Candidates): readonly Misfit[] {
  let last: readonly Misfit[] = [];
  for (const candidate of candidates) {
    last = judgeValue(check, candidate, typed === true ? 'json' : 'text');
    if (last.length === 0) return [];
  }
  return last;
}

type Pairs = ReadonlyMap<string, readonly string[]>;

/** As forms are read (URL standard §5.1). @returns undefined for what is not UTF-8 */
export function readPairs(text: string): Pairs | undefined {
  const pairs = new Map<string, string[]>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const [name, value] = [
      decoded(equals < 0 ? pair : pair.slice(0, equals)),
      decoded(equals < 0 ? '' : pair.slice(equals + 1)),
    ];
    if (name === undefined || value === undefined) return undefined;
    const same = pairs.get(name);
    if (same === undefined) pairs.set(name, [value]);
    else same.push(value);
  }
  return pairs;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** `filter[name]=value`: an object of one level. */
function membersOf(name: string, query: Pairs): Candidates | string | undefined {
  const object: Record<string, JsonValue> = {};
  for (const [key, values] of query) {
    if (!key.startsWith(`${name}[`) || !key.endsWith(']')) continue;
    const member = key.slice(name.length + 1, -1);
    if (member === '__proto__' || /[[\]]/.test(member)) return 'members';
    object[member] = values.length === 1 ? values[0]! : values;
  }
  return Object.keys(object).length === 0 ? undefined : { candidates: [object] };
}

function planBody(
  view: BodyView | undefined,
  content: ReadonlyMap<string, Check | true>,
  body: { readonly mediaType: string | undefined } | undefined,
): BodyPlan {
  const misfit = (rule: string): BodyPlan => {
    return { kind: 'misfit', misfit: { in: 'body', pointer: '', rule } };
  };
  if (body === undefined) return view?.required === true ? misfit('required') : { kind: 'none' };
  if (view === undefined) return misfit('unexpected');
  const type = (body.mediaType ?? '').split(';')[0]!.trim().toLowerCase();
  const check = content.get(type) ?? content.get(`${type.split('/')[0]}/*`) ?? content.get('*/*');
  if (check === undefined || !/^[^\s/;,]+\/[^\s/;,]+$/.test(type)) return misfit('media_type');
  if (check === true) return { kind: 'pass' };
  if (/^application\/(?:[^;]*\+)?json$/.test(type)) {
    return { kind: 'judge', judge: (text) => judgeJson(check, text) };
  }
  if (type === 'application/x-www-form-urlencoded') {
    return { kind: 'judge', judge: (text) => judgeForm(check, text) };
  }
  // A schema for whatever comes is none that a client may step around by the name of its type.
  return content.has(type) ? { kind: 'pass' } : misfit('media_type');
}

function judgeJson(check: Check, text: string): readonly RequestMisfit[] {
  const bounds = { depthMax: limits.judgedJsonDepthMax, membersMax: limits.judgedJsonMembersMax };
  const parsed = parseJson(text, bounds);
  if (!parsed.ok) return [{ in: 'body', pointer: '', rule: parsed.refusal.reason }];
  return judgeValue(check, parsed.value).map((misfit) => ({ in: 'body', ...misfit }));
}

/** Fields once, or as a list; each by what its text may stand for. */
function judgeForm(check: Check, text: string): readonly RequestMisfit[] {
  const pairs = readPairs(text);
  if (pairs === undefined) return [{ in: 'body', pointer: '', rule: 'not_utf8' }];
  const members = [...pairs].filter(([name]) => name !== '__proto__');
  const object = Object.fromEntries(
    members.map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
  );
  return judgeValue(check, object, 'text').map((misfit) => ({ in: 'body', ...misfit }));
}
