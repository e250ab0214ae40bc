/** What a rule says about one line of one file. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
  readonly level: 'fail' | 'warn';
}

export function fail(path: string, line: number, rule: string, message: string): Finding {
  return { path, line, rule, message, level: 'fail' };
}
