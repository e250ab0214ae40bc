/** Which of the tests beside a policy fail. */
import type { JsonObject } from '@mintmark/core';
import { readPolicyDocument, runTests } from '@mintmark/policy';
import { compiledOf, type FailedTest } from './policy-row.ts';

/** By its place among the tests. A text that cannot be read is refused before. */
export function failuresOf(document: JsonObject): readonly FailedTest[] {
  const read = readPolicyDocument(document);
  if (!read.ok) return [];
  const outcomes = runTests(compiledOf(document), read.value.document.tests);
  return outcomes.flatMap((outcome, index) => (outcome.passed ? [] : [{ ...outcome, index }]));
}
