/** `mintmark notice …`: what owners of credentials were told. */
import type { Command } from '../command.ts';
import { table } from '../style.ts';
import { cell, list, maxOption } from './send.ts';

const listNotices: Command = {
  name: 'notice list',
  summary: 'lists what owners of credentials were told, newest first',
  options: [
    { flags: '--status <status>', description: 'waiting, told, kept or failed only' },
    maxOption,
  ],
  examples: [
    ['mintmark notice list', 'who was told what'],
    ['mintmark notice list --status kept', 'what reached nobody'],
  ],
  run(invocation) {
    const query = { status: invocation.options.text('status') };
    return list(invocation, { path: '/v1/notices', query }, (style, items) =>
      table(
        style,
        ['CREATED', 'STATUS', 'KIND', 'OWNER', 'ID'],
        items.map((item) => [
          cell(item, 'created_at'),
          cell(item, 'status'),
          cell(item, 'kind'),
          cell(item, 'owner'),
          cell(item, 'id'),
        ]),
      ),
    );
  },
};

export const noticeCommands: readonly Command[] = [listNotices];
