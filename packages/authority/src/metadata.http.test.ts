import { describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { openMemoryStore } from './store/memory/memory-store.ts';

const path = '/.well-known/oauth-authorization-server';

describe('the metadata', () => {
  it('leads clients with certificates to where they are asked for (RFC 8705 §5)', async () => {
    const more = { mtlsUrl: 'https://mtls.example', clientCertificates: true };
    const bed = await authorityBed(1, openMemoryStore(), more);
    const { json } = await bed.get(path);
    const aliases = json['mtls_endpoint_aliases'] as Record<string, string>;
    expect(aliases).toMatchObject({ token_endpoint: 'https://mtls.example/oauth2/token' });
    for (const [name, url] of Object.entries(aliases)) {
      expect(url.replace('https://mtls.example', 'https://issuer.example'), name).toBe(json[name]);
    }
  });

  it('names the scopes of roles and groups, and the claims that they give', async () => {
    const bed = await authorityBed();
    const { json } = await bed.get('/.well-known/openid-configuration');
    for (const member of ['scopes_supported', 'claims_supported']) {
      expect(json[member]).toEqual(expect.arrayContaining(['roles', 'groups']));
    }
  });

  it('says nothing of it where it is the same place', async () => {
    const bed = await authorityBed();
    expect((await bed.get(path)).json).not.toHaveProperty('mtls_endpoint_aliases');
  });
});
