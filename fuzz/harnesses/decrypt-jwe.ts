import { createPrivateKey } from 'node:crypto';
import { seededEntropy } from '@mintmark/core';
import { decryptJwe, encryptJwt, importEncryptionKey } from '@mintmark/tokens';
import { type Harness, invariant, latin1 } from '../harness.ts';
import { ecPrivateJwk, ecPublicJwk } from './sample-keys.ts';

const entropy = seededEntropy(7);
const keys = [{ kid: 'ec', privateKey: createPrivateKey({ key: ecPrivateJwk, format: 'jwk' }) }];

function sampleMessage(algorithm: 'ECDH-ES' | 'ECDH-ES+A256KW'): string {
  const key = importEncryptionKey({ ...ecPublicJwk, kid: 'ec' });
  if (!key.ok) throw new Error(key.refusal.reason);
  return encryptJwt(entropy, { key: key.value, algorithm, encryption: 'A128CBC-HS256' }, 'a.b.c');
}

const good = new Set([sampleMessage('ECDH-ES'), sampleMessage('ECDH-ES+A256KW')]);
const rest = [...good][0]!.split('.').slice(1).join('.');
const epk = JSON.stringify(ecPublicJwk);

/**
 * A message as it is, or after a `!` the text of a header before a good message's rest: nothing but
 * the messages made above may be read.
 */
export const decryptJweHarness: Harness = {
  name: 'decrypt-jwe',
  seeds: [
    ...good,
    `!{"alg":"ECDH-ES","enc":"A128CBC-HS256","kid":"ec","epk":${epk}}`,
    `!{"alg":"ECDH-ES","enc":"A256GCM","zip":"DEF","epk":${epk}}`,
    '!{"alg":"dir","enc":"A256GCM"}',
    '!{"alg":"RSA-OAEP-256","enc":"A256GCM"}',
    '!{"alg":"ECDH-ES","enc":"A256GCM","crit":["exp"],"epk":{}}',
  ],
  dictionary: [
    ...['.', '..', '=', 'eyJ', '!', '"alg":', '"enc":', '"kid":', '"epk":', '"apu":', '"apv":'],
    ...['"zip":"DEF"', '"crit":[]', '"p2c":1', '"ECDH-ES"', '"A256GCM"', '"crv":"P-384"', '{}'],
  ],
  run(input) {
    const text = latin1(input);
    const token = text.startsWith('!')
      ? `${Buffer.from(input).subarray(1).toString('base64url')}.${rest}`
      : text;
    const result = decryptJwe(entropy, token, { keys });
    if (!result.ok) return result.refusal.reason;
    invariant(good.has(token), 'read a message that nobody made');
    return 'read';
  },
};
