/**
 * Keys made by one vendor's broken generator (CVE-2017-15361, "ROCA") can be factored. All their
 * primes are powers of 65537 modulo a product of small primes, and so is the modulus; a sound key
 * looks so by chance about once in 2^27 (Nemec et al., "The Return of Coppersmith's Attack", 2017).
 */

/** Odd primes up to 167: every affected key length uses at least these. */
const smallPrimes: readonly number[] = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/** @param modulus big-endian */
export function hasRocaFingerprint(modulus: Uint8Array): boolean {
  return smallPrimes.every((prime) => isPowerOf65537(remainder(modulus, prime), prime));
}

function remainder(bytes: Uint8Array, prime: number): number {
  return bytes.reduce((rest, byte) => (rest * 256 + byte) % prime, 0);
}

function isPowerOf65537(value: number, prime: number): boolean {
  let power = 1;
  do {
    if (power === value) return true;
    power = (power * 65537) % prime;
  } while (power !== 1);
  return false;
}
