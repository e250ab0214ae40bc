/** A flood of password checks, and what it may cost everybody else. */
import { limits } from '@mintmark/core';
import { hash } from '@node-rs/argon2';
import { expect, test } from 'vitest';
import { managementBed } from './management-bed.ts';

test('password checks in hundreds keep neither tokens nor the slowest keys waiting', async () => {
  const bed = await managementBed();
  const client = await bed.addClient();
  const made = await bed.call('POST', '/v1/users', {
    json: { username: 'alice', password: 'correct horse battery' },
  });
  const secret = 'ak_a1.imported-secret';
  const imported = await bed.call('POST', '/v1/keys/import', {
    json: {
      format: { prefix: 'ak_', separator: '.' },
      keys: [{ id: 'a1', hash: await hash(secret) }],
    },
  });
  expect(imported.body).toMatchObject({ imported: 1 });

  const room = 2 * (limits.slowHashConcurrencyMax + limits.slowHashQueueMax);
  const path = `/v1/users/${made.body['id']}/password/compare`;
  const answered: number[] = [];
  const flood = Array.from({ length: room }, async () => {
    const { status } = await bed.call('POST', path, { json: { password: 'a guess' } });
    answered.push(status);
  });

  const token = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
  expect(token.status).toBe(200);
  const verified = await bed.call('POST', '/v1/keys/verify', { json: { key: secret } });
  expect(verified.body).toMatchObject({ active: true });
  // Both were answered while most of the flood still waited or was turned away.
  const judgedBefore = answered.filter((status) => status === 200).length;
  expect(judgedBefore).toBeLessThan(limits.slowHashQueueMax / 2);

  await Promise.all(flood);
  const turnedAway = answered.filter((status) => status === 503);
  expect(turnedAway).toHaveLength(room / 2);
});
