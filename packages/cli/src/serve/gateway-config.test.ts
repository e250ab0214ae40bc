import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigFault } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { clientLimitsOf, gatewayConfigOf } from './gateway-config.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mintmark-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function configOf(flags: Readonly<Record<string, string>>) {
  return loadConfig({ file: undefined, environment: {}, flags }).config;
}

describe('gatewayConfigOf', () => {
  it('has a bound for everything where nothing is said', () => {
    expect(gatewayConfigOf(configOf({}))).toMatchObject({
      prefix: 'mm',
      bodyBytesMax: 1024 ** 3,
      credentialRequestsMax: 512,
      decisions: { burst: 1_000, perSecond: 5 },
      upstream: { connectTimeoutMs: 5_000, headersTimeoutMs: 60_000, bodyIdleMs: 300_000 },
    });
    expect(clientLimitsOf(configOf({}))).toEqual({
      ...{ bodyBytesPerSecondMin: 256, connectionsPerAddressMax: 2_500 },
    });
  });

  it('takes what is said instead', () => {
    const config = configOf({
      'gateway-node': 'east',
      'gateway-body-bytes-max': '1000',
      'gateway-credential-requests-max': '7',
      'decisions-kept-at-once': '9',
      'decisions-kept-per-second': '0',
      'gateway-upload-bytes-per-second-min': '0',
      'gateway-connections-per-address-max': '9',
      'gateway-upstream-connect-timeout-seconds': '1',
      'gateway-upstream-headers-timeout-seconds': '2',
      'gateway-upstream-idle-timeout-seconds': '3',
    });
    expect(gatewayConfigOf(config)).toMatchObject({
      node: 'east',
      bodyBytesMax: 1000,
      credentialRequestsMax: 7,
      decisions: { burst: 9, perSecond: 0 },
      upstream: { connectTimeoutMs: 1_000, headersTimeoutMs: 2_000, bodyIdleMs: 3_000 },
    });
    expect(clientLimitsOf(config)).toEqual({
      ...{ bodyBytesPerSecondMin: 0, connectionsPerAddressMax: 9 },
    });
  });

  it('reads every certificate of a bundle, and nothing beside them', () => {
    const certificate = new URL('../doctor/test-certificate.pem', import.meta.url);
    const file = join(folder, 'bundle.pem');
    const { upstream } = gatewayConfigOf(configOf({ 'gateway-upstream-ca': certificate.pathname }));
    writeFileSync(file, `# ours\n${upstream?.ca}\n# theirs\n${upstream?.ca}\n`);
    const both = gatewayConfigOf(configOf({ 'gateway-upstream-ca': file })).upstream?.ca;
    expect(both).toBe(`${upstream?.ca}\n${upstream?.ca}`);
  });

  it.each([
    ['is not there', undefined],
    ['holds no certificate', 'hello\n'],
    ['holds a broken one', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('refuses a bundle that %s', (_, text) => {
    const file = join(folder, 'bundle.pem');
    if (text !== undefined) writeFileSync(file, text);
    const read = () => gatewayConfigOf(configOf({ 'gateway-upstream-ca': file }));
    expect(read).toThrow(ConfigFault);
    expect(read).toThrow('cannot be used');
  });
});
