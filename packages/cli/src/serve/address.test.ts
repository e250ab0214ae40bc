import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { issuerOf, parseListen, urlOf } from './address.ts';

function config(flags: Record<string, string>) {
  return loadConfig({ file: undefined, environment: {}, flags }).config;
}

describe('listen addresses', () => {
  it.each([
    ['127.0.0.1:8420', { host: '127.0.0.1', port: 8420 }, 'http://127.0.0.1:8420'],
    ['[::1]:1', { host: '::1', port: 1 }, 'http://[::1]:1'],
    ['id.example:443', { host: 'id.example', port: 443 }, 'http://id.example:443'],
  ])('reads %s', (text, address, url) => {
    expect(parseListen(text)).toEqual(address);
    expect(urlOf(address, { isTls: false })).toBe(url);
  });
});

describe('issuerOf', () => {
  it('is what the configuration says', () => {
    expect(issuerOf(config({ issuer: 'https://id.example' }), { port: 1 })).toBe(
      'https://id.example',
    );
  });

  it('is where the authority listens otherwise, with the port that it was given', () => {
    expect(issuerOf(config({ listen: '127.0.0.1:0' }), { port: 4711 })).toBe(
      'http://127.0.0.1:4711',
    );
    const tls = { listen: '[::1]:0', 'tls-cert': 'c.pem', 'tls-key': 'k.pem' };
    expect(issuerOf(config(tls), { port: 4711 })).toBe('https://[::1]:4711');
  });

  it.each(['0.0.0.0:80', '[::]:80'])('refuses %s, which no client can reach', (listen) => {
    expect(() => issuerOf(config({ listen }), { port: 80 })).toThrow('cannot reach an issuer');
  });
});
