/** Audit records as a person reads them. */
import { type Style, table } from '../style.ts';
import { cell, type Item } from './send.ts';

const heading = ['TIME', 'ACTION', 'OBJECT', 'BY', 'RESULT', 'WHY'];

/** With a column of addresses where personal data was asked for. */
export function recordTable(style: Style, items: readonly Item[]): string {
  const hasPersonal = items.some((item) => item['personal'] !== undefined);
  return hasPersonal
    ? table(
        style,
        ['FROM', ...heading],
        items.map((item) => [addressOf(item), ...cells(item)]),
      )
    : table(style, heading, items.map(cells));
}

/** One record on a line of its own, for a tail that goes on. */
export function recordLine(item: Item): string {
  return cells(item)
    .filter((text) => text !== '')
    .join('  ');
}

function cells(item: Item): string[] {
  if (item['unreadable'] === true) return [cell(item, 'time'), 'unreadable', '', '', '', ''];
  return [
    cell(item, 'time'),
    cell(item, 'action'),
    ended(item) ?? party(item['object']),
    party(item['actor']),
    cell(item, 'result'),
    cell(item, 'why'),
  ];
}

function addressOf(item: Item): string {
  return cell((item['personal'] ?? {}) as Item, 'address');
}

/** The record of a narrower thing's end is kept with the wider one: say which of them ended. */
function ended(item: Item): string | undefined {
  const { target_kind: kind, target_id: id } = (item['detail'] ?? {}) as Item;
  const isNarrower = item['action'] === 'revocation.create' && kind === 'sub_key';
  return isNarrower ? party({ kind, id }) : undefined;
}

function party(value: unknown): string {
  const { kind, id } = (value ?? {}) as { readonly kind?: string; readonly id?: string };
  return kind === undefined ? '' : `${kind}:${id}`;
}
