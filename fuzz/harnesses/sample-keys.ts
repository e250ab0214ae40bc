/** Keys printed in standards, so that runs are the same everywhere. They protect nothing. */
import { createPrivateKey } from 'node:crypto';
import type { JsonObject, SigningKeyId } from '@mintmark/core';
import {
  createKeySet,
  importVerificationKey,
  jwsAlgorithms,
  type KeySet,
  localSigner,
} from '@mintmark/tokens';

// RFC 7515 appendix A.3
const ec = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
export const ecPublicJwk = ec;
export const ecPrivateJwk = { ...ec, d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' };

// RFC 8037 appendix A.1
const okp = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const okpPrivate = { ...okp, d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' };

// RFC 7638 §3.1
const rsa = {
  kty: 'RSA',
  n:
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJ' +
    'ECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2' +
    'QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh' +
    '6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
};
const oct = { kty: 'oct', k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T' };

export const publicJwks: readonly JsonObject[] = [
  { ...ec, kid: 'ec', alg: 'ES256', use: 'sig' },
  { ...okp, kid: 'okp' },
  { ...rsa, kid: 'rsa', key_ops: ['verify'] },
  { ...oct, kid: 'oct' },
];

/** Signs with Ed25519, so that the same input always gives the same token. */
export const sampleSigner = localSigner({
  privateKey: createPrivateKey({ key: okpPrivate, format: 'jwk' }),
  algorithm: 'EdDSA',
  kid: 'okp' as SigningKeyId,
});

export const sampleEcSigner = localSigner({
  privateKey: createPrivateKey({ key: ecPrivateJwk, format: 'jwk' }),
  algorithm: 'ES256',
  kid: 'ec' as SigningKeyId,
});

/** A fresh set of the three public keys: nothing is remembered from one run to the next. */
export function sampleKeySet(): KeySet {
  const keys = publicJwks.slice(0, 3).map((jwk) => {
    const key = importVerificationKey(jwk, { algorithms: jwsAlgorithms });
    if (!key.ok) throw new Error(key.refusal.reason);
    return key.value;
  });
  const set = createKeySet({ keys, epoch: '1' });
  if (!set.ok) throw new Error(set.refusal.reason);
  return set.value;
}
