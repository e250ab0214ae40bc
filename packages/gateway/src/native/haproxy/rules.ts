/** The few shapes of lines that the sections are made of. */

/** A section: its head, and the lines under it. */
export function section(head: string, lines: readonly string[]): string {
  return [head, ...lines.map((line) => (line === '' ? line : `    ${line}`))].join('\n');
}

/** Sets `txn.‹name›`. @param condition `if …` or `unless …` */
export function set(name: string, expression: string, condition?: string): string {
  return when(`http-request set-var(txn.${name}) ${expression}`, condition);
}

export function acl(name: string, test: string): string {
  return `acl ${name} ${test}`;
}

/** A rule of requests. */
export function request(action: string, condition?: string): string {
  return when(`http-request ${action}`, condition);
}

function when(rule: string, condition: string | undefined): string {
  return condition === undefined ? rule : `${rule} ${condition}`;
}
