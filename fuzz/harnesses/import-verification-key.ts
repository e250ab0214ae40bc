import { type JsonObject, type JsonValue, parseJson } from '@mintmark/core';
import { importVerificationKey, jwsAlgorithms, parseKeySet } from '@mintmark/tokens';
import { type Harness, invariant, utf8Text } from '../harness.ts';
import { publicJwks } from './sample-keys.ts';

export const importVerificationKeyHarness: Harness = {
  name: 'import-verification-key',
  seeds: [
    ...publicJwks.map((jwk) => JSON.stringify(jwk)),
    JSON.stringify({ keys: publicJwks }),
    JSON.stringify({ keys: publicJwks.slice(0, 2) }),
  ],
  dictionary: [
    ...['"kty":', '"alg":', '"crv":', '"use":', '"sig"', '"enc"', '"key_ops":', '["verify"]'],
    ...['"RSA"', '"EC"', '"OKP"', '"AKP"', '"oct"', '"P-256"', '"Ed25519"', '"ES256"', '"HS256"'],
    ...['"d":"AQ"', '"priv":', '"kid":', '"n":', '"e":"AQAB"', '"k":', 'null', '{}', '[]', 'AAAA'],
  ],
  run(input) {
    const parsed = parseJson(utf8Text(input));
    if (!parsed.ok) return parsed.refusal.reason;
    const set = parseKeySet(parsed.value, { algorithms: jwsAlgorithms, epoch: '1' });
    if (set.ok) {
      const { keySet, skipped } = set.value;
      for (const key of keySet.keys) checkKey(key.keyObject.export({ format: 'jwk' }), key);
      const left = skipped.length > 0 ? 'some' : 'none';
      return `set of ${Math.min(2, keySet.keys.length)} or more, ${left} left out`;
    }
    const key = importVerificationKey(parsed.value, { algorithms: jwsAlgorithms });
    if (!key.ok) {
      const { refusal } = key;
      return 'member' in refusal ? `${refusal.reason} ${refusal.member}` : refusal.reason;
    }
    checkKey(key.value.keyObject.export({ format: 'jwk' }), key.value);
    return `key for ${key.value.algorithms.join(' ')}`;
  },
};

/** What the library made of the key is, by our own reading, the same key. */
function checkKey(
  exported: object,
  key: { readonly thumbprint: string; readonly algorithms: readonly string[] },
): void {
  invariant(key.algorithms.length > 0, 'a key for nothing');
  const again = importVerificationKey({ ...(exported as JsonObject) } as JsonValue, {
    algorithms: jwsAlgorithms,
  });
  invariant(again.ok, 'what was exported does not import');
  invariant(again.value.thumbprint === key.thumbprint, 'another key than the one that was read');
}
