/**
 * The Cedar schema of what is asked: the principals and the context that `access-request.ts`
 * builds, as actions the operations of an API and the issuance of a token. Policies that fit it ask
 * for nothing that a request cannot have.
 */
import type { ApiOperation } from '@mintmark/core';
import { isIdentifier } from '../entity-uid.ts';

const methodNames = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

const entities = `// Who asks. Roles and groups are what a principal is in, and are listed too.
entity Role;
entity Group;
entity User, Client in [Role, Group] = {
  tenant: String,
  scopes: Set<String>,
  roles: Set<String>,
  groups: Set<String>,
  client?: String,
};
entity Key in [Role, Group] = {
  tenant: String,
  scopes: Set<String>,
  roles: Set<String>,
  groups: Set<String>,
  owner?: String,
  environment?: String,
  plan?: String,
  client?: String,
};
// Whoever showed no credential, where the route takes none.
entity Anonymous;

// What is asked for: a route of the gateway, in the API behind it.
entity Api;
entity Route in [Api] = {
  path: String,
  host?: String,
};
// What a token is for.
entity Audience;
`;

const momentMembers = `    scopes: Set<String>,
    bound: Bool,
    binding?: String,
    acr?: String,
    amr?: Set<String>,
    auth_time?: Long,
    address?: ipaddr,
    country?: String,
    risk?: Long,
    threats?: Set<String>,
    time: {
      timestamp: Long,
      hour: Long,
      minute: Long,
      weekday: Long,
    },
`;

const contextMembers = `    method: String,
    path: String,
    host?: String,
    credential: String,
${momentMembers}`;

/** As `authority/src/policies/judge-issuance.ts` asks it. */
const issuance = `action "issue" appliesTo {
  principal: [User, Client],
  resource: [Audience],
  context: {
    grant: String,
    client_authentication: String,
    audience: Set<String>,
    format: String,
    lifetime: Long,
    actor?: String,
    assertion_issuer?: String,
${momentMembers}  },
};
`;

/** @param operations of an API; none: methods alone are actions */
export function cedarSchemaOf(operations: readonly ApiOperation[]): string {
  const named = new Set(operations.map(({ operation }) => operation));
  const plain = methodNames.filter((name) => !named.has(name));
  const actions = [
    ...plain.map((name) => action({ name, parents: name === 'HEAD' ? ['GET'] : [] })),
    ...operations.map(({ operation, method, path }) =>
      action({ name: operation, parents: parentsOf(operation, method), path }),
    ),
    ...(named.has('issue') ? [] : [issuance]),
  ];
  return `${entities}\n${actions.join('\n')}`;
}

function parentsOf(operation: string, method: string): readonly string[] {
  if (operation === method) return [];
  return method === 'HEAD' ? ['HEAD', 'GET'] : [method];
}

function action(input: {
  readonly name: string;
  readonly parents: readonly string[];
  readonly path?: string;
}): string {
  const { name, parents, path = '' } = input;
  const variables = [...path.matchAll(/\{([^{}]+)\}/g)].map((found) => found[1]!);
  const members = variables.map((variable) => `${attributeName(variable)}: String`);
  const above = parents.length === 0 ? '' : ` in [${parents.map(quoted).join(', ')}]`;
  // Where no operation is known there are no variables to ask for.
  const parameters = path === '' ? '' : `    parameters: { ${members.join(', ')} },\n`;
  return `action ${quoted(name)}${above} appliesTo {
  principal: [User, Client, Key, Anonymous],
  resource: [Route],
  context: {
${contextMembers}${parameters}  },
};
`;
}

function attributeName(text: string): string {
  return isIdentifier(text) ? text : quoted(text);
}

/** As Cedar writes text: JSON's escapes are its own, but for those of code points. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/\\u([0-9a-f]{4})/g, '\\u{$1}');
}
