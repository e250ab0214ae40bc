/**
 * Envoy's external authorization by gRPC, `envoy.service.auth.v3.Authorization/Check`: the messages
 * on both sides, by the field numbers of Envoy's API v3, and the decision between them.
 */
import {
  err,
  ok,
  type PeerCertificate,
  type RangeSet,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { certificateOfHeader, type StreamRequest } from '@mintmark/net';
import type { Identity } from '../verify/identity.ts';
import { clientBehind, originalRequest } from './original-request.ts';
import { ProtoReader } from './protobuf/reader.ts';
import { bytesOf, messageField, numberField, textField, type Wire } from './protobuf/write.ts';
import { type Answer, type Judged, type Passed, ruleOf } from './ruling.ts';

export const checkMethod = '/envoy.service.auth.v3.Authorization/Check';

/** What Envoy says of a request. */
export interface CheckRequest {
  readonly method: string;
  /** Path and query, and a fragment where Envoy did not cut it off. */
  readonly target: string;
  readonly host: string;
  readonly scheme: string;
  /** Name and value in turn, without pseudo-headers. */
  readonly headers: readonly string[];
  /** Of the client, as Envoy sees it. */
  readonly address: string;
  /** PEM, percent-encoded; empty without mutual TLS. */
  readonly certificate: string;
}

interface Reading {
  method: string;
  target: string;
  host: string;
  scheme: string;
  address: string;
  certificate: string;
  query: string;
  fragment: string;
  readonly headers: string[];
}

/** @returns refused where the bytes are no CheckRequest, or one without method, path or host */
export function readCheckRequest(message: Uint8Array): Result<CheckRequest, 'malformed'> {
  const read: Reading = {
    ...{ method: '', target: '', host: '', scheme: '', address: '', certificate: '' },
    ...{ query: '', fragment: '', headers: [] },
  };
  const whole = ProtoReader.of(message);
  while (whole.next()) {
    if (whole.field !== 1) whole.skip();
    else readAttributes(whole.message(), read);
  }
  const { query, fragment, target, ...rest } = read;
  if (whole.failed || rest.method === '' || target === '' || rest.host === '') {
    return err('malformed');
  }
  // Envoy has both in the path; where it has not, they are judged all the same.
  const full = target + (query === '' ? '' : `?${query}`) + (fragment === '' ? '' : `#${fragment}`);
  return ok({ ...rest, target: full });
}

function readAttributes(reader: ProtoReader, read: Reading): void {
  while (reader.next()) {
    if (reader.field === 1) readSource(reader.message(), read);
    else if (reader.field === 4) readRequest(reader.message(), read);
    else reader.skip();
  }
}

/** Peer: address = 1, certificate = 5. */
function readSource(reader: ProtoReader, read: Reading): void {
  while (reader.next()) {
    if (reader.field === 1) readAddress(reader.message(), read);
    else if (reader.field === 5) read.certificate = reader.latin1();
    else reader.skip();
  }
}

/** Address: socket_address = 1 with address = 2. */
function readAddress(reader: ProtoReader, read: Reading): void {
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const socket = reader.message();
    while (socket.next()) {
      if (socket.field === 2) read.address = socket.latin1();
      else socket.skip();
    }
  }
}

/** Request: http = 2. */
function readRequest(reader: ProtoReader, read: Reading): void {
  while (reader.next()) {
    if (reader.field === 2) readHttp(reader.message(), read);
    else reader.skip();
  }
}

function readHttp(reader: ProtoReader, read: Reading): void {
  while (reader.next()) {
    switch (reader.field) {
      case 2:
        read.method = reader.latin1();
        break;
      case 3:
        readHeader(reader.message(), read.headers);
        break;
      case 4:
        read.target = reader.latin1();
        break;
      case 5:
        read.host = reader.latin1();
        break;
      case 6:
        read.scheme = reader.latin1();
        break;
      case 7:
        read.query = reader.latin1();
        break;
      case 8:
        read.fragment = reader.latin1();
        break;
      case 13:
        readHeaderMap(reader.message(), read.headers);
        break;
      default:
        reader.skip();
    }
  }
}

/** With `encode_raw_headers`: HeaderMap, whose headers = 1. */
function readHeaderMap(reader: ProtoReader, headers: string[]): void {
  while (reader.next()) {
    if (reader.field === 1) readHeader(reader.message(), headers);
    else reader.skip();
  }
}

/** An entry of a map, or a HeaderValue: key = 1, value = 2, raw_value = 3. */
function readHeader(reader: ProtoReader, headers: string[]): void {
  let name = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.latin1();
    else if (reader.field === 2 || reader.field === 3) value = reader.latin1();
    else reader.skip();
  }
  if (!name.startsWith(':')) headers.push(name, value);
}

export interface CheckParts {
  readonly decide: (request: StreamRequest) => Promise<Judged>;
  /** What stands before Envoy, and says who its client is. */
  readonly trusted: RangeSet;
  readonly signal: AbortSignal;
}

/** Decides, and says so in a CheckResponse. */
export async function answerCheck(
  parts: CheckParts,
  check: CheckRequest,
  peerAddress: string,
): Promise<Uint8Array> {
  const original = originalRequest({
    ...check,
    client: clientOf(parts, check),
    ...{ peerAddress, signal: parts.signal },
  });
  if (!original.ok) return denied({ kind: 'answer', response: original.refusal });
  const ruling = ruleOf(original.value, await parts.decide(original.value), envoysOwn);
  return ruling.kind === 'passed' ? allowed(ruling, check.target) : denied(ruling);
}

/** Envoy sanitises or sets them itself, where `use_remote_address` is on. */
const envoysOwn: ReadonlySet<string> = new Set([
  ...['x-forwarded-client-cert', 'x-envoy-external-address'],
]);

function clientOf({ trusted }: CheckParts, check: CheckRequest) {
  const { address: remoteAddress, headers } = check;
  const scheme = check.scheme === 'https' ? 'https' : 'http';
  const client = clientBehind({
    peer: { remoteAddress, scheme },
    trusted,
    // Envoy's own word stands, unless a proxy that we trust stands before it.
    forwardedFor: trusted.contains(remoteAddress)
      ? headerOf(headers, 'x-forwarded-for')
      : undefined,
    forwardedProto: headerOf(headers, 'x-forwarded-proto'),
  });
  return { ...client, certificate: certificateOf(check) };
}

function certificateOf({ certificate }: CheckRequest): PeerCertificate | undefined {
  if (certificate === '') return undefined;
  // Whether Envoy asked for an authority it does not say; a thumbprint needs none.
  return certificateOfHeader(certificate, { name: '', verified: false });
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
}

/** google.rpc.Code */
const codes = { ok: 0, permissionDenied: 7, unauthenticated: 16 } as const;

/** CheckResponse: status = 1, ok_response = 3, dynamic_metadata = 4. */
function allowed(
  { set, remove, answerFields, target, verdict }: Passed,
  asked: string,
): Uint8Array {
  // What is sent on is what was judged, whatever the settings of this Envoy.
  const path = target === asked ? '' : headerField(2, ':path', target);
  const okResponse = [
    path,
    ...headerFields(2, set),
    ...remove.map((name) => textField(5, name)),
    ...headerFields(6, answerFields),
  ];
  const metadata = metadataOf(verdict.identity, verdict.tenant);
  return bytesOf(
    messageField(1, numberField(1, codes.ok)) +
      messageField(3, okResponse.join('')) +
      (metadata === '' ? '' : messageField(4, metadata)),
  );
}

/** CheckResponse: denied_response = 2 with status = 1 {code = 1}, headers = 2, body = 3. */
function denied({ response }: Answer): Uint8Array {
  const { status, headers, body } = response;
  const code = status === 401 ? codes.unauthenticated : codes.permissionDenied;
  const fields = Object.entries(headers).map(([name, value]) =>
    headerField(2, name, [value].flat().join(', ')),
  );
  const text = typeof body === 'string' ? body : '';
  const answer = messageField(1, numberField(1, status)) + fields.join('') + textField(3, text);
  return bytesOf(messageField(1, numberField(1, code)) + messageField(2, answer));
}

function headerFields(field: number, fields: readonly string[]): Wire[] {
  const out: Wire[] = [];
  for (let i = 0; i < fields.length; i += 2)
    out.push(headerField(field, fields[i]!, fields[i + 1]!));
  return out;
}

/** HeaderValueOption: header = 1 {key = 1, value = 2}, append_action = 3. */
function headerField(field: number, name: string, value: string): Wire {
  const header = textField(1, name) + textField(2, value);
  return messageField(field, messageField(1, header) + numberField(3, overwriteOrAdd));
}

/** HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD */
const overwriteOrAdd = 2;

/** For Envoy's log, its own rules and its rate limits: who calls. A google.protobuf.Struct. */
function metadataOf(identity: Identity | undefined, tenant: TenantId): Wire {
  if (identity === undefined) return structEntry('tenant', textValue(tenant));
  const { subject, clientId, scopes, kind, credentialId } = identity;
  const list = scopes.map((scope) => messageField(1, textValue(scope))).join('');
  return [
    structEntry('subject', textValue(subject)),
    clientId === undefined ? '' : structEntry('client', textValue(clientId)),
    structEntry('scopes', messageField(6, list)),
    structEntry('credential_kind', textValue(kind)),
    structEntry('credential_id', textValue(credentialId)),
    structEntry('tenant', textValue(tenant)),
  ].join('');
}

function structEntry(name: string, value: Wire): Wire {
  return messageField(1, textField(1, name) + messageField(2, value));
}

/** Written even where it is empty: a Value of no kind is none. */
function textValue(text: string): Wire {
  return text === '' ? messageField(3, '') : textField(3, text);
}
