import {
  defaultTenant,
  manualClock,
  parseFeedDelta,
  parseFeedSnapshot,
  parseJson,
} from '@mintmark/core';
import { StatusView } from '../../packages/gateway/src/view/status-view.ts';
import { type Harness, invariant, utf8Text } from '../harness.ts';
import { publicJwks } from './sample-keys.ts';

const key = { id: 'k', tenant: 'default', status: 'active', owner: 'o', scopes: ['a'] };
const entries = [
  {
    type: 'revocation',
    position: 1,
    target: { kind: 'client', id: 'c' },
    expiresAt: 9_999_999_999,
  },
  { type: 'key', position: 2, key: { ...key, verifier: 'AAAA', allowedAddresses: ['10.0.0.0/8'] } },
  { type: 'signing_key', position: 3, kid: 'x', jwk: publicJwks[0], status: 'trusted' },
  {
    type: 'route',
    position: 4,
    name: 'r',
    route: { name: 'r', match: {}, upstream: 'http://127.0.0.1:1' },
  },
];
const common = { tenant: 'default', epoch: 'e', head: 4, entries };

export const parseFeedHarness: Harness = {
  name: 'parse-feed',
  seeds: [
    JSON.stringify({ ...common, issuer: 'https://i.test' }),
    JSON.stringify({ ...common, after: 0 }),
    JSON.stringify({ ...common, after: 4, entries: [] }),
  ],
  dictionary: [
    ...['"type":', '"revocation"', '"key"', '"signing_key"', '"route"', '"position":', '"head":'],
    ...['"after":', '"epoch":', '"target":', '"status":', '"revoked"', '"retired"', 'null', '-1'],
    ...['"verifier":', '"allowedAddresses":', '"expiresAt":', '1e300', '{}', '[]', 'true'],
  ],
  run(input) {
    const value = parseJson(utf8Text(input));
    if (!value.ok) return value.refusal.reason;
    const view = new StatusView({ tenant: defaultTenant, clock: manualClock(0), log: () => {} });
    const snapshot = parseFeedSnapshot(value.value);
    if (snapshot.ok) {
      view.applySnapshot(snapshot.value, 0);
      view.expire();
      return `snapshot, ${view.freshness().kind}, ${view.routes.routes.length} routes`;
    }
    const delta = parseFeedDelta(value.value);
    if (!delta.ok) return delta.refusal.what.replace(/[0-9]+/, 'n');
    const { tenant, epoch, after } = delta.value;
    const head = { tenant, epoch, head: after, issuer: '', entries: [] };
    view.applySnapshot(head, 0);
    const outcome = view.applyDelta(delta.value, 0);
    invariant(outcome === 'gap' || view.position === after + delta.value.entries.length, 'a hole');
    invariant(outcome === 'applied' || view.freshness().kind === 'absent', 'a view with a gap');
    return `delta, ${outcome}`;
  },
};
