import { base64urlEncode, utf8 } from '@mintmark/core';
import { assembleJws, jwsAlgorithms, jwsSigningInput, verifyJws } from '@mintmark/tokens';
import { type Harness, invariant, latin1 } from '../harness.ts';
import { sampleEcSigner, sampleKeySet, sampleSigner } from './sample-keys.ts';

function sampleToken(signer: typeof sampleSigner, payload: string): string {
  const input = jwsSigningInput({ alg: signer.algorithm, kid: signer.kid, typ: 'JWT' }, payload);
  return assembleJws(input, signer.sign(utf8(input)));
}

const good = new Set([
  sampleToken(sampleSigner, 'one'),
  sampleToken(sampleSigner, 'two'),
  sampleToken(sampleEcSigner, 'three'),
]);

const keys = sampleKeySet();
const expectation = { typ: null, algorithms: jwsAlgorithms };

/**
 * Two ways in. A token as it is: nothing but the tokens made above may be accepted. After a `!` a
 * header's text, which is signed with a good key first, so that mutations get past the signature.
 */
export const verifyJwsHarness: Harness = {
  name: 'verify-jws',
  seeds: [
    ...good,
    '!{"alg":"EdDSA","kid":"okp"}',
    '!{"alg":"Ed25519","kid":"okp","typ":"application/at+jwt"}',
    '!{"alg":"none"}',
    '!{"alg":"HS256","kid":"rsa"}',
    '!{"alg":"EdDSA","kid":"okp","crit":["b64"],"b64":false}',
    '!{"alg":"EdDSA","kid":"okp","jwk":{"kty":"OKP"},"jku":"https://a.example"}',
  ],
  dictionary: [
    ...[
      '.',
      '..',
      '=',
      'e30',
      'eyJ',
      '!',
      '"alg":',
      '"kid":',
      '"typ":',
      '"crit":[]',
      '"zip":"DEF"',
    ],
    ...['"b64":false', '"none"', '"HS256"', '"ES256"', '"EdDSA"', '"okp"', '"ec"', '{', '}', ','],
  ],
  run(input) {
    const text = latin1(input);
    if (text.startsWith('!')) return signedHeader(Buffer.from(input).subarray(1));
    const result = verifyJws(text, keys, expectation);
    if (!result.ok) return `token ${result.refusal.reason}`;
    invariant(good.has(text), 'accepted a token that nobody signed');
    return 'token accepted';
  },
};

function signedHeader(header: Uint8Array): string {
  const input = `${base64urlEncode(header)}.e30`;
  const token = assembleJws(input, sampleSigner.sign(utf8(input)));
  const result = verifyJws(token, keys, expectation);
  if (!result.ok) return `header ${result.refusal.reason}`;
  const { algorithm, key, header: parsed } = result.value;
  invariant(algorithm === 'EdDSA' && key.kid === 'okp', 'accepted for another key than signed');
  invariant(parsed['alg'] === 'EdDSA' || parsed['alg'] === 'Ed25519', 'accepted another alg');
  invariant(!['crit', 'zip'].some((name) => Object.hasOwn(parsed, name)), 'accepted crit or zip');
  return 'header accepted';
}
