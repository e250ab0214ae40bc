/**
 * Versions of Node with published security defects that touch what Mintmark uses, from the "This is
 * a security release" entries of Node's own change logs (read 2026-11-21). The lockfile pins a good
 * one; this is for those who run another.
 */

interface SecurityRelease {
  /** Everything of the same line that is older has the defects. */
  readonly fixedIn: string;
  readonly defects: string;
}

const julyRelease = 'CVE-2026-56848 in http2, CVE-2026-58040 in https session reuse and more';

const lines: Readonly<Record<number, SecurityRelease>> = {
  24: { fixedIn: '24.18.1', defects: julyRelease },
  26: { fixedIn: '26.5.1', defects: julyRelease },
};

export interface NodeVerdict {
  readonly verdict: 'pass' | 'warn' | 'fail';
  readonly message: string;
}

/** @param version as `process.version` spells it, `v26.10.0` */
export function judgeNode(version: string): NodeVerdict {
  const number = version.replace(/^v/, '');
  const line = Number(number.split('.')[0]);
  const known = lines[line];
  if (line < 24) {
    return { verdict: 'fail', message: `Node ${number} is too old; the floor is 24` };
  }
  if (known === undefined) {
    return { verdict: 'warn', message: `Node ${number} is of a line that nobody here has tried` };
  }
  if (compare(number, known.fixedIn) < 0) {
    const message = `Node ${number} has ${known.defects}; ${known.fixedIn} mends them`;
    return { verdict: 'fail', message };
  }
  return { verdict: 'pass', message: `Node ${number}` };
}

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (left![part] ?? 0) - (right![part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
