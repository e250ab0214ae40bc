/**
 * Client authentication by TLS certificate (RFC 8705 §2): of a named authority, and of the subject
 * that the client registered; or self-signed, with a key that it registered.
 */
import { X509Certificate } from 'node:crypto';
import {
  formatAddress,
  isJsonObject,
  type JsonValue,
  type PeerCertificate,
  parseAddress,
} from '@mintmark/core';
import { jwkThumbprint, type KeySet, parseKeyMaterial } from '@mintmark/tokens';
import type { ClientRules } from './client-rules.ts';

type Subject = Pick<
  ClientRules,
  | 'tlsClientAuthSubjectDn'
  | 'tlsClientAuthSanDns'
  | 'tlsClientAuthSanUri'
  | 'tlsClientAuthSanIp'
  | 'tlsClientAuthSanEmail'
>;

/** Whether a trusted authority says that the certificate is the client's (RFC 8705 §2.1). */
export function isOfSubject(certificate: PeerCertificate, rules: Subject): boolean {
  if (!certificate.trusted) return false;
  const { subject, subjectAltName } = new X509Certificate(certificate.der);
  const { tlsClientAuthSubjectDn: dn } = rules;
  if (dn !== undefined) return isSameName(dn, subject ?? '');
  const names = alternativeNames(subjectAltName ?? '');
  const has = (kind: string, wanted: string | undefined): boolean =>
    wanted !== undefined && names.some((name) => name.kind === kind && name.value === wanted);
  return (
    has('DNS', rules.tlsClientAuthSanDns?.toLowerCase()) ||
    has('URI', rules.tlsClientAuthSanUri) ||
    has('IP Address', canonicalAddress(rules.tlsClientAuthSanIp)) ||
    has('email', rules.tlsClientAuthSanEmail)
  );
}

/** Whether the certificate's key is one that the client registered (RFC 8705 §2.2). */
export function isOfKey(certificate: PeerCertificate, keys: KeySet): boolean {
  const { publicKey } = new X509Certificate(certificate.der);
  // Other kinds of key have no form as JWK, or none that a client could register.
  const jwk = exportJwk(publicKey);
  const material = isJsonObject(jwk) ? parseKeyMaterial(jwk) : undefined;
  if (!material?.ok) return false;
  const thumbprint = jwkThumbprint(material.value);
  return keys.keys.some((key) => !key.symmetric && key.thumbprint === thumbprint);
}

function exportJwk(key: X509Certificate['publicKey']): JsonValue {
  try {
    return { ...key.export({ format: 'jwk' }) } as JsonValue;
  } catch {
    return null;
  }
}

/**
 * Compares a distinguished name as RFC 4514 writes it, last part first, with a certificate's, which
 * comes a part a line, first part first. Values are compared exactly, types whatever their case.
 */
function isSameName(registered: string, lines: string): boolean {
  const wanted = nameParts(registered, ',')?.reverse();
  const shown = nameParts(lines, '\n');
  if (wanted === undefined || shown === undefined || wanted.length === 0) return false;
  return wanted.length === shown.length && wanted.every((part, index) => part === shown[index]);
}

const typePattern = '([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\\.[0-9]+)+)';
const escapePattern = '\\\\(?:[0-9a-fA-F]{2}|.)';
const registeredPart = ` *${typePattern} *= *((?:[^\\\\,"+;<>]|${escapePattern})*?) *(?:,|$)`;
const shownPart = `${typePattern}=((?:[^\\\\\n]|${escapePattern})*)(?:\n|$)`;

/** @returns `TYPE=value` of each part, escapes undone; undefined where it is no such name */
function nameParts(text: string, separator: ',' | '\n'): string[] | undefined {
  const parts: string[] = [];
  const pattern = new RegExp(separator === ',' ? registeredPart : shownPart, 'y');
  let end = 0;
  while (end < text.length) {
    pattern.lastIndex = end;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    const type = typeNames[match[1]!] ?? match[1]!;
    parts.push(`${type.toUpperCase()}=${unescapeValue(match[2]!)}`);
    end = pattern.lastIndex;
  }
  return parts;
}

/** RFC 4514 §3 and what banks register by number: other spellings of one type. */
const typeNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.15': 'businessCategory',
  '2.5.4.97': 'organizationIdentifier',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
  '1.3.6.1.4.1.311.60.2.1.3': 'jurisdictionC',
};

/** `\2C` is a byte of UTF-8, every other escaped character itself (RFC 4514 §2.4). */
function unescapeValue(value: string): string {
  return value.replace(/(?:\\[0-9a-fA-F]{2})+|\\(.)/g, (run, single?: string) =>
    single === undefined ? Buffer.from(run.replaceAll('\\', ''), 'hex').toString('utf8') : single,
  );
}

interface AlternativeName {
  readonly kind: string;
  readonly value: string;
}

/** Node writes `DNS:a.example, URI:"x, y"`: what could be mistaken stands in JSON quotes. */
function alternativeNames(text: string): readonly AlternativeName[] {
  const names: AlternativeName[] = [];
  const pattern = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    // What cannot be read whole vouches for nobody.
    if (match === null) return [];
    const kind = match[1]!;
    const value = match[2]!.startsWith('"') ? String(JSON.parse(match[2]!)) : match[2]!;
    names.push({ kind, value: kind === 'DNS' ? value.toLowerCase() : canonical(kind, value) });
  }
  return names;
}

function canonical(kind: string, value: string): string {
  return kind === 'IP Address' ? (canonicalAddress(value) ?? '') : value;
}

function canonicalAddress(text: string | undefined): string | undefined {
  const address = text === undefined ? undefined : parseAddress(text);
  return address === undefined ? undefined : formatAddress(address);
}
