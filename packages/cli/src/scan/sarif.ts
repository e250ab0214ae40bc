/**
 * A scan's finds as SARIF 2.1.0 (OASIS), for code hosts and CI systems that show them beside the
 * code. The fingerprint is the token's own id: the same leak in another file or commit is the same.
 */
import { pathToFileURL } from 'node:url';
import { version } from '../version.ts';
import type { Find, ScanRecord } from './scan-record.ts';

const kindNames: Readonly<Record<string, string>> = {
  key: 'API key',
  sub: 'sub-key',
  pat: 'personal access token',
  admin: 'admin key',
  at: 'access token',
  rt: 'refresh token',
  ac: 'authorization code',
  dc: 'device code',
  cs: 'client secret',
  cr: 'registration token',
  br: 'back-channel authentication request',
};

/** What a kind of token is called, for people. */
export function nameOfKind(kind: string): string {
  return kindNames[kind] ?? kind;
}

/** Those that live for minutes are worth a warning; all others open a door as they stand. */
const shortLived: readonly string[] = ['at', 'ac', 'dc', 'br'];

export function sarifOf(record: ScanRecord): Readonly<Record<string, unknown>> {
  const kinds = [...new Set(record.finds.map((one) => one.kind))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'mintmark scan',
            semanticVersion: version,
            rules: kinds.map((kind) => ({
              id: `leaked-${kind}`,
              name: nameOfKind(kind),
              shortDescription: { text: `Leaked ${nameOfKind(kind)}` },
              help: {
                text:
                  'Report it to the server that made it, which refuses it from then on ' +
                  '(mintmark scan --report), put a new one in its place, and take it out here.',
              },
              defaultConfiguration: { level: shortLived.includes(kind) ? 'warning' : 'error' },
              properties: { tags: ['security'], 'security-severity': '9.0' },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        invocations: [
          {
            executionSuccessful: record.unreadable.length === 0,
            toolExecutionNotifications: record.unreadable.map(({ path, reason }) => ({
              level: 'error',
              message: { text: `${path} was not read: ${reason}` },
            })),
          },
        ],
        results: record.finds.map((find) => resultOf(find, kinds)),
      },
    ],
  };
}

function resultOf(find: Find, kinds: readonly string[]): Readonly<Record<string, unknown>> {
  const { kind, prefix, id, ending, place, line, column, offset, length } = find;
  return {
    ruleId: `leaked-${kind}`,
    ruleIndex: kinds.indexOf(kind),
    level: shortLived.includes(kind) ? 'warning' : 'error',
    message: { text: `${nameOfKind(kind)} ${prefix}_${kind}_${id}… ending in ${ending}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(place.path) },
          region: {
            startLine: line,
            startColumn: column,
            endColumn: column + length,
            byteOffset: offset,
            byteLength: length,
          },
        },
      },
    ],
    partialFingerprints: { 'mintmarkTokenId/v1': `${prefix}_${kind}_${id}` },
    ...(place.object === undefined
      ? {}
      : { properties: { object: place.object, commit: place.commit } }),
  };
}

/** Relative paths stay relative to the run's folder, each segment encoded. */
function uriOf(path: string): string {
  if (path.startsWith('/')) return pathToFileURL(path).href;
  return path
    .replace(/^(?:\.\/)+/, '')
    .split(/[/\\]/)
    .map(encodeURIComponent)
    .join('/');
}
