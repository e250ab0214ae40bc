/**
 * The judge as an agent of HAProxy: HAProxy asks by SPOP before it does anything else with a
 * request, and gets the decision as variables of the transaction, out of which its configuration
 * makes what is sent on or answered. Neighbours: `spop.ts` has the frames, `ruling.ts` what a
 * verdict means. What must never happen: `allowed` set for anything but a verdict that allows.
 */
import { type HttpResponse, limits, type RangeSet } from '@mintmark/core';
import type { FrameConnection, FrameProtocol, StreamRequest } from '@mintmark/net';
import { clientBehind, originalRequest } from './original-request.ts';
import { type Judged, type Passed, ruleOf } from './ruling.ts';
import {
  readSpopFrame,
  type SpopFrame,
  SpopReader,
  type SpopValue,
  spopFrame,
  spopSetVar,
  spopText,
  spopTypes,
  spopValue,
} from './spop.ts';

/** Of SPOP 2.0 §3.3: why a connection ends. */
const statuses = {
  normal: [0, 'normal'],
  invalid: [4, 'invalid frame received'],
  noVersion: [5, 'version value not found'],
  noSize: [6, 'max-frame-size value not found'],
  badVersion: [8, 'unsupported version'],
  badSize: [9, 'max-frame-size too big or too small'],
  fragments: [10, 'fragmentation not supported'],
  resources: [13, 'resource allocation error'],
} as const;

/** What HAProxy's own buffers hold by default. */
const frameSizeMost = 16_380;
const frameSizeLeast = 256;

export interface SpopOptions {
  /** What stands before HAProxy, and says who its client is. */
  readonly trusted: RangeSet;
}

type Decide = (request: StreamRequest) => Promise<Judged>;

export function createSpopAgent(
  { decide }: { readonly decide: Decide },
  { trusted }: SpopOptions,
): FrameProtocol {
  const parts: Parts = { decide, trusted, signal: new AbortController().signal };
  return (connection) => {
    let sizeMax: number | undefined;
    let underWay = 0;
    return (bytes) => {
      const frame = readSpopFrame(bytes);
      if (frame === undefined) return disconnect(connection, 'invalid');
      if (!frame.isWhole) return disconnect(connection, 'fragments');
      if (sizeMax === undefined) {
        sizeMax = frame.type === spopTypes.haproxyHello ? greet(connection, frame) : undefined;
        if (sizeMax === undefined) connection.end();
        return;
      }
      if (frame.type === spopTypes.haproxyDisconnect) return disconnect(connection, 'normal');
      // Unknown frames may be skipped (§3.2.2).
      if (frame.type !== spopTypes.notify) return;
      if (underWay >= limits.framesUnderWayMax) return disconnect(connection, 'resources');
      underWay++;
      void answer(parts, connection, { frame, sizeMax })
        .catch((error: unknown) => connection.fail(error))
        .finally(() => underWay--);
    };
  };
}

interface Parts extends SpopOptions {
  readonly decide: Decide;
  readonly signal: AbortSignal;
}

/** @returns the size of frames agreed on; undefined where it ends, as a check of health does */
function greet(connection: FrameConnection, { payload }: SpopFrame): number | undefined {
  const said = readPairs(payload, Number.POSITIVE_INFINITY);
  const problem = payload.failed ? 'invalid' : problemOf(said);
  if (problem !== undefined) {
    disconnect(connection, problem);
    return undefined;
  }
  const size = Math.min(Number(said['max-frame-size']), frameSizeMost);
  const hello = [
    ...[spopText('version'), spopValue('2.0')],
    ...[spopText('max-frame-size'), spopValue(size)],
    ...[spopText('capabilities'), spopValue('pipelining')],
  ].join('');
  connection.send(spopFrame(spopTypes.agentHello, { streamId: 0, frameId: 0 }, hello));
  return said['healthcheck'] === true ? undefined : size;
}

function problemOf(said: Readonly<Record<string, SpopValue>>): keyof typeof statuses | undefined {
  const { 'supported-versions': versions, 'max-frame-size': size } = said;
  if (typeof versions !== 'string') return 'noVersion';
  if (!versions.split(',').some((one) => /^\s*2\.0\s*$/.test(one))) return 'badVersion';
  if (typeof size !== 'number') return 'noSize';
  return size < frameSizeLeast ? 'badSize' : undefined;
}

function disconnect(connection: FrameConnection, why: keyof typeof statuses): void {
  const [code, message] = statuses[why];
  const said = [
    ...[spopText('status-code'), spopValue(code)],
    ...[spopText('message'), spopValue(message)],
  ].join('');
  connection.send(spopFrame(spopTypes.agentDisconnect, { streamId: 0, frameId: 0 }, said));
  connection.end();
}

/** A question that cannot be read, or judged, sets nothing: the configuration refuses then. */
async function answer(
  parts: Parts,
  connection: FrameConnection,
  { frame, sizeMax }: { readonly frame: SpopFrame; readonly sizeMax: number },
): Promise<void> {
  const { streamId, frameId, payload } = frame;
  const said = readMessage(payload);
  const wordings = said === undefined ? [] : await judge(parts, said, connection.peerAddress);
  const acks = wordings.map((vars) => spopFrame(spopTypes.ack, { streamId, frameId }, vars));
  // A frame that is too long would end the connection, and with it the questions of others.
  const fitting = acks.find(({ length }) => length <= sizeMax);
  connection.send(fitting ?? spopFrame(spopTypes.ack, { streamId, frameId }, ''));
}

/** One message, with its arguments by name; more than one, or what cannot be read, is none. */
function readMessage(payload: SpopReader): Readonly<Record<string, SpopValue>> | undefined {
  payload.text();
  const said = readPairs(payload, payload.byte());
  return payload.failed || !payload.atEnd ? undefined : said;
}

function readPairs(payload: SpopReader, most: number): Record<string, SpopValue> {
  const pairs: Record<string, SpopValue> = Object.create(null);
  for (let count = 0; count < most && !payload.atEnd; count++) {
    pairs[payload.text()] = payload.value();
  }
  return pairs;
}

/** @returns the variables, and shorter ones that will do */
async function judge(
  { decide, trusted, signal }: Parts,
  said: Readonly<Record<string, SpopValue>>,
  peerAddress: string,
): Promise<readonly string[]> {
  const { method, target, client, tls } = said;
  const head = readHeaders(said['headers']);
  if (typeof method !== 'string' || typeof target !== 'string') return [];
  if (typeof client !== 'string' || head === undefined) return [];
  const forwarded = trusted.contains(client);
  const seen = clientBehind({
    peer: { remoteAddress: client, scheme: tls === true ? 'https' : 'http' },
    trusted,
    // HAProxy's own word stands, unless a proxy that we trust stands before it.
    forwardedFor: forwarded ? joinedOf(head.headers, 'x-forwarded-for') : undefined,
    forwardedProto: forwarded ? joinedOf(head.headers, 'x-forwarded-proto') : undefined,
  });
  const certificate = certificateOf(said['certificate']);
  const original = originalRequest({
    ...{ method, target, ...head, peerAddress, signal },
    client: { ...seen, certificate },
  });
  if (!original.ok) return refused(original.refusal);
  const ruling = ruleOf(original.value, await decide(original.value));
  return ruling.kind === 'passed' ? [allowed(ruling)] : refused(ruling.response);
}

function certificateOf(der: SpopValue) {
  if (typeof der !== 'string' || der === '') return undefined;
  return { der: Buffer.from(der, 'latin1'), trusted: false };
}

function joinedOf(headers: readonly string[], name: string): string | undefined {
  const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]!.toLowerCase() === name);
  return values.length === 0 ? undefined : values.join(', ');
}

/** `req.hdrs_bin`: names and values with their lengths, ended by two that are empty. */
function readHeaders(
  binary: SpopValue,
): { readonly host: string; readonly headers: readonly string[] } | undefined {
  if (typeof binary !== 'string') return undefined;
  const reader = new SpopReader(Buffer.from(binary, 'latin1'));
  const headers: string[] = [];
  let host: string | undefined;
  for (;;) {
    const [name, value] = [reader.text(), reader.text()];
    if (reader.failed) return undefined;
    if (name === '' && value === '') break;
    // A second one stays among the headers, and is found to be one too many.
    if (host === undefined && name.toLowerCase() === 'host') host = value;
    else headers.push(name, value);
  }
  return host === undefined || !reader.atEnd ? undefined : { host, headers };
}

/** Headers of requests and answers as variables: `x-mintmark-credential-id` is `credential_id`. */
function variableOf(name: string): string {
  return name.replace(/^x-mintmark-/, '').replaceAll('-', '_');
}

function fieldVars(fields: readonly string[]): string {
  let out = '';
  for (let i = 0; i < fields.length; i += 2)
    out += spopSetVar(variableOf(fields[i]!), fields[i + 1]!);
  return out;
}

function allowed({ target, set, answerFields }: Passed): string {
  // Last what the configuration goes by: no header of a rule takes its name.
  return (
    fieldVars(set) +
    fieldVars(answerFields) +
    spopSetVar('target', target) +
    spopSetVar('allowed', true)
  );
}

function refused({ status, headers, body }: HttpResponse): readonly string[] {
  const fields = Object.entries(headers).flatMap(([name, value]) => [
    name,
    [value].flat().join(', '),
  ]);
  const text = typeof body === 'string' ? Buffer.from(body, 'utf8').toString('latin1') : '';
  const verdict = spopSetVar('status', status) + spopSetVar('allowed', false);
  return [fieldVars(fields) + spopSetVar('body', text) + verdict, verdict];
}
