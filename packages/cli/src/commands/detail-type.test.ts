import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const payment = {
  type: 'payment',
  schema: { type: 'object' },
  words: { en: 'Pay', de: 'Zahlen' },
  updated_at: '2026-09-21T14:13:20Z',
};

describe('mintmark detail-type', () => {
  it('lists types with their words', async () => {
    const server = () => json(200, { items: [payment], next: null });
    const { out } = await run('detail-type list', { server });
    expect(out).toMatch(/payment +Pay/);
  });

  it('shows a type as it can be applied again', async () => {
    const { out, sent } = await run('detail-type show https://t.example/a', {
      server: () => json(200, payment),
    });
    expect(JSON.parse(out)).toEqual(payment);
    expect(sent[0]!.url).toContain('/v1/authorization-details-types/https%3A%2F%2Ft.example%2Fa');
  });

  it('deletes the version that it has seen', async () => {
    const server = ({ method }: { method: string }) =>
      method === 'GET' ? json(200, payment, { etag: '"3"' }) : new Response(null, { status: 204 });
    const { exit, out, sent } = await run('detail-type delete payment', { server });
    expect([exit, out]).toEqual([0, 'deleted payment\n']);
    expect(sent[1]!.headers.get('if-match')).toBe('"3"');
  });
});
