/**
 * An authenticator in software, for tests: it answers as a browser and a security key do together
 * (WebAuthn Level 3 §5.8.1, §6.5). Its parts can be bent, so that each check can be seen to work.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { base64urlEncode, concatBytes, utf8 } from '@mintmark/core';

export interface Bent {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  /** Flags of the authenticator data: 1 present, 4 verified, 8 may be synced, 16 is synced. */
  readonly flags?: number;
  readonly counter?: number;
  readonly userHandle?: string;
  readonly key?: KeyObject;
}

interface Options {
  readonly challenge: string;
  readonly rp?: { readonly id?: string };
  readonly rpId?: string;
  readonly user?: { readonly id: string };
}

export function softwareAuthenticator(origin: string, flags = 0x05) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const credentialId = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
  const id = base64urlEncode(credentialId);
  let counter = 0;
  let userHandle = '';

  function clientData(type: string, options: Options, bent: Bent): Uint8Array {
    const challenge = bent.challenge ?? options.challenge;
    const data = { type: bent.type ?? type, challenge, origin: bent.origin ?? origin };
    return utf8(JSON.stringify({ ...data, crossOrigin: false }));
  }

  function authenticatorData(rpId: string, bent: Bent, attested?: Uint8Array): Uint8Array {
    const head = Buffer.alloc(37);
    createHash('sha256')
      .update(bent.rpId ?? rpId)
      .digest()
      .copy(head);
    head[32] = (bent.flags ?? flags) | (attested === undefined ? 0 : 0x40);
    head.writeUInt32BE(bent.counter ?? counter, 33);
    return attested === undefined ? head : concatBytes(head, attested);
  }

  return {
    id,
    /** `navigator.credentials.create` */
    create(options: Options, bent: Bent = {}) {
      userHandle = options.user?.id ?? '';
      const length = Buffer.alloc(2);
      length.writeUInt16BE(credentialId.length);
      const attested = concatBytes(new Uint8Array(16), length, credentialId, coseKey(publicKey));
      const data = authenticatorData(String(options.rp?.id), bent, attested);
      const attestationObject = cborMap([
        [cborText('fmt'), cborText('none')],
        [cborText('attStmt'), cborMap([])],
        [cborText('authData'), cborBytes(data)],
      ]);
      const response = {
        clientDataJSON: base64urlEncode(clientData('webauthn.create', options, bent)),
        attestationObject: base64urlEncode(attestationObject),
        transports: ['internal'],
      };
      return { id, rawId: id, type: 'public-key', response, clientExtensionResults: {} };
    },
    /** `navigator.credentials.get` */
    get(options: Options, bent: Bent = {}) {
      counter += 1;
      const client = clientData('webauthn.get', options, bent);
      const data = authenticatorData(String(options.rpId), bent);
      const signed = concatBytes(data, createHash('sha256').update(client).digest());
      const response = {
        clientDataJSON: base64urlEncode(client),
        authenticatorData: base64urlEncode(data),
        signature: base64urlEncode(sign('sha256', signed, bent.key ?? privateKey)),
        userHandle: bent.userHandle ?? userHandle,
      };
      return { id, rawId: id, type: 'public-key', response, clientExtensionResults: {} };
    },
  };
}

/** ES256 as COSE_Key (RFC 9053 §7.1.1): kty EC2, alg -7, crv P-256, x, y. */
function coseKey(publicKey: KeyObject): Uint8Array {
  const { x, y } = publicKey.export({ format: 'jwk' });
  const part = (text: unknown) => cborBytes(Buffer.from(String(text), 'base64url'));
  return cborMap([
    [Uint8Array.of(0x01), Uint8Array.of(0x02)],
    [Uint8Array.of(0x03), Uint8Array.of(0x26)],
    [Uint8Array.of(0x20), Uint8Array.of(0x01)],
    [Uint8Array.of(0x21), part(x)],
    [Uint8Array.of(0x22), part(y)],
  ]);
}

/** RFC 8949 §3: a head of one or two bytes is all that is needed here. */
function cborHead(major: number, length: number): Uint8Array {
  if (length < 24) return Uint8Array.of((major << 5) | length);
  if (length < 256) return Uint8Array.of((major << 5) | 24, length);
  return Uint8Array.of((major << 5) | 25, length >> 8, length & 0xff);
}

function cborBytes(bytes: Uint8Array): Uint8Array {
  return concatBytes(cborHead(2, bytes.length), bytes);
}

function cborText(text: string): Uint8Array {
  return concatBytes(cborHead(3, text.length), utf8(text));
}

function cborMap(pairs: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array {
  return concatBytes(cborHead(5, pairs.length), ...pairs.flat());
}
