/** `mintmark assertion-issuer …`: who outside may vouch for whom. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, send } from './send.ts';

const path = '/v1/assertion-issuers';
const nameOperand = { name: '<name>', description: 'the name of the issuer here' };

const listIssuers: Command = {
  name: 'assertion-issuer list',
  summary: 'lists issuers whose assertions are grants',
  description: 'They are written with "mintmark apply".',
  options: [maxOption],
  examples: [['mintmark assertion-issuer list', 'who may vouch for workloads and people']],
  run: (invocation) =>
    list(invocation, { path }, (style, items) =>
      table(
        style,
        ['NAME', 'ISSUER', 'ALGORITHMS', 'RULES'],
        items.map((item) => [
          cell(item, 'name'),
          cell(item, 'issuer'),
          cell(item, 'algorithms'),
          String(((item['rules'] ?? []) as readonly Item[]).length),
        ]),
      ),
    ),
};

const show: Command = {
  name: 'assertion-issuer show',
  summary: 'shows an issuer as "mintmark apply" takes it',
  operands: [nameOperand],
  examples: [['mintmark assertion-issuer show github', 'its keys and its rules']],
  run: (invocation) =>
    send(
      invocation,
      { method: 'GET', path: pathOf`/v1/assertion-issuers/${invocation.operands[0] as string}` },
      (_, body) => JSON.stringify(body, null, 2),
    ),
};

const remove: Command = {
  name: 'assertion-issuer delete',
  summary: 'trusts an issuer no more; tokens that it gave live to their end',
  operands: [nameOperand],
  examples: [['mintmark assertion-issuer delete github', 'its assertions give nothing any more']],
  async run(invocation) {
    const name = invocation.operands[0] as string;
    const one = pathOf`/v1/assertion-issuers/${name}`;
    const outcome = await edit(invocation, { method: 'DELETE', path: one, read: one }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

export const assertionIssuerCommands: readonly Command[] = [listIssuers, show, remove];
