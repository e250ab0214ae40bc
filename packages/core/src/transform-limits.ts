/** Bounds of what a route matches on and changes. Part of `limits`. */
export const transformLimits = {
  /** Headers by which one route is chosen, and claims: each is a look-up a request. */
  matchConditionsMax: 16,
  /** Values of one condition, and the characters of one. */
  matchValuesMax: 100,
  matchValueCharsMax: 256,
  /** Headers that one rule of a route changes, and the text of one value. */
  headerChangesMax: 32,
  headerTemplateCharsMax: 512,
  /** A value that names the caller: longer, it is no header but a document. */
  headerValueCharsMax: 4_096,
  /** Patterns of one route: each is held against the path of every request. */
  pathPatternsMax: 32,
} as const;
