import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../json.ts';
import {
  type FeedProof,
  feedProofPayload,
  isFeedProof,
  parseFeedDelta,
  parseFeedSnapshot,
} from './feed-http.ts';

const revocation = {
  type: 'revocation',
  position: 4,
  target: { kind: 'client', id: 'c' },
  expiresAt: 100,
};
const key = { id: 'k', tenant: 'default', status: 'active', owner: 'o', scopes: ['a'] };
const keyEntry = { type: 'key', position: 5, key };
const signingKey = { type: 'signing_key', position: 6, kid: 'x', jwk: {}, status: 'trusted' };
const route = { type: 'route', position: 7, name: 'r', route: null };
const credential = { type: 'upstream_credential', position: 8, name: 'c', credential: null };
const field = { header: 'authorization', value: 'Bearer x' };
const credentials = [credential, { ...credential, credential: field }];
const entries = [revocation, keyEntry, signingKey, route, ...credentials];
const delta = { tenant: 'default', epoch: 'e', head: 7, after: 3, entries };
const snapshot = { tenant: 'default', epoch: 'e', head: 7, issuer: 'https://i', entries };

describe('feed bodies', () => {
  it('reads what it knows', () => {
    expect(parseFeedDelta(delta)).toEqual({ ok: true, value: delta });
    expect(parseFeedSnapshot(snapshot)).toEqual({ ok: true, value: snapshot });
  });

  it.each<[string, JsonValue]>([
    ['body', null],
    ['body', []],
    ['tenant', { ...delta, tenant: 1 }],
    ['epoch', { ...delta, epoch: null }],
    ['head', { ...delta, head: -1 }],
    ['head', { ...delta, head: 1.5 }],
    ['head', { ...delta, head: '7' }],
    ['after', { ...delta, after: 1e300 }],
    ['entries', { ...delta, entries: {} }],
    ['entries/0', { ...delta, entries: [1] }],
    ['entries/0', { ...delta, entries: [{ ...revocation, type: 'later' }] }],
    ['entries/1', { ...delta, entries: [revocation, { ...revocation, position: 'a' }] }],
    ['entries/0', { ...delta, entries: [{ ...revocation, target: { kind: 'x', id: 'y' } }] }],
    ['entries/0', { ...delta, entries: [{ ...revocation, target: 'c' }] }],
    ['entries/0', { ...delta, entries: [{ ...revocation, expiresAt: '100' }] }],
    ['entries/0', { ...delta, entries: [{ ...keyEntry, key: null }] }],
    ['entries/0', { ...delta, entries: [{ ...keyEntry, key: { ...key, status: 'odd' } }] }],
    ['entries/0', { ...delta, entries: [{ ...keyEntry, key: { ...key, scopes: 'a' } }] }],
    ['entries/0', { ...delta, entries: [{ ...keyEntry, key: { ...key, verifier: 1 } }] }],
    ['entries/0', { ...delta, entries: [{ ...keyEntry, key: { ...key, expiresAt: 'x' } }] }],
    ['entries/0', { ...delta, entries: [{ ...keyEntry, key: { ...key, allowedAddresses: 1 } }] }],
    ['entries/0', { ...delta, entries: [{ ...signingKey, status: 'maybe' }] }],
    ['entries/0', { ...delta, entries: [{ ...signingKey, jwk: 'x' }] }],
    ['entries/0', { ...delta, entries: [{ ...route, route: 'x' }] }],
    ['entries/0', { ...delta, entries: [{ ...credential, credential: { header: 'x' } }] }],
    ['entries/0', { ...delta, entries: [{ ...credential, name: 1 }] }],
  ])('refuses a wrong %s', (what, value) => {
    expect(parseFeedDelta(value)).toEqual({
      ok: false,
      refusal: { reason: 'malformed_feed', what },
    });
  });

  it('refuses a snapshot without issuer', () => {
    expect(parseFeedSnapshot({ ...delta })).toMatchObject({ refusal: { what: 'issuer' } });
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void parseFeedDelta(value as JsonValue)));
  });
});

describe('feed proof', () => {
  const proof: FeedProof = {
    tenant: 'default',
    epoch: 'e',
    head: 7,
    body: '{}',
    node: 'n',
    nonce: 'x',
  };

  it('holds for the same answer to the same question', () => {
    expect(isFeedProof(feedProofPayload(proof), proof)).toBe(true);
  });

  it.each(Object.entries({ ...proof, head: 8, body: '{ }' }).map(([name]) => name))(
    'does not hold where %s differs',
    (name) => {
      const other = { ...proof, [name]: name === 'head' ? 8 : 'other' };
      expect(isFeedProof(feedProofPayload(other), proof)).toBe(false);
    },
  );

  it('does not hold for something else', () => {
    expect(isFeedProof(null, proof)).toBe(false);
    expect(isFeedProof({}, proof)).toBe(false);
  });
});
