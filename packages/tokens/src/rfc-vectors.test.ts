/** Examples printed in the standards. RFC 7520's stand among Wycheproof's vectors. */
import { createPrivateKey } from 'node:crypto';
import {
  type JsonObject,
  type JwsAlgorithm,
  type SigningKeyId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { verifyDpopProof } from './dpop.ts';
import { importVerificationKey } from './jwk.ts';
import { assembleJws, verifyJws } from './jws.ts';
import { createKeySet } from './key-set.ts';
import { localSigner } from './signing-key.ts';

interface Example {
  readonly source: string;
  readonly algorithm: JwsAlgorithm;
  readonly jwk: JsonObject;
  readonly payload: string;
  readonly token: string;
}

const joe =
  'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
const joePayload = '{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}';

const examples: readonly Example[] = [
  {
    source: 'RFC 7515 appendix A.1',
    algorithm: 'HS256',
    jwk: {
      kty: 'oct',
      k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    },
    payload: joePayload,
    token:
      `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${joe}.` +
      'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  },
  {
    source: 'RFC 7515 appendix A.3',
    algorithm: 'ES256',
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    },
    payload: joePayload,
    token:
      `eyJhbGciOiJFUzI1NiJ9.${joe}.` +
      'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
  },
  {
    source: 'RFC 8037 appendix A.4',
    algorithm: 'EdDSA',
    jwk: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    payload: 'Example of Ed25519 signing',
    token:
      'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.' +
      'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
  },
];

function keySetOf(jwk: JsonObject, algorithm: JwsAlgorithm) {
  const key = importVerificationKey(jwk, { algorithms: [algorithm] });
  const set = key.ok ? createKeySet({ keys: [key.value], epoch: '1' }) : key;
  if (!set.ok) throw new Error(set.refusal.reason);
  return set.value;
}

describe('examples of the standards', () => {
  it.each(examples)('accepts $source', ({ algorithm, jwk, payload, token }) => {
    const result = verifyJws(token, keySetOf(jwk, algorithm), {
      typ: null,
      algorithms: [algorithm],
    });
    expect(result.ok && Buffer.from(result.value.payload).toString()).toBe(payload);
  });

  it('signs as RFC 8037 appendix A.4 does, byte for byte', () => {
    const { jwk, token } = examples[2]!;
    const d = 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A';
    const privateKey = createPrivateKey({ key: { ...jwk, d }, format: 'jwk' });
    const signer = localSigner({ privateKey, algorithm: 'EdDSA', kid: 'k' as SigningKeyId });
    const input = token.slice(0, token.lastIndexOf('.'));
    expect(assembleJws(input, signer.sign(utf8(input)))).toBe(token);
  });

  it('refuses the unsecured token of RFC 7515 appendix A.5', () => {
    const { jwk, algorithm } = examples[1]!;
    const expectation = { typ: null, algorithms: [algorithm] };
    expect(verifyJws(`eyJhbGciOiJub25lIn0.${joe}.`, keySetOf(jwk, algorithm), expectation)).toEqual(
      { ok: false, refusal: { reason: 'algorithm_not_allowed' } },
    );
  });
});

describe('RFC 9449', () => {
  const proof =
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0' +
    'VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10' +
    'NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjo' +
    'iUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.' +
    '2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg';

  it('§5: the proof of a token request is of the key that §6.1 binds the token to', () => {
    const url = 'https://server.example.com/token';
    const now = 1_562_262_616 as UnixSeconds;
    const verified = verifyDpopProof(proof, { method: 'POST', url, accessToken: undefined, now });
    const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
    expect(verified).toMatchObject({ ok: true, value: { jkt, jti: '-BwC3ESc6acc2lTc' } });
  });
});
