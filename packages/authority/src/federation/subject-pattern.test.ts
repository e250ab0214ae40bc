import { describe, expect, it } from 'vitest';
import { isSubjectPattern, matchesSubject } from './subject-pattern.ts';

describe('a pattern of subjects', () => {
  it.each([
    'alice',
    'repo:acme/app:ref:refs/heads/main',
    'repo:acme/*:ref:refs/heads/main',
    'system:serviceaccount:shop:*',
    '*',
    'https://accounts.example/*',
  ])('%s is one', (pattern) => {
    expect(isSubjectPattern(pattern)).toBe(true);
  });

  it.each(['repo:acme/app-*', '**', 'a*', '*a:b', 'repo:acme/*x:ref', 'a:**:b'])(
    '%s is none: a star is a whole part',
    (pattern) => {
      expect(isSubjectPattern(pattern)).toBe(false);
    },
  );

  it.each<[string, string, boolean]>([
    ['repo:acme/app:ref:refs/heads/main', 'repo:acme/app:ref:refs/heads/main', true],
    ['repo:acme/app:ref:refs/heads/main', 'repo:acme/app:ref:refs/heads/main2', false],
    ['repo:acme/app:ref:refs/heads/main', 'repo:ACME/app:ref:refs/heads/main', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/shop:ref:refs/heads/main', true],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/:ref:refs/heads/main', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/a/b:ref:refs/heads/main', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/a:b:ref:refs/heads/main', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme.evil/a:ref:refs/heads/main', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/a:ref:refs/heads/main:x', false],
    ['repo:acme/app:*', 'repo:acme/app:pull_request', true],
    ['repo:acme/app:*', 'repo:acme/app:environment:x', false],
    ['a:b', 'a/b', false],
    ['a/*', 'a:x', false],
    ['*', 'anybody', true],
    ['*', 'a:b', false],
    ['system:serviceaccount:shop:*', 'system:serviceaccount:shop:cart', true],
    ['system:serviceaccount:shop:*', 'system:serviceaccount:shopping:cart', false],
  ])('%s of %s: %s', (pattern, subject, expected) => {
    expect(matchesSubject(pattern, subject)).toBe(expected);
  });
});
