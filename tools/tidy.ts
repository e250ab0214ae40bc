/**
 * `npm run tidy`: the rules of CONVENTIONS.md and of the house's layout that a program can judge.
 * A new package, or a new folder of the authority, states its neighbours here in the same change.
 */

import { checkCalls } from './tidy/calls.ts';
import type { Finding } from './tidy/finding.ts';
import { checkForm } from './tidy/form.ts';
import { checkLayers, type Layers } from './tidy/layers.ts';
import { checkMusts } from './tidy/musts.ts';
import { checkPages } from './tidy/pages.ts';
import { checkReach } from './tidy/reach.ts';
import { checkTexts } from './tidy/texts.ts';
import { readTree, type Tree } from './tidy/tree.ts';

const engines = ['core', 'tokens', 'policy', 'tlog', 'detection'];

export const layers: Layers = {
  packages: {
    core: [],
    tokens: ['core'],
    policy: ['core'],
    tlog: ['core'],
    detection: ['core'],
    net: ['core'],
    gateway: [...engines, 'net'],
    authority: [...engines, 'net'],
    sdk: engines,
    // Only the command starts products, and only the console uses the SDK's typed client.
    cli: [...engines, 'net', 'gateway', 'authority', 'sdk'],
    console: [...engines, 'sdk'],
  },
  engines: {
    core: [],
    tokens: [],
    policy: [],
    tlog: [],
    detection: [],
  },
  order: {
    authority: [
      ['device-bed.ts'],
      ['tenant-bed.ts'],
      ['backchannel-bed.ts'],
      ['sign-in-bed.ts'],
      ['browser-bed.ts'],
      ['management-bed.ts'],
      ['grant-bed.ts'],
      ['authority-bed.ts'],
      ['bed-stores.ts'],
      ['authority.ts'],
      ['management.ts'],
      ['metrics.ts'],
      ['leaking.ts'],
      ['round.ts'],
      ['rotating.ts'],
      ['judging.ts'],
      ['rooms.ts'],
      ['config.ts'],
      ['http/'],
      ['admin/'],
      ['authorization/'],
      ['grants/'],
      ['federation/'],
      ['rotation/'],
      ['hooks/'],
      ['translation/'],
      ['leaks/'],
      ['tenants/'],
      ['details/'],
      ['policies/'],
      ['clients/'],
      ['users/'],
      ['apikeys/'],
      ['plans/'],
      ['roles/'],
      ['introspection/'],
      ['usage/'],
      ['threats/'],
      ['upstreams/'],
      ['adaptive/'],
      ['risk/'],
      ['alerts/', 'exports/', 'signals/'],
      ['compliance/'],
      ['revocation/'],
      ['issuance/'],
      ['keyring/'],
      ['custody/'],
      ['audit/'],
      ['store/'],
    ],
  },
  // A thread is a root of its own: it shares no object with the one that started it.
  compositionRoots:
    /^packages\/(?:cli\/src\/|authority\/src\/(?:authority|management|leaking)\.ts|.*-thread\.ts$)/,
};

/** Every row of the product's requirements, by prefix and count. */
const featureCounts = {
  TK: 7,
  AU: 3,
  IS: 3,
  ST: 4,
  VA: 4,
  LC: 5,
  RL: 4,
  MO: 5,
  DI: 7,
  CO: 4,
  AH: 4,
  DF: 8,
};

export const featureIds = Object.entries(featureCounts).flatMap(([prefix, count]) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`),
);

/** The standards whose every duty has its row, and the edges that others fell over. */
export const mustTables = [
  'rfc6749',
  'rfc6750',
  'rfc7009',
  'rfc7523',
  'rfc7636',
  'rfc7662',
  'rfc8628',
  'rfc8693',
  'rfc8705',
  'rfc8707',
  'rfc9068',
  'rfc9126',
  'rfc9207',
  'rfc9449',
  'rfc9470',
  'rfc9700',
  'rfc9728',
  'openid-connect-core',
  'hard-edges',
];

export function checkTree(tree: Tree): Finding[] {
  return [
    ...checkLayers(tree, layers),
    ...checkCalls(tree),
    ...checkForm(tree),
    ...checkReach(tree),
    ...checkTexts(tree),
    ...checkPages(tree, featureIds),
    ...checkMusts(tree, mustTables),
  ];
}

if (import.meta.main) {
  const findings = checkTree(readTree(new URL('..', import.meta.url).pathname));
  for (const { path, line, rule, message, level } of findings) {
    console.log(`${level} ${path}:${line} [${rule}] ${message}`);
  }
  const failures = findings.filter((finding) => finding.level === 'fail').length;
  console.log(`tidy: ${failures} failures, ${findings.length - failures} warnings`);
  process.exitCode = failures === 0 ? 0 : 1;
}
