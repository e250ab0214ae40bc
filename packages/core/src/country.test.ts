import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAllowedCountry, namesCountries } from './country.ts';

describe('countries of a key', () => {
  it.each([
    [{}, undefined, true],
    [{ allowedCountries: null, deniedCountries: null }, undefined, true],
    [{ allowedCountries: ['DE'] }, 'DE', true],
    [{ allowedCountries: ['DE'] }, 'FR', false],
    [{ allowedCountries: ['DE'] }, undefined, false],
    [{ deniedCountries: ['DE'] }, 'DE', false],
    [{ deniedCountries: ['DE'] }, 'FR', true],
    [{ deniedCountries: ['DE'] }, undefined, false],
    [{ allowedCountries: ['DE', 'FR'], deniedCountries: ['FR'] }, 'FR', false],
    [{ allowedCountries: [] }, 'DE', false],
  ] as const)('%j from %j: %j', (rules, country, allowed) => {
    expect(isAllowedCountry(rules, country)).toBe(allowed);
  });

  it('refuse whatever names any where nobody knows the country', () => {
    const list = fc.option(fc.array(fc.constantFrom('DE', 'FR', 'CH')));
    fc.assert(
      fc.property(list, list, (allowedCountries, deniedCountries) => {
        const rules = { allowedCountries, deniedCountries };
        expect(isAllowedCountry(rules, undefined)).toBe(!namesCountries(rules));
      }),
    );
  });
});
