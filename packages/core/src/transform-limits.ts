/** Bounds of what a route matches on and changes. Part of `limits`. */
export const transformLimits = {
  /** Headers by which one route is chosen, and claims: each is a look-up a request. */
  matchConditionsMax: 16,
  /** Values of one condition, and the characters of one. */
  matchValuesMax: 100,
  matchValueCharsMax: 256,
} as const;
