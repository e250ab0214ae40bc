import type { TenantId } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createIssuers } from './issuers.ts';

const issuers = createIssuers('https://auth.example', { bank: 'https://login.bank.example' });
const at = (path: string, host = 'auth.example') => issuers.find({ path, host });

describe('the issuer of a tenant', () => {
  it('is the base URL, a path below it, or a host of its own', () => {
    expect(issuers.issuerOf('default' as TenantId)).toBe('https://auth.example');
    expect(issuers.issuerOf('acme' as TenantId)).toBe('https://auth.example/t/acme');
    expect(issuers.issuerOf('bank' as TenantId)).toBe('https://login.bank.example');
  });

  it('is found by its path', () => {
    expect(at('/oauth2/token')).toEqual({ tenant: 'default', path: '/oauth2/token' });
    expect(at('/t/acme/oauth2/token')).toEqual({ tenant: 'acme', path: '/oauth2/token' });
    expect(at('/t/acme')).toEqual({ tenant: 'acme', path: '/' });
  });

  it('is found by its host, which finds no other issuer by a path', () => {
    const place = { tenant: 'bank', path: '/oauth2/token' };
    const spellings = ['', ':443', '.', '.:443'].map((end) => `LOGIN.bank.example${end}`);
    for (const host of spellings) expect(at('/oauth2/token', host)).toEqual(place);
    expect(at('/oauth2/token', 'login.bank.example:8443')?.tenant).toBe('default');
    expect(at('/t/acme/login', 'login.bank.example')).toMatchObject({ tenant: 'bank' });
  });

  it('has one name: no second way leads to it', () => {
    expect(at('/t/default/oauth2/token')).toBeUndefined();
    expect(at('/t/bank/oauth2/token')).toBeUndefined();
  });

  it.each(['/t/', '/t//login', '/t/Acme/login', '/t/a%63me/login', '/t/-a/login', '/t/a_b/login'])(
    'is not at %s',
    (path) => {
      expect(at(path)).toBeUndefined();
    },
  );

  it('is never what a Host asks for', () => {
    expect(at('/login', 'evil.example')).toEqual({ tenant: 'default', path: '/login' });
  });
});

describe('metadata', () => {
  it.each(['oauth-authorization-server', 'openid-configuration'])(
    'of a path stands before and behind it: %s',
    (name) => {
      const place = { tenant: 'acme', path: `/.well-known/${name}` };
      expect(at(`/.well-known/${name}/t/acme`)).toEqual(place);
      expect(at(`/t/acme/.well-known/${name}`)).toEqual(place);
      expect(at(`/.well-known/${name}`)).toEqual({ ...place, tenant: 'default' });
    },
  );

  it('of a base URL with a path stands before that path too', () => {
    const below = createIssuers('https://auth.example/sso');
    const find = (path: string) => below.find({ path, host: undefined });
    const path = '/.well-known/oauth-authorization-server';
    expect(find(`${path}/sso`)).toEqual({ tenant: 'default', path });
    expect(find(`${path}/sso/t/acme`)).toEqual({ tenant: 'acme', path });
    expect(find(`${path}/t/acme`)).toEqual({ tenant: 'acme', path });
    expect(below.issuerOf('acme' as TenantId)).toBe('https://auth.example/sso/t/acme');
  });

  it('is nothing else behind the well-known part', () => {
    const path = '/.well-known/oauth-authorization-server/elsewhere';
    expect(at(path)).toEqual({ tenant: 'default', path });
  });
});
