/**
 * Which subjects of an outside issuer a rule is about. Subjects of workloads are names in parts
 * (`repo:acme/app:ref:refs/heads/main`, `system:serviceaccount:shop:cart`), parted by `:` or `/`; a
 * `*` stands for one whole part and never for more, so that no name that somebody else may choose
 * reaches over a separator.
 */

/** Text, or `*` by itself between separators. */
const form = /^(?:\*|[^*:/]*)(?:[:/](?:\*|[^*:/]*))*$/;

export function isSubjectPattern(text: string): boolean {
  return form.test(text);
}

/** @param pattern of `isSubjectPattern` */
export function matchesSubject(pattern: string, subject: string): boolean {
  const wanted = partsOf(pattern);
  const given = partsOf(subject);
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => part === given[at] || (part === '*' && given[at] !== ''))
  );
}

/** Names and separators in turn, so that `a:b` and `a/b` differ. */
function partsOf(text: string): readonly string[] {
  return text.split(/([:/])/);
}
