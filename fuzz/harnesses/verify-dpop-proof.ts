import { base64urlEncode, type UnixSeconds, utf8 } from '@mintmark/core';
import { assembleJws, verifyDpopProof } from '@mintmark/tokens';
import { type Harness, invariant, latin1 } from '../harness.ts';
import { publicJwks, sampleSigner } from './sample-keys.ts';

const now = 1_790_000_000 as UnixSeconds;
const url = 'https://api.example/things';
const claims = { htm: 'GET', htu: url, iat: now, jti: 'one' };
const { kid: _, ...jwk } = publicJwks[1]!;
const header = JSON.stringify({ typ: 'dpop+jwt', alg: 'EdDSA', jwk });

function signed(headerText: Uint8Array, payload: Uint8Array): string {
  const input = `${base64urlEncode(headerText)}.${base64urlEncode(payload)}`;
  return assembleJws(input, sampleSigner.sign(utf8(input)));
}

/**
 * Three ways in: a proof as it is; after a `!` the text of its claims, after a `?` that of its
 * header, signed with a good key first.
 */
export const verifyDpopProofHarness: Harness = {
  name: 'verify-dpop-proof',
  seeds: [
    `!${JSON.stringify(claims)}`,
    `!${JSON.stringify({ ...claims, nonce: 'n', ath: 'x' })}`,
    `!${JSON.stringify({ ...claims, htu: 'HTTPS://API.example:443/x/../%74hings?a#b' })}`,
    `?${header}`,
    `?${JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicJwks[0] ?? {} })}`,
    signed(utf8(header), utf8(JSON.stringify(claims))).slice(0, -1),
  ],
  dictionary: [
    ...['"htm":', '"htu":', '"iat":', '"jti":', '"nonce":', '"ath":', '"jwk":', '"typ":', '"d":'],
    ...['"GET"', '1790000000', '1e99', '-1', 'https://api.example', '/things', '/..', '%2e', '@'],
    ...['"HS256"', '"none"', '"oct"', '{', '}', '[', ']', 'null', '.', '!', '?'],
  ],
  run(input) {
    const bytes = Buffer.from(input);
    const way = latin1(input.subarray(0, 1));
    const rest = bytes.subarray(1);
    const proof =
      way === '!'
        ? signed(utf8(header), rest)
        : way === '?'
          ? signed(rest, utf8(JSON.stringify(claims)))
          : latin1(input);
    const result = verifyDpopProof(proof, { method: 'GET', url, accessToken: undefined, now });
    if (!result.ok) return `${way} ${result.refusal.reason}`;
    const { jti, endsAt } = result.value;
    invariant(way === '!' || way === '?', 'accepted a proof that nobody signed');
    invariant(jti.length > 0 && endsAt > now && endsAt <= now + 121, 'a proof without end');
    return `${way} accepted`;
  },
};
