import { ok } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { openOldSystem } from './old-system.ts';

describe('the section old_system', () => {
  const sent: unknown[] = [];
  const client = {
    async send(request: unknown) {
      sent.push(request);
      return ok({ status: 200, header: () => undefined, body: Buffer.from('{"active":false}') });
    },
  };
  const open = (section: Record<string, string>, environment = {}) => {
    const { old_system } = configSchema.parse({ old_system: section });
    return openOldSystem({ environment }, old_system, client);
  };

  it('says nothing where there is none, or where it is switched off', async () => {
    const url = 'https://old.example/introspect';
    expect(await open({})).toBeUndefined();
    expect(await open({ url, mode: 'off' })).toBeUndefined();
  });

  it('asks with the credential that it names', async () => {
    const url = 'https://old.example/introspect';
    const section = { url, authorization: 'env:OLD', tenant: 'shop', mode: 'both' };
    const opened = await open(section, { OLD: 'Basic abc' });
    expect(opened).toMatchObject({ tenant: 'shop', mode: 'both' });
    expect(await opened?.ask('k')).toEqual({ active: false });
    expect(sent[0]).toMatchObject({ url, headers: { authorization: 'Basic abc' } });
  });
});
