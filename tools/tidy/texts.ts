/**
 * What no file of the repository may hold: the host of a registry, a path of somebody's machine.
 */
import { type Finding, fail } from './finding.ts';
import type { Tree } from './tree.ts';

const registryHosts = [
  /\/\/(?:registry|proxy|index|static|repo1?|deb|files)\.[a-z]/,
  /\bregistry\.[a-z]+\.(?:org|com|dev)\b/,
  /\b(?:pypi|pythonhosted|rubygems)\.org\b/,
  /\b(?:proxy|sum)\.golang\.org\b/,
];

/** Folders in which a developer's or a build machine's files lie. */
const machinePaths = /(?<![\w.$}~-])\/(?:work|root|home|Users|builds?)\/[\w.]/;

export function checkTexts(tree: Tree): Finding[] {
  const findings: Finding[] = [];
  for (const [path, text] of tree.texts) {
    if (path === 'package-lock.json') findings.push(...checkLock(path, text));
    text.split('\n').forEach((line, index) => {
      if (registryHosts.some((pattern) => pattern.test(line))) {
        findings.push(fail(path, index + 1, 'hosts', 'names the host of a registry'));
      }
      if (machinePaths.test(line)) {
        findings.push(fail(path, index + 1, 'paths', 'names a path of one machine'));
      }
    });
  }
  return findings;
}

function checkLock(path: string, text: string): Finding[] {
  const lock = JSON.parse(text) as { packages?: Record<string, { resolved?: string }> };
  return Object.entries(lock.packages ?? {})
    .filter(([, entry]) => entry.resolved?.includes('://'))
    .map(([name]) => fail(path, 1, 'hosts', `${name} carries a URL: install again with .npmrc`));
}
