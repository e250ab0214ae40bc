import { err, manualClock, NetworkFault, ok, seededEntropy } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { type AlertWebhookParts, alertWebhook } from './alert-webhook.ts';
import { contentDigest } from './message-signature.ts';

const body = '{"kind":"key.expiring"}';

function hook(send: AlertWebhookParts['client']['send']) {
  return alertWebhook({
    url: 'https://hook.example/alerts',
    secret: Buffer.from('a secret of thirty-two bytes or more'),
    clock: manualClock(1_790_000_000_000),
    entropy: seededEntropy(1),
    client: { send },
  });
}

const answers = (status: number) => async () =>
  ok({ status, body: new Uint8Array(), header: () => undefined });

describe('the program that hears what owners are told', () => {
  it('gets the message whole, under a signature', async () => {
    let asked: Parameters<AlertWebhookParts['client']['send']>[0] | undefined;
    const taken = await hook(async (request) => {
      asked = request;
      return answers(204)();
    }).send(body);
    expect(taken).toBe(true);
    expect(asked).toMatchObject({ url: 'https://hook.example/alerts', method: 'POST', body });
    expect(asked?.headers).toMatchObject({
      'content-digest': contentDigest(body),
      signature: expect.stringMatching(/^sig1=:/),
    });
  });

  it('has taken it when it says so, and not else', async () => {
    expect(await hook(answers(200)).send(body)).toBe(true);
    for (const status of [302, 400, 503])
      expect(await hook(answers(status)).send(body)).toBe(false);
    const large = hook(async () => err({ reason: 'body_too_large', bytesMax: 1 }));
    expect(await large.send(body)).toBe(false);
    const away = hook(() => Promise.reject(new NetworkFault('outbound_failed', 'away')));
    expect(await away.send(body)).toBe(false);
    const broken = hook(() => Promise.reject(new TypeError('a bug')));
    await expect(broken.send(body)).rejects.toThrow('a bug');
  });
});
