/** `mintmark api …`: what can be done at the routes that name an API. */
import { ok } from '@mintmark/core';
import { readOpenApi } from '@mintmark/policy';
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { readYamlFile } from '../policy/policy-file.ts';
import { table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, send, usage } from './send.ts';

const nameOperand = { name: '<name>', description: 'the name of the API, as routes say it' };
const pathTo = (name: string): string => pathOf`/v1/apis/${name}`;

const put: Command = {
  name: 'api put',
  summary: 'writes an API from its OpenAPI description',
  description:
    'Its operations become the actions of policies at the routes that name the API. The path of ' +
    'the first server stands in front of its paths, as the upstream itself is asked.',
  operands: [nameOperand, { name: '<openapi>', description: 'OpenAPI 3.x, YAML or JSON' }],
  options: [
    { flags: '--base-path <path>', description: 'in place of the path of the first server' },
    { flags: '--allow-unlisted', description: 'lets through what is none of its operations' },
    { flags: '--requests', description: 'also what requests may hold, for routes with validate' },
  ],
  examples: [['mintmark api put petstore openapi.yaml', 'for routes with "api: petstore"']],
  async run(invocation) {
    const { operands, options } = invocation;
    const [name, file] = operands as readonly [string, string];
    const document = await readYamlFile(file);
    if (!document.ok) return document;
    const described = readOpenApi(document.value, { requests: options.flag('requests') });
    if (!described.ok)
      return usage(`${file}${described.refusal.pointer}: ${described.refusal.message}`);
    const api = await invocation.api();
    if (!api.ok) return api;
    const seen = await api.value.call({ method: 'GET', path: pathTo(name) });
    const isNew = !seen.ok && seen.refusal.reason === 'refused' && seen.refusal.status === 404;
    if (!seen.ok && !isNew) return seen;
    const body = {
      base_path: options.text('base-path') ?? described.value.basePath,
      operations: described.value.operations,
      ...(described.value.schemas === undefined ? {} : { schemas: described.value.schemas }),
      ...(options.flag('allow-unlisted') ? { unlisted: 'by_method' } : {}),
    };
    const ifMatch = seen.ok ? seen.value.etag : undefined;
    return send(invocation, { method: 'PUT', path: pathTo(name), body, ifMatch }, (style, made) =>
      style.good(`${cell(made, 'name')}: ${(made['operations'] as unknown[]).length} operations`),
    );
  },
};

const listApis: Command = {
  name: 'api list',
  summary: 'lists APIs by name',
  options: [maxOption],
  examples: [['mintmark api list', 'which APIs routes may name']],
  run: (invocation) =>
    list(invocation, { path: '/v1/apis' }, (style, items) =>
      table(
        style,
        ['NAME', 'BASE PATH', 'OPERATIONS'],
        items.map((item) => [
          cell(item, 'name'),
          cell(item, 'base_path'),
          String((item['operations'] as unknown[]).length),
        ]),
      ),
    ),
};

const show: Command = {
  name: 'api show',
  summary: 'shows the operations of an API',
  operands: [nameOperand],
  examples: [['mintmark api show petstore', 'the actions that policies may name']],
  run: (invocation) =>
    send(
      invocation,
      { method: 'GET', path: pathTo(invocation.operands[0] as string) },
      (style, body) =>
        table(
          style,
          ['OPERATION', 'METHOD', 'PATH'],
          (body['operations'] as readonly Item[]).map((one) =>
            ['operation', 'method', 'path'].map((name) => cell(one, name)),
          ),
        ),
    ),
};

const remove: Command = {
  name: 'api delete',
  summary: 'takes an API away that no route names',
  operands: [nameOperand],
  examples: [['mintmark api delete petstore', 'its operations are no actions any more']],
  async run(invocation) {
    const name = invocation.operands[0] as string;
    const path = pathTo(name);
    const outcome = await edit(invocation, { method: 'DELETE', path, read: path }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

export const apiCommands: readonly Command[] = [put, listApis, show, remove];
