/** `/v1/routes`: what gateways send where. A route is written and replaced as a whole. */
import { err, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import { type DeleteRouteRefusal, deleteRoute } from '../../admin/delete-route.ts';
import {
  type PutRouteRefusal,
  putRoute,
  type RoutePorts,
  type RouteRow,
} from '../../admin/put-route.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import { routeSchema } from './route-schema.ts';
import { momentOut, pageOf, renderMoment } from './wire-schema.ts';

const group = 'routes';

const routeName = z.strictObject({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/) });

/** The parser is `parseRoute` of core, which gateways use too; this is how it is described. */
const routeBody = z
  .record(z.string(), z.unknown())
  .meta({ id: 'RouteSettings', wire: routeSchema });

const route = z
  .looseObject({ name: z.string(), upstream: z.string(), updated_at: momentOut })
  .meta({ id: 'Route' });

export function routeEndpoints(ports: RoutePorts): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), put(ports), remove(ports)];
}

function renderRoute(row: RouteRow): Readonly<Record<string, unknown>> {
  return { ...row.route, updated_at: renderMoment(row.updatedAt) };
}

function list(ports: RoutePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/routes',
    operation: 'listRoutes',
    group,
    summary: 'Lists routes by name',
    permission: 'routes:read',
    paged: true,
    answers: { 200: { description: 'A page of routes.', schema: pageOf(route) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.routes.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [last.tenant, last.name]);
      return ok({ status: 200, body: { items: shown.map(renderRoute) }, next });
    },
  });
}

function show(ports: RoutePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/routes/{name}',
    operation: 'showRoute',
    group,
    summary: 'Shows a route',
    permission: 'routes:read',
    params: routeName,
    answers: { 200: { description: 'The route.', schema: route } },
    async handle({ tenant, params }) {
      const row = await ports.store.routes.get(tenant, params.name);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderRoute(row), version: row.version });
    },
  });
}

function put(ports: RoutePorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: '/v1/routes/{name}',
    operation: 'putRoute',
    group,
    summary: 'Writes a route: makes it, or replaces it as a whole',
    description: 'Replacing needs `If-Match`; gateways know the new route within a second.',
    permission: 'routes:write',
    params: routeName,
    body: routeBody,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: route },
      201: { description: 'Made.', schema: route },
    },
    problems: ['wrong_state'],
    async handle({ requester, params, body, ifMatch }) {
      const { name = params.name, ...wire } = body;
      if (name !== params.name) return err(misnamed);
      const written = await putRoute(ports, {
        requester,
        name: params.name,
        wire,
        isSeen: ifMatch && ((version) => isMatching(ifMatch, version)),
      });
      if (!written.ok) return err(putProblem(written.refusal));
      const { row, created } = written.value;
      return ok({ status: created ? 201 : 200, body: renderRoute(row), version: row.version });
    },
  });
}

const misnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/name', message: 'is not the name in the path' }],
};

function putProblem(refusal: PutRouteRefusal): Problem {
  switch (refusal.reason) {
    case 'malformed': {
      const { path, message } = refusal.refusal;
      return { code: 'invalid_body', errors: [{ pointer: path, message }] };
    }
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.routesMax} routes` };
  }
}

function remove(ports: RoutePorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/routes/{name}',
    operation: 'deleteRoute',
    group,
    summary: 'Takes a route away',
    permission: 'routes:write',
    params: routeName,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    async handle({ requester, params, ifMatch }) {
      const removed = await deleteRoute(ports, {
        requester,
        name: params.name,
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      if (!removed.ok) return err(deleteProblem(removed.refusal));
      return ok({ status: 204 });
    },
  });
}

function deleteProblem(refusal: DeleteRouteRefusal): Problem {
  return { code: refusal.reason };
}
