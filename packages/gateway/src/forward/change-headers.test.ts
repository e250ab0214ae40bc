import type { ClientId, SubjectId } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let heads: string[];

beforeEach(async () => {
  heads = [];
  upstream = await openRawUpstream((socket, head) => {
    heads.push(head);
    const fields = [
      'Server: old/1.0',
      'Set-Cookie: a=b',
      'X-Debug: 1',
      'X-Debug: 2',
      'Vary: Accept',
    ];
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${fields.join('\r\n')}\r\n\r\nok`);
  });
  rig = await openRig([
    {
      name: 'all',
      match: {},
      credential: 'optional',
      upstream: upstream.url,
      request_headers: {
        set: { 'X-Tier': '{claims.tier}', 'x-user': 'u={subject};c={client}', 'x-fixed': 'a, b' },
        add: { 'x-tag': '{claims.tags}' },
        remove: ['cookie'],
      },
      response_headers: {
        set: { 'x-served-for': '{tenant}', 'cache-control': 'no-store' },
        add: { vary: 'X-Tier' },
        remove: ['server', 'set-cookie', 'x-debug'],
      },
    },
  ]);
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

/** Fields of a name in the head that the upstream got, in any spelling. */
function seen(name: string): string[] {
  const lines = (heads.at(-1) ?? '').split('\r\n').map((line) => line.split(/: ?(.*)/s));
  const same = (one: string) => one.toLowerCase().replaceAll(/[^a-z0-9]/g, '-') === name;
  return lines.filter(([field = '']) => same(field)).map(([, value = '']) => value);
}

async function send(
  credential: string | undefined,
  headers: Record<string, string | string[]> = {},
) {
  const own = credential === undefined ? {} : bearer(credential);
  return ask(rig.listener.port, { headers: { ...own, ...headers } });
}

describe('header rules', () => {
  it('name the caller to the upstream, in place of what the client says', async () => {
    const claims = { tier: 'gold', tags: ['a', 'b,c', 7, true] };
    const token = rig.token({ subject: 'anna' as SubjectId, clientId: 'web' as ClientId }, claims);
    const told = {
      'X-Tier': 'platinum',
      X_Tier: 'x',
      'x.tier': 'y',
      cookie: 'a=b',
      'x-tag': 'own',
    };
    expect((await send(token, told)).status).toBe(200);
    expect(seen('x-tier')).toEqual(['gold']);
    expect(seen('x-user')).toEqual(['u=anna;c=web']);
    expect(seen('x-fixed')).toEqual(['a, b']);
    expect(seen('x-tag')).toEqual(['own', 'a,b%2Cc,7,true']);
    expect(seen('cookie')).toEqual([]);
  });

  it('leave out a header of which a part is not known, the client’s own included', async () => {
    await send(rig.token(), { 'x-tier': 'platinum' });
    expect(seen('x-tier')).toEqual([]);
    await send(rig.token({}, { tier: { a: 1 }, tags: [] }), { 'x-tier': 'platinum' });
    expect(seen('x-tier')).toEqual([]);
    expect(seen('x-tag')).toEqual([]);
    await send(rig.token({}, { tier: 'x'.repeat(5_000) }));
    expect(seen('x-tier')).toEqual([]);
    await send(undefined, { 'x-user': 'root' });
    expect(seen('x-user')).toEqual([]);
  });

  it('let no claim end its header or begin another', async () => {
    for (const tier of ['a\r\nx-admin: 1', 'a\nb', 'a\0b', 'ä', 'a b%0d%0a', '\u2028']) {
      const subject = `s\r\nX-Evil: ${tier}`;
      await send(rig.token({ subject: subject as SubjectId }, { tier }));
      expect(seen('x-admin')).toEqual([]);
      expect(seen('x-evil')).toEqual([]);
      expect(seen('x-tier')).toEqual([expect.stringMatching(/^[\x21-\x7e]+$/)]);
      expect(decodeURIComponent(seen('x-tier')[0] ?? '')).toBe(tier);
    }
  });

  it('change what the upstream answers, and nothing that the gateway says', async () => {
    const answer = await send(rig.token());
    expect(answer.body).toBe('ok');
    const { headers } = answer;
    expect(headers).toMatchObject({ 'x-served-for': 'default', 'cache-control': 'no-store' });
    expect(headers['server'] ?? headers['set-cookie'] ?? headers['x-debug']).toBeUndefined();
    expect(headers['vary']).toMatch(/Accept.*Authorization.*X-Tier/);
    const refused = await send('nonsense');
    expect(refused.headers['x-served-for']).toBeUndefined();
    expect(refused.headers['www-authenticate']).toBeDefined();
  });
});
