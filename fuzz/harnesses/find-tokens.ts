import { createTokenScan, parseSecretToken } from '@mintmark/tokens';
import { type Harness, invariant } from '../harness.ts';
import { sampleTokens } from './parse-secret-token.ts';

const wrapped = sampleTokens().flatMap((text) => [
  Buffer.from(`id:${text}`).toString('base64'),
  text.replaceAll('_', '%5F'),
]);

/** What is found is a token; and cut anywhere, the same is found. */
export const findTokensHarness: Harness = {
  name: 'find-tokens',
  seeds: [...sampleTokens(), ...wrapped, 'Z'.repeat(300), 'a'.repeat(300)],
  dictionary: ['mm_', '_key_', '%5F', '=', '\n', 'mm', 'Z'],
  run(input) {
    const whole = createTokenScan().push(input);
    for (const { text, prefix, start, end } of whole) {
      invariant(parseSecretToken(text, prefix).ok, 'found what is no token');
      invariant(start >= 0 && end <= input.length && start < end, 'a place out of range');
    }
    const scan = createTokenScan();
    const half = Math.floor(input.length / 2);
    const cut = [...scan.push(input.subarray(0, half)), ...scan.push(input.subarray(half))];
    invariant(cut.length === whole.length, 'cut in two, another number is found');
    return `found ${whole.map((one) => one.form).join(' ')}`;
  },
};
