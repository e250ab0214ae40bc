/**
 * Certificates for tests with the names that a test wants, odd ones among them, written in DER
 * (X.690, RFC 5280 §4.1): no tool is needed, and no private key lies in the repository.
 */
import { generateKeyPairSync, sign } from 'node:crypto';

const nameTypes = { C: '550406', O: '55040a', OU: '55040b', CN: '550403' } as const;

export function testCertificate(names: {
  readonly subject: readonly (readonly [keyof typeof nameTypes, string])[];
  readonly dns?: readonly string[];
  readonly uri?: readonly string[];
  readonly ip?: readonly string[];
  readonly email?: readonly string[];
}): { readonly der: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const parts = names.subject.map(([type, value]) =>
    tlv(0x31, sequence(oid(nameTypes[type]), tlv(0x0c, Buffer.from(value)))),
  );
  const party = sequence(...parts);
  const texts = (tag: number, values: readonly string[] = []) =>
    values.map((value) => tlv(tag, Buffer.from(value)));
  const alternatives = [
    ...texts(0x81, names.email),
    ...texts(0x82, names.dns),
    ...texts(0x86, names.uri),
    ...(names.ip ?? []).map((one) => tlv(0x87, Buffer.from(one.split('.').map(Number)))),
  ];
  const extension = sequence(oid('551d11'), tlv(0x04, sequence(...alternatives)));
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))),
    tlv(0x02, Buffer.of(1)),
    algorithm,
    party,
    sequence(tlv(0x17, Buffer.from('200101000000Z')), tlv(0x17, Buffer.from('491231235959Z'))),
    party,
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(alternatives.length === 0 ? [] : [tlv(0xa3, sequence(extension))]),
  );
  const signature = sign('sha256', body, privateKey);
  return { der: sequence(body, algorithm, tlv(0x03, Buffer.of(0), signature)) };
}

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tlv(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

/** ecdsa-with-SHA256, RFC 5758 §3.2. */
const algorithm = sequence(oid('2a8648ce3d040302'));
