/** Countries as API keys name them, and where an address is. */

/**
 * ISO 3166-1 alpha-2, upper case; undefined where nobody knows: no database, a private address, one
 * that stands in no country.
 */
export type CountryOf = (address: string) => string | undefined;

/** Where a key may be used from. Undefined or null: it names none. */
export interface CountryRules {
  readonly allowedCountries?: readonly string[] | null | undefined;
  readonly deniedCountries?: readonly string[] | null | undefined;
}

/** Whether a key says anything about countries, so that the address must be looked up. */
export function namesCountries({ allowedCountries, deniedCountries }: CountryRules): boolean {
  return (allowedCountries ?? deniedCountries ?? null) !== null;
}

/**
 * Whether a key may be used from there. One that names countries is refused where the country is
 * not known: also where it only denies some, since it may be one of those.
 */
export function isAllowedCountry(rules: CountryRules, country: string | undefined): boolean {
  if (!namesCountries(rules)) return true;
  if (country === undefined || rules.deniedCountries?.includes(country) === true) return false;
  return rules.allowedCountries?.includes(country) ?? true;
}
