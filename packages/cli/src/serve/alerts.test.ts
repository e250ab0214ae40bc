import { manualClock, seededEntropy } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { openAlerts } from './alerts.ts';

const secret = 'a secret of thirty-two bytes or more';
const webhook = 'https://hook.example/alerts';

function open(section: Record<string, unknown>, environment: Record<string, string> = {}) {
  const ports = { environment, clock: manualClock(0), entropy: seededEntropy(1) };
  const config = configSchema.parse({ alerts: section }).alerts;
  return openAlerts(ports, config, { send: () => Promise.reject(new Error('not asked')) });
}

describe('who hears beside the owners of credentials', () => {
  it('is nobody, or a contact', async () => {
    expect(await open({})).toEqual({ contact: undefined });
    expect(await open({ contact: 'ops@example.com' })).toEqual({ contact: 'ops@example.com' });
    expect(configSchema.safeParse({ alerts: { contact: 'a@b, c@d' } }).success).toBe(false);
  });

  it('is a program behind a URL, whose requests are signed', async () => {
    const opened = await open({ webhook, webhook_secret: 'env:HOOK' }, { HOOK: secret });
    expect(opened.webhook).toBeDefined();
    const invalid = { code: 'alerts_invalid' };
    await expect(open({ webhook })).rejects.toMatchObject(invalid);
    const short = open({ webhook, webhook_secret: 'env:HOOK' }, { HOOK: 'short' });
    await expect(short).rejects.toMatchObject(invalid);
    const absent = open({ webhook, webhook_secret: 'file:/nowhere/absent' });
    await expect(absent).rejects.toMatchObject({
      ...invalid,
      hint: expect.stringContaining('openssl'),
    });
  });
});
