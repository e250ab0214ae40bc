/**
 * Runs git for a scan. The repository may be anybody's: nothing in its configuration may start a
 * program (file monitors, hooks, signature checkers, external differs, filters), nothing is
 * fetched, nothing is written.
 */

import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ConfigFault } from '@mintmark/core';

const safe = [
  '--no-pager',
  '--no-optional-locks',
  ...[
    'core.fsmonitor=false',
    'core.hooksPath=/dev/null',
    'core.quotePath=false',
    // A signature is checked by whatever program the repository names.
    'log.showSignature=false',
  ].flatMap((one) => ['-c', one]),
];

export interface Git {
  /** Output of a command as text. @throws ConfigFault `git_failed` */
  text(args: readonly string[]): Promise<string>;
  /**
   * The contents of objects, as `cat-file --batch` puts them out.
   *
   * @param ids the ids, one a line, or a command of git that lists them
   * @throws ConfigFault `git_failed`
   */
  objects(
    ids: { readonly list: string } | { readonly from: readonly string[] },
  ): AsyncIterable<Buffer>;
}

/** @param environment of this process: git needs PATH and its own settings of the user */
export function gitIn(
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
): Git {
  const env = {
    ...environment,
    // Unlike `protocol.allow` it stands above what the repository allows: no protocol is so named.
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_NO_LAZY_FETCH: '1',
    GIT_TERMINAL_PROMPT: '0',
    LC_ALL: 'C',
  };
  const start = (args: readonly string[]) => {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw failed(folder, 'no such folder');
    }
    const child = spawn('git', [...safe, ...args], { cwd: folder, env });
    // A reader that went away tells it by its own end.
    child.stdin.on('error', () => undefined);
    let said = '';
    child.stderr.on('data', (part: Buffer) => {
      said = (said + part.toString('utf8')).slice(0, 2_000);
    });
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', (cause) => reject(failed(folder, 'git does not start', cause)));
      child.on('close', (code) => {
        if (code === 0) resolve();
        else reject(failed(folder, said.split('\n')[0] ?? `git ended with ${code}`));
      });
    });
    ended.catch(() => undefined);
    return { child, ended };
  };
  return {
    async text(args) {
      const { child, ended } = start(args);
      child.stdin.end();
      const parts: Buffer[] = [];
      child.stdout.on('data', (part: Buffer) => parts.push(part));
      await ended;
      return Buffer.concat(parts).toString('utf8');
    },
    async *objects(ids) {
      const reader = start(['cat-file', '--batch', '--buffer']);
      let listed = Promise.resolve();
      if ('list' in ids) reader.child.stdin.end(ids.list);
      else {
        const lister = start(ids.from);
        lister.child.stdin.end();
        lister.child.stdout.pipe(reader.child.stdin);
        listed = lister.ended;
      }
      try {
        for await (const part of reader.child.stdout as Readable) yield part as Buffer;
        await listed;
        await reader.ended;
      } finally {
        reader.child.kill();
      }
    },
  };
}

function failed(folder: string, message: string, cause?: unknown): ConfigFault {
  return new ConfigFault('git_failed', `git in ${folder}: ${message}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'name a folder of a repository, and see that git is installed',
  });
}
