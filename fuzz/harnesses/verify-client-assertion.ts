import { base64urlEncode, type UnixSeconds, utf8 } from '@mintmark/core';
import {
  assembleJws,
  assertionKeyId,
  assertionSubject,
  verifyClientAssertion,
} from '@mintmark/tokens';
import { type Harness, invariant, latin1 } from '../harness.ts';
import { sampleKeySet, sampleSigner } from './sample-keys.ts';

const now = 1_790_000_000 as UnixSeconds;
const issuer = 'https://issuer.example';
const claims = { iss: 'app', sub: 'app', aud: issuer, exp: now + 60, jti: 'one' };
const keys = sampleKeySet();

/** An assertion as it is; after a `!` the text of its claims, signed with a good key first. */
export const verifyClientAssertionHarness: Harness = {
  name: 'verify-client-assertion',
  seeds: [
    `!${JSON.stringify(claims)}`,
    `!${JSON.stringify({ ...claims, aud: [issuer], iat: now, nbf: now })}`,
    `!${JSON.stringify({ ...claims, sub: 'other' })}`,
    'e30.eyJzdWIiOiJhcHAifQ.AA',
  ],
  dictionary: [
    ...['"iss":', '"sub":', '"aud":', '"exp":', '"nbf":', '"iat":', '"jti":', '"app"', issuer],
    ...['1790000060', '1e99', '-1', 'null', '[', ']', '{', '}', ',', '.', '!'],
  ],
  run(input) {
    const isSigned = input[0] === 0x21;
    const head = base64urlEncode(utf8('{"alg":"EdDSA","kid":"okp"}'));
    const signingInput = `${head}.${base64urlEncode(input.subarray(1))}`;
    const text = isSigned
      ? assembleJws(signingInput, sampleSigner.sign(utf8(signingInput)))
      : latin1(input);
    const subject = assertionSubject(text);
    const result = verifyClientAssertion(text, {
      ...{ clientId: 'app', audiences: [issuer], strictAudience: true, keys, now },
      algorithms: ['EdDSA'],
    });
    if (!result.ok) return `${isSigned} ${subject === undefined} ${result.refusal.reason}`;
    invariant(isSigned && subject === 'app', 'accepted what the client did not say');
    invariant(assertionKeyId(text) === 'okp', 'accepted by another key than it names');
    invariant(result.value.expiresAt > now, 'accepted what has ended');
    return 'accepted';
  },
};
