/** A little API of things with every kind of endpoint, for tests of the framework. */
import {
  defaultTenant,
  err,
  type HttpResponse,
  manualClock,
  ok,
  StoreFault,
  seededEntropy,
} from '@mintmark/core';
import { z } from 'zod';
import type { Step } from '../../store/act.ts';
import { openMemoryStore } from '../../store/memory/memory-store.ts';
import type { Store } from '../../store/store.ts';
import { createCursors } from './cursor.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { isMatching } from './etag.ts';
import { createManagementApi } from './management-api.ts';
import { buildRequest } from './request-builder.ts';
import { line, pageOf } from './wire-schema.ts';

const thing = z.strictObject({ id: z.string(), name: z.string() });
const ok200 = { 200: { description: 'It.', schema: thing } };

/** What tests turn and look at. */
interface Workshop {
  readonly store: Store;
  made: number;
  holdUp: Promise<void>;
}

export function thingApi() {
  const workshop: Workshop = { store: openMemoryStore(), made: 0, holdUp: Promise.resolve() };
  const clock = manualClock(1_790_000_000_000);
  const faults: unknown[] = [];
  const api = createManagementApi({
    endpoints: [createThing(workshop), listThings, putThing, breakThing],
    store: workshop.store,
    clock,
    entropy: seededEntropy(1),
    cursors: createCursors(new Uint8Array(32)),
    requestKey: new Uint8Array(32),
    authenticate: async (request, { tenant }) => {
      const permissions = request.header('x-permissions')?.split(',');
      if (permissions === undefined) return err({ code: 'unauthenticated' });
      const id = request.header('x-actor') ?? 'root';
      return ok({ tenant, actor: { kind: 'admin_key', id }, permissions });
    },
    onFault: (fault) => faults.push(fault),
  });
  return {
    api,
    workshop,
    clock,
    faults,
    async send(method: string, target: string, input: Parameters<typeof buildRequest>[2] = {}) {
      const request = buildRequest(method, target, {
        ...input,
        headers: { 'x-permissions': '*', ...input.headers },
      });
      const response = await api.handle(request, { tenant: defaultTenant, path: request.path });
      return read(response!);
    },
  };
}

function read(response: HttpResponse) {
  const { status, headers, body } = response;
  return { status, headers, body: typeof body === 'string' ? JSON.parse(body) : body };
}

function createThing(workshop: Workshop): PreparedEndpoint {
  const run = async (steps: readonly Step[]) =>
    (await workshop.store.acts.run({ steps, audit: null })).outcome;
  return endpoint({
    method: 'POST',
    path: '/v1/things',
    operation: 'createThing',
    group: 'things',
    summary: 'Makes one',
    permission: 'keys:write',
    body: z.strictObject({ name: line({ min: 1, max: 10 }), parts: z.array(z.int()).optional() }),
    creates: true,
    answers: { 201: { description: 'Made.', schema: thing } },
    async handle(call) {
      workshop.made++;
      const id = `t${workshop.made}`;
      await workshop.holdUp;
      const secret = { key: `s-${id}` };
      const answer = { status: 201, body: { id, name: call.body.name }, secret };
      const outcome = await run(call.remember(answer));
      return outcome === 'done' ? ok(answer) : err(repeated);
    },
  });
}

const listThings = endpoint({
  method: 'GET',
  path: '/v1/things',
  operation: 'listThings',
  group: 'things',
  summary: 'Lists',
  permission: 'keys:read',
  query: z.strictObject({ kind: z.string().optional() }),
  paged: true,
  answers: { 200: { description: 'A page.', schema: pageOf(thing) } },
  handle({ page }) {
    const start = Number(page.after?.[0] ?? 0);
    const length = page.limit;
    const items = Array.from({ length }, (_, i) => ({ id: `${start + i + 1}`, name: 'x' }));
    return ok({ status: 200, body: { items }, next: [start + length] });
  },
});

const putThing = endpoint({
  method: 'PUT',
  path: '/v1/things/{id}',
  operation: 'putThing',
  group: 'things',
  summary: 'Edits',
  permission: 'keys:write',
  params: z.strictObject({ id: z.string().max(5) }),
  edits: 'always',
  answers: ok200,
  handle({ params, ifMatch }) {
    if (!isMatching(ifMatch!, 3)) return err({ code: 'version_mismatch' });
    return ok({ status: 200, body: { id: params.id, name: 'n' }, version: 4 });
  },
});

const breakThing = endpoint({
  method: 'GET',
  path: '/v1/broken/{how}',
  operation: 'breakThing',
  group: 'things',
  summary: 'Breaks',
  permission: 'keys:read',
  params: z.strictObject({ how: z.string() }),
  answers: ok200,
  handle({ params }) {
    if (params.how === 'store') throw new StoreFault('store_closed', 'closed');
    throw new TypeError('a bug');
  },
});
