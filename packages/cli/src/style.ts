/** How text looks on a terminal: few colours, and none where nobody sees them. */

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
}

const plain = (text: string): string => text;

/** @param colours from `wantsColours` */
export function styleOf({ colours }: { readonly colours: boolean }): Style {
  const code = (start: number, end: number) => (text: string) =>
    `\u001b[${start}m${text}\u001b[${end}m`;
  return colours
    ? {
        bold: code(1, 22),
        dim: code(2, 22),
        good: code(32, 39),
        warn: code(33, 39),
        bad: code(31, 39),
      }
    : { bold: plain, dim: plain, good: plain, warn: plain, bad: plain };
}

/** Colours only where a person reads along, and never with NO_COLOR (no-color.org). */
export function wantsColours(
  isInteractive: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const refused = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return isInteractive && !refused;
}

/** Names and values under one another, aligned; undefined and null are left out. */
export function fields(
  style: Style,
  rows: readonly (readonly [string, string | number | boolean | null | undefined])[],
): string {
  const shown = rows.filter(([, value]) => value !== undefined && value !== null);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${style.dim(name.padEnd(width))}  ${printable(String(value))}`)
    .join('\n');
}

/** Rows under a heading, each column as wide as its widest cell. */
export function table(
  style: Style,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = heading.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!)))
      .join('  ');
  return [style.dim(line(heading)), ...cells.map(line)].join('\n');
}

/** What a stranger named must not move the cursor or forge a line of its own. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}
