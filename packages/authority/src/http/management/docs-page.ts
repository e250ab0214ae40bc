/**
 * `/openapi.json` and `/docs`: the description for tools, and the same for people, as one page
 * without any script. Both are made once, when the authority starts.
 */
import { createHash } from 'node:crypto';
import { ok, type TenantId } from '@mintmark/core';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { describeApi, type OpenApiInput, problemsOf } from './openapi.ts';
import { problems } from './problem.ts';

/** @param input.serverOf base URL of a tenant's API, as its users see it */
export function docsEndpoints(
  input: OpenApiInput & { readonly serverOf: (tenant: TenantId) => string },
): readonly PreparedEndpoint[] {
  const description = JSON.stringify(describeApi(input));
  const serversOf = (server: string): string => JSON.stringify({ servers: [{ url: server }] });
  const ofTenant = (text: string, tenant: TenantId): string =>
    text.replace(serversOf(input.server).slice(1, -1), () =>
      serversOf(input.serverOf(tenant)).slice(1, -1),
    );
  const page = renderPage(input);
  const headers = {
    // Nothing runs and nothing is loaded; the one style is named by its hash.
    'content-security-policy': `default-src 'none'; style-src '${hashOf(style)}'; ${framing}`,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  };
  return [
    endpoint({
      method: 'GET',
      path: '/openapi.json',
      operation: 'describe',
      group: 'description',
      summary: 'This description',
      permission: undefined,
      hidden: true,
      answers: { 200: { description: 'OpenAPI 3.1.', contentType: 'application/json' } },
      handle: ({ tenant }) => ok({ status: 200, text: ofTenant(description, tenant) }),
    }),
    endpoint({
      method: 'GET',
      path: '/docs',
      operation: 'readDocs',
      group: 'description',
      summary: 'This description for people',
      permission: undefined,
      hidden: true,
      answers: { 200: { description: 'A page.', contentType: 'text/html; charset=utf-8' } },
      handle: () => ok({ status: 200, text: page, headers }),
    }),
  ];
}

const framing = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const style = `
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}
section{border-top:1px solid #8886;padding:.5rem 0}
h3{margin:.5rem 0}
h3 b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse}
td{padding:.15rem .8rem .15rem 0;vertical-align:top}
:root{color-scheme:light dark}
`;

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function renderPage({ endpoints, version, server }: OpenApiInput): string {
  const shown = endpoints.filter((one) => one.hidden !== true);
  const groups = [...new Set(shown.map((one) => one.group))];
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    `<title>Mintmark management API</title><style>${style}</style>`,
    `<h1>Mintmark management API</h1><p>Version ${escapeHtml(version)} at `,
    `<code>${escapeHtml(server)}</code>. `,
    'For tools: <a href="/openapi.json">/openapi.json</a>.</p>',
    ...groups.map((group) => `<a href="#${anchor(group)}">${escapeHtml(group)}</a> · `),
    '<a href="#problems">problems</a>',
    ...groups.flatMap((group) => [
      `<h2 id="${anchor(group)}">${escapeHtml(group)}</h2>`,
      ...shown.filter((one) => one.group === group).map(renderEndpoint),
    ]),
    '<h2 id="problems">Problems</h2>',
    '<p>Errors are RFC 9457 problem documents with one of these codes.</p><table>',
    ...Object.entries(problems).map(
      ([code, { status, title }]) =>
        `<tr id="${code}"><td><code>${code}</code><td>${status}<td>${escapeHtml(title)}</tr>`,
    ),
    '</table></html>',
  ].join('\n');
}

function renderEndpoint(one: PreparedEndpoint): string {
  const { method, path, summary, description, permission, operation } = one;
  const answers = Object.entries(one.answers).map(
    ([status, answer]) => `<tr><td>${status}<td>${escapeHtml(answer.description)}</tr>`,
  );
  const refusals = problemsOf(one).map((code) => {
    return `<tr><td>${problems[code].status}<td><a href="#${code}">${code}</a></tr>`;
  });
  return [
    `<section id="${operation}"><h3><b>${method}</b> <code>${escapeHtml(path)}</code></h3>`,
    `<p>${escapeHtml(summary)}. ${escapeHtml(description ?? '')}</p>`,
    permission === undefined ? '' : `<p>Permission: <code>${permission}</code></p>`,
    renderMembers('Query', one.query.shape),
    renderMembers('Body', membersOf(one.body)),
    `<details><summary>Answers</summary><table>${answers.join('')}${refusals.join('')}</table>`,
    '</details></section>',
  ].join('');
}

function membersOf(body: PreparedEndpoint['body']): Readonly<Record<string, unknown>> {
  return body !== undefined && 'shape' in body ? (body.shape as Record<string, unknown>) : {};
}

interface Member {
  readonly description?: string | undefined;
  safeParse(value: unknown): { readonly success: boolean };
}

function renderMembers(title: string, shape: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(shape as Readonly<Record<string, Member>>).map(([name, member]) => {
    const needed = member.safeParse(undefined).success ? '' : 'required';
    const about = escapeHtml(member.description ?? '');
    return `<tr><td><code>${escapeHtml(name)}</code><td>${needed}<td>${about}</tr>`;
  });
  return rows.length === 0 ? '' : `<p>${title}</p><table>${rows.join('')}</table>`;
}

function anchor(group: string): string {
  return group.replaceAll(' ', '-');
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
