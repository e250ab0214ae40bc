/**
 * The path that an upstream is asked for. It is put together from whole segments of the normalised
 * path, so what was judged and what is sent cannot part; and it is looked at once more.
 */
import assert from 'node:assert/strict';
import type { PathPattern, PathRewrite, PathSegment } from '@mintmark/core';
import { normalisePath } from './path.ts';
import type { MatchedRoute } from './route-table.ts';

/** Without query. */
export function upstreamPathOf({ route, path }: MatchedRoute): string {
  const { upstream, match, stripPrefix, rewrites } = route;
  const rewrite = rewrites?.path;
  if (rewrite !== undefined) return upstream.basePath + rewritten(path, rewrite, match.pathPrefix);
  return upstream.basePath + (stripPrefix ? withoutPrefix(path, match.pathPrefix) : path);
}

function rewritten(path: string, rewrite: PathRewrite, pathPrefix: string): string {
  const made =
    rewrite.kind === 'prefix'
      ? joined(rewrite.to, withoutPrefix(path, pathPrefix))
      : byPattern(path, rewrite.patterns);
  const normal = normalisePath(made);
  // A base path of the upstream could be climbed out of by nothing but a segment of dots.
  assert(normal.ok && normal.value.path === made, 'a rewritten path is normal');
  return made;
}

/** `/api` and `/` are `/api`: a prefix does not grow a slash that nobody sent. */
function joined(to: string, rest: string): string {
  return rest === '/' && to !== '' ? to : to + rest;
}

function withoutPrefix(path: string, prefix: string): string {
  const rest = path.slice(prefix.endsWith('/') ? prefix.length - 1 : prefix.length);
  return rest === '' ? '/' : rest;
}

function byPattern(path: string, patterns: readonly PathPattern[]): string {
  const pieces = path.slice(1).split('/');
  for (const { from, to } of patterns) {
    const named = captured(from, pieces);
    if (named === undefined) continue;
    const filled = to.map((one) => (typeof one === 'string' ? one : named.get(one.name)));
    return `/${filled.join('/')}`;
  }
  return path;
}

/** @returns what stands for each name; undefined where the path does not fit */
function captured(
  from: readonly PathSegment[],
  pieces: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const named = new Map<string, string>();
  for (const [index, segment] of from.entries()) {
    const piece = pieces[index];
    if (piece === undefined) return undefined;
    if (typeof segment === 'string') {
      if (segment !== piece) return undefined;
    } else if (piece === '') {
      return undefined;
    } else if (segment.rest) {
      named.set(segment.name, pieces.slice(index).join('/'));
      return named;
    } else {
      named.set(segment.name, piece);
    }
  }
  return pieces.length === from.length ? named : undefined;
}
