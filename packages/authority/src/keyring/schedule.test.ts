import { limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import {
  dueChanges,
  type KeyringSettings,
  nextGeneration,
  type SigningKeyRow,
  signingRow,
} from './schedule.ts';

const now = 1_700_000_000_000;
const hourMs = 3_600_000;
const settings: KeyringSettings = {
  algorithms: ['ES256'],
  rotateEverySeconds: 30 * 86_400,
  publishAheadSeconds: 86_400,
  tokenTtlSecondsMax: 3600,
};
const aheadMs = (86_400 + limits.clockSkewSeconds) * 1000;

function row(generation: number, more: Partial<SigningKeyRow> = {}): SigningKeyRow {
  return {
    tenant: 'default',
    kid: `k${generation}`,
    algorithm: 'ES256',
    generation,
    publicJwk: {},
    sealedPrivate: new Uint8Array(1),
    status: 'active',
    createdAt: now,
    activateAt: now,
    retireAt: null,
    version: 1,
    ...more,
  };
}

const due = (...rows: readonly SigningKeyRow[]) => dueChanges(rows, settings, now);

describe('the schedule', () => {
  it('makes a first key of each wanted algorithm, never one of HS256', () => {
    expect(dueChanges([], { ...settings, algorithms: ['ES256', 'HS256', 'EdDSA'] }, now)).toEqual([
      { do: 'create', algorithm: 'ES256' },
      { do: 'create', algorithm: 'EdDSA' },
    ]);
    expect(due(row(1, { status: 'compromised' }))).toEqual([{ do: 'create', algorithm: 'ES256' }]);
  });

  it('publishes the next key so early that the old one ends on time', () => {
    const activateAt = now - 30 * 24 * hourMs + aheadMs;
    expect(due(row(1, { activateAt: activateAt + 1 }))).toEqual([]);
    expect(due(row(1, { activateAt }))).toEqual([
      { do: 'publish', algorithm: 'ES256', activateAt: now + aheadMs },
    ]);
  });

  it('activates it when its moment has come, not before', () => {
    const old = row(1, { activateAt: now - 40 * 24 * hourMs });
    expect(due(old, row(2, { status: 'published', activateAt: now + 1 }))).toEqual([]);
    const next = row(2, { status: 'published', activateAt: now });
    const retireAt = now + 3_600_000 + limits.clockSkewSeconds * 1000 + limits.keyringViewMs;
    expect(due(old, next)).toEqual([{ do: 'activate', key: next, replaced: [old], retireAt }]);
  });

  it('activates a published key at once where no other signs', () => {
    const next = row(2, { status: 'published', activateAt: now + hourMs });
    expect(due(row(1, { status: 'compromised' }), next)).toMatchObject([
      { do: 'activate', key: next, replaced: [] },
    ]);
  });

  it('retires a key after the last token that it signed', () => {
    const active = row(2);
    expect(due(row(1, { status: 'retiring', retireAt: now + 1 }), active)).toEqual([]);
    const ended = row(1, { status: 'retiring', retireAt: now });
    expect(due(ended, active)).toEqual([{ do: 'retire', key: ended }]);
  });

  it('keeps tokens valid for as long as any may live, unless told otherwise', () => {
    const { tokenTtlSecondsMax: _, ...rest } = settings;
    const next = row(2, { status: 'published' });
    expect(dueChanges([row(1), next], rest, now)).toMatchObject([
      {
        retireAt:
          now +
          (limits.accessTokenTtlSecondsMax + limits.clockSkewSeconds) * 1000 +
          limits.keyringViewMs,
      },
    ]);
  });

  it('rotates an algorithm that is no longer wanted for as long as it has a key', () => {
    const rsa = row(1, { algorithm: 'RS256', activateAt: now - 40 * 24 * hourMs });
    expect(due(row(1), rsa)).toMatchObject([{ do: 'publish', algorithm: 'RS256' }]);
    const ended = row(1, { algorithm: 'RS256', status: 'retiring', retireAt: now });
    expect(due(row(1), ended)).toEqual([{ do: 'retire', key: ended }]);
  });
});

describe('the key that signs', () => {
  it('is the newest active one, never one that is only published', () => {
    const rows = [row(1), row(2), row(3, { status: 'published' }), row(4, { algorithm: 'EdDSA' })];
    expect(signingRow(rows, 'ES256')?.kid).toBe('k2');
    expect(signingRow(rows, 'RS256')).toBeUndefined();
    expect(nextGeneration(rows, 'ES256')).toBe(4);
    expect(nextGeneration(rows, 'RS256')).toBe(1);
  });
});
