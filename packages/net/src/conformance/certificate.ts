/**
 * Self-signed certificates for tests, written in DER (X.690, RFC 5280 §4.1) so that no tool is
 * needed and no private key lies in the repository.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate that is its own authority, for a DNS name and 127.0.0.1. */
export function selfSigned(name: string): TestCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const body = toBeSigned(name, publicKey);
  const signature = sign('sha256', body, privateKey);
  const der = sequence(body, algorithm, tlv(0x03, Buffer.of(0), signature));
  const lines = der
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));

/** ecdsa-with-SHA256, RFC 5758 §3.2. */
const algorithm = sequence(oid('2a8648ce3d040302'));

function toBeSigned(name: string, publicKey: KeyObject): Buffer {
  const party = sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(name)))));
  const validity = sequence(
    tlv(0x17, Buffer.from('200101000000Z')),
    tlv(0x17, Buffer.from('491231235959Z')),
  );
  const names = sequence(tlv(0x82, Buffer.from(name)), tlv(0x87, Buffer.of(127, 0, 0, 1)));
  const extensions = sequence(
    // basicConstraints, critical: CA.
    sequence(
      oid('551d13'),
      tlv(0x01, Buffer.of(0xff)),
      tlv(0x04, sequence(tlv(0x01, Buffer.of(0xff)))),
    ),
    // subjectAltName.
    sequence(oid('551d11'), tlv(0x04, names)),
  );
  return sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))),
    tlv(0x02, Buffer.of(1)),
    algorithm,
    party,
    validity,
    party,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, extensions),
  );
}
