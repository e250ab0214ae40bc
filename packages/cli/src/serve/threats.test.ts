import { ConfigFault } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { openThreats } from './threats.ts';

const client = { send: () => Promise.reject(new Error('nobody asks')) };

describe('the section threats', () => {
  it('names origins by what a URL of them is told by, and protects every trusted proxy', () => {
    const config = configSchema.parse({
      threats: { private_origins: ['http://127.0.0.1:8080'], protected: ['198.51.100.0/24'] },
      authority: { trusted_proxies: ['10.1.0.0/16'] },
      gateway: { trusted_proxies: ['2001:db8::1'] },
    });
    const { privateOrigins, protectedRanges } = openThreats(config, client);
    expect(privateOrigins).toEqual(['http://127.0.0.1:8080']);
    expect(protectedRanges.map(({ family, first }) => [family, Number(first)])).toEqual([
      [4, 0xc6336400],
      [4, 0x0a010000],
      [6, Number(0x20010db8000000000000000000000001n)],
    ]);
  });

  it('is refused where it protects what is no block', () => {
    const config = configSchema.parse({ threats: { protected: ['everybody'] } });
    expect(() => openThreats(config, client)).toThrow(ConfigFault);
  });
});
