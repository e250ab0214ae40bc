import { ConfigFault } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { type ConfigSources, loadConfig } from './load.ts';
import { settings } from './settings.ts';

function load(sources: Partial<ConfigSources> & { readonly text?: string }) {
  const { text, environment = {}, flags = {} } = sources;
  const file = text === undefined ? undefined : { name: 'mintmark.yaml', text };
  return loadConfig({ file, environment, flags });
}

function faultOf(sources: Parameters<typeof load>[0]): ConfigFault {
  try {
    load(sources);
  } catch (fault) {
    if (fault instanceof ConfigFault) return fault;
    throw fault;
  }
  throw new Error('was accepted');
}

describe('loadConfig', () => {
  it('gives the defaults where nothing is said', () => {
    const { config, warnings } = load({});
    expect(config.data).toBe('./data');
    expect(config.authority.listen).toBe('127.0.0.1:8420');
    expect(config.gateway.listen).toBe('127.0.0.1:8480');
    expect(config.signing.algorithms).toEqual(['ES256', 'RS256']);
    expect(warnings).toEqual([]);
  });

  it('takes an empty file, or one of comments, for no settings', () => {
    expect(load({ text: '# nothing\n' }).config).toEqual(load({}).config);
  });

  it('lets the nearest source win: flag, environment, file, default', () => {
    const text = 'log:\n  level: debug\n';
    const environment = { MINTMARK_LOG_LEVEL: 'warn' };
    const flags = { 'log-level': 'error' };
    expect(load({ text }).config.log.level).toBe('debug');
    expect(load({ text, environment }).config.log.level).toBe('warn');
    expect(load({ text, environment, flags }).config.log.level).toBe('error');
  });

  it('leaves the rest of a section as the file says when one key is given elsewhere', () => {
    const text = 'gateway:\n  node: east\n  listen: 127.0.0.1:1\n';
    const { gateway } = load({ text, flags: { 'gateway-listen': '127.0.0.1:2' } }).config;
    expect(gateway).toMatchObject({ node: 'east', listen: '127.0.0.1:2' });
  });

  it('reads numbers, booleans and lists from text', () => {
    const environment = {
      MINTMARK_SIGNING_ROTATE_EVERY_SECONDS: '7200',
      MINTMARK_GATEWAY_ENABLED: 'false',
      MINTMARK_SIGNING_ALGORITHMS: 'EdDSA, ES256',
    };
    const { config } = load({ environment });
    expect(config.signing).toMatchObject({
      rotate_every_seconds: 7200,
      algorithms: ['EdDSA', 'ES256'],
    });
    expect(config.gateway.enabled).toBe(false);
    expect(load({ flags: { 'insecure-http': true } }).config.authority.insecure_http).toBe(true);
  });

  it('treats an empty environment variable as not given', () => {
    expect(load({ environment: { MINTMARK_DATA: '' } }).config.data).toBe('./data');
  });

  it('refuses unknown keys with line and suggestion', () => {
    const fault = faultOf({ text: 'data: x\nauthority:\n  lisen: 127.0.0.1:1\n' });
    expect(fault.code).toBe('config_invalid');
    expect(fault.message).toContain(
      'mintmark.yaml line 3, authority.lisen: unknown key; did you mean "listen"?',
    );
  });

  it('suggests nothing where nothing is near', () => {
    expect(faultOf({ text: 'zzzzzzzz: 1\n' }).message).toContain('zzzzzzzz: unknown key');
    expect(faultOf({ text: 'zzzzzzzz: 1\n' }).message).not.toContain('did you mean');
  });

  it('names every wrong place at once, by the source it came from', () => {
    const fault = faultOf({
      text: 'log:\n  level: loud\nissuer: ftp://x\n',
      environment: { MINTMARK_GATEWAY_ENABLED: 'perhaps' },
      flags: { listen: 'nowhere' },
    });
    expect(fault.message).toContain('mintmark.yaml line 2, log.level:');
    expect(fault.message).toContain('mintmark.yaml line 3, issuer:');
    expect(fault.message).toContain('MINTMARK_GATEWAY_ENABLED: must be a boolean');
    expect(fault.message).toContain('--listen: must be HOST:PORT');
  });

  it.each([
    ['not YAML', 'a: [1\n'],
    ['a list', '- a\n- b\n'],
    ['a key given twice', 'data: a\ndata: b\n'],
    ['an alias', 'data: &a x\nissuer: *a\n'],
  ])('refuses %s as a syntax fault', (_, text) => {
    expect(faultOf({ text }).code).toBe('config_syntax');
  });

  it.each(['https://id.example?x', 'https://id.example#x', 'https://id.example/', 'id.example'])(
    'refuses %j as an issuer (RFC 9207 §2)',
    (issuer) => {
      expect(faultOf({ flags: { issuer } }).message).toContain('--issuer: must be');
    },
  );

  it('refuses secrets where a reference belongs', () => {
    const text = 'custody:\n  passphrase: correct horse\n';
    expect(faultOf({ text }).message).toContain('must be a reference');
    expect(faultOf({ text }).message).not.toContain('horse');
  });

  it('refuses a password inside the file, and warns of one on the command line', () => {
    const database = 'postgres://mint:secret@db/mint';
    const fault = faultOf({ text: `database: ${database}\n` });
    expect(fault.message).toContain('holds a password');
    expect(fault.message).not.toContain('secret@');
    expect(load({ flags: { database } }).warnings[0]).toContain('process list');
    expect(load({ environment: { MINTMARK_DATABASE: database } }).warnings).toEqual([]);
  });

  it('refuses a certificate without its key, and two ways to open custody', () => {
    expect(faultOf({ flags: { 'tls-cert': 'a.pem' } }).message).toContain('come together');
    const text = 'custody:\n  key_file: a\n  passphrase: env:P\n';
    expect(faultOf({ text }).message).toContain('either key_file or passphrase');
  });

  it('warns of unknown names in the environment, with a suggestion', () => {
    const environment = { MINTMARK_LOG_LEVLE: 'debug', MINTMARK_TOKEN: 'x', OTHER: '1' };
    expect(load({ environment }).warnings).toEqual([
      'MINTMARK_LOG_LEVLE is not a setting; did you mean MINTMARK_LOG_LEVEL?',
    ]);
  });
});

describe('settings', () => {
  it('name each scalar once, in file, environment and flags', () => {
    for (const key of ['environment', 'flag'] as const) {
      const names = settings.map((setting) => setting[key]);
      expect(new Set(names).size).toBe(names.length);
    }
    expect(settings.every((setting) => setting.description !== '')).toBe(true);
  });

  it('keep the names that others rely on', () => {
    const flags = settings.map((setting) => setting.flag);
    const wanted = [
      'listen',
      'gateway-listen',
      'data',
      'issuer',
      'database',
      'tls-cert',
      'tls-key',
    ];
    expect(flags).toEqual(expect.arrayContaining(wanted));
  });
});
