import { limits } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

const route = (injection: Record<string, unknown>) => ({
  ...{ name: 'a', match: {}, upstream: upstream.url, injection: { mode: 'enforce', ...injection } },
});

beforeEach(async () => {
  upstream = await openRawUpstream(plainAnswer);
  rig = await openRig([route({ headers: ['User-Agent'] })]);
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** What was suspected, each as place, pointer and rule; or the status. */
async function send(path: string, { headers = {}, ...sent }: Sent = {}) {
  const all = { ...bearer(rig.token()), ...headers };
  const answer = await ask(rig.listener.port, { path, headers: all, ...sent });
  if (answer.status !== 400) return answer.status;
  const { code, errors } = JSON.parse(answer.body);
  expect(code).toBe('injection_suspected');
  return errors.map(
    (one: Record<string, string>) => `${one['in']}${one['pointer']} ${one['rule']}`,
  );
}

const post = (body: string | Buffer, type = 'application/json', headers = {}) =>
  send('/', { method: 'POST', body, headers: { 'content-type': type, ...headers } });

const evil = "' or 1=1 --";
const quoted = encodeURIComponent(evil);

describe('a route that looks for injected code', () => {
  it('finds it wherever a server would read it', async () => {
    expect(await send(`/items/${quoted}`)).toEqual(['path/ sql']);
    expect(await send(`/?q=${quoted}`)).toEqual(['query/q sql']);
    expect(await send(`/?q=${encodeURIComponent(quoted)}`)).toEqual(['query/q sql']);
    expect(await send('/?user[$ne]=1&a[__proto__][b]=1')).toEqual([
      'query/user[$ne] nosql',
      'query/a[__proto__][b] prototype',
    ]);
    expect(
      await send('/', { headers: { 'user-agent': ['$', '{jndi:ldap://a/b}'].join('') } }),
    ).toEqual(['header/user-agent template']);
    expect(await post(JSON.stringify({ a: [{ 'b/c': evil }], $where: 1 }))).toEqual([
      'json/a/0/b~1c sql',
      'json/$where nosql',
    ]);
    expect(await post(`q=${quoted}`, 'application/x-www-form-urlencoded')).toEqual(['form/q sql']);
    expect(await post('<!DOCTYPE a [<!ENTITY x "y">]><a/>', 'application/soap+xml')).toEqual([
      'xml xxe',
    ]);
    expect(await post('{"constructor":{"prototype":{"a":1}}}')).toEqual([
      'json/constructor/prototype prototype',
      'json/constructor/prototype/a prototype',
    ]);
    expect(upstream.received()).toBe('');
  });

  it('lets everything else through, body and all', async () => {
    expect(await send("/people/O'Brien?q=select%20one%20from%20these")).toBe(200);
    expect(await post('{"text":"it\'s fine -- or is it?"}')).toBe(200);
    expect(upstream.received()).toContain("it's fine");
    expect(await post(evil, 'text/plain')).toBe(200);
    expect(await send('/', { headers: { referer: evil } })).toBe(200);
  });

  it('refuses what it cannot read, which a server might', async () => {
    expect(await post('{"a":1,"a":2}')).toEqual(['json unreadable']);
    expect(await post('{"__proto__":1}')).toEqual(['json unreadable']);
    expect(await post('{}', 'application/json', { 'content-encoding': 'gzip' })).toEqual([
      'json unreadable',
    ]);
    expect(await post(Buffer.from([0xff]), 'text/xml')).toEqual(['xml unreadable']);
    expect(await post('a=%ff', 'application/x-www-form-urlencoded')).toEqual(['form unreadable']);
    expect(await send('/?a=%ff')).toEqual(['query unreadable']);
    const many = JSON.stringify(Array.from({ length: 5_001 }, () => 'abc'));
    expect(await post(many)).toEqual(['json too_many']);
  });

  it('names no more than is worth reading', async () => {
    const many = Array.from({ length: 2_000 }, (_, at) => `a${at}.$ne=1`).join('&');
    const named = await post(many, 'application/x-www-form-urlencoded');
    expect(named).toHaveLength(limits.misfitsMax);
  });

  it('spares what it is told to, by place, name and rule', async () => {
    const exempt = [
      { in: 'json', name: '/wiki/*', rules: ['sql'] },
      { in: 'json', name: '/**/code' },
      { in: 'query', name: 'q' },
    ];
    rig.route(route({ exempt }));
    await rig.caughtUp();
    expect(await send(`/?q=${quoted}`)).toBe(200);
    expect(await send(`/?p=${quoted}`)).toEqual(['query/p sql']);
    expect(await post(JSON.stringify({ wiki: { text: evil }, a: { code: '{{7*7}}' } }))).toBe(200);
    expect(await post(JSON.stringify({ wiki: { text: '{{7*7}}' } }))).toEqual([
      'json/wiki/text template',
    ]);
  });

  it('looks by the rules and in the places that it is told', async () => {
    rig.route(route({ rules: ['sql'], in: ['query'] }));
    await rig.caughtUp();
    expect(await send('/?q={{7*7}}')).toBe(200);
    expect(await post(JSON.stringify({ a: evil }))).toBe(200);
    expect(await send(`/?q=${quoted}`)).toEqual(['query/q sql']);
  });

  it('counts what it would refuse, while it observes', async () => {
    rig.route(route({ mode: 'observe' }));
    await rig.caughtUp();
    expect(await send(`/?q=${quoted}`)).toBe(200);
    expect(await post(JSON.stringify({ a: evil }))).toBe(200);
    const { metrics } = rig.gateway;
    const count = (label: string) => metrics.value('mintmark_gateway_injections_total', label);
    expect([count('observe query sql'), count('observe json sql')]).toEqual([1, 1]);
  });
});
