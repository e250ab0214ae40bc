import { limits } from '@mintmark/core';
import { type CredentialHeaders, parseCredential } from '@mintmark/tokens';
import { type Harness, invariant, latin1 } from '../harness.ts';
import { sampleTokens } from './parse-secret-token.ts';

/** Input: flags in the first byte (which headers, which forms), then the headers, by line feeds. */
export const parseCredentialHarness: Harness = {
  name: 'parse-credential',
  seeds: [
    ...sampleTokens().map((token) => `\x01Bearer ${token}`),
    ...sampleTokens().map((token) => `\x04${token}`),
    '\x01Bearer a.b.c',
    '\x03DPoP a.b.c\nd.e.f',
    '\x05Bearer a.b.c\nmm_key_x',
    `\x09Basic ${Buffer.from(`user:${sampleTokens()[0]}`).toString('base64')}`,
    '\x11Bearer sk_live_123',
  ],
  dictionary: ['Bearer ', 'bearer ', 'DPoP ', 'Basic ', '\n', ' ', '.', ',', '=', ':', 'sk_live_'],
  run(input) {
    const flags = input[0] ?? 0;
    const lines = latin1(input.subarray(1)).split('\n');
    const header = (bit: number) => ((flags & bit) === 0 ? undefined : (lines.shift() ?? ''));
    const headers = { authorization: header(1), dpop: header(2), apiKey: header(4) };
    const credential = parseCredential(headers, {
      prefix: 'mm',
      basicPassword: (flags & 8) !== 0,
      importedPrefixes: (flags & 16) === 0 ? [] : ['sk_live_'],
    });
    check(headers, credential, (flags & 8) !== 0);
    return credential.kind === 'malformed' ? credential.reason : credential.kind;
  },
};

function check(
  headers: CredentialHeaders,
  credential: ReturnType<typeof parseCredential>,
  basic: boolean,
): void {
  const present = Object.values(headers).filter((value) => value !== undefined);
  invariant((credential.kind === 'none') === (present.length === 0), 'none, with a header there');
  if (credential.kind === 'none' || credential.kind === 'malformed') return;
  const isProven = 'proof' in credential;
  invariant(present.length === (isProven ? 2 : 1), 'a credential out of several headers');
  invariant(isProven === (headers.dpop !== undefined), 'a proof passed over, or made up');
  const text = credential.kind === 'jwt' ? credential.token : credential.text;
  invariant(text.length > 0 && text.length <= limits.tokenCharsMax, 'a text out of bounds');
  invariant(basic || present[0]!.endsWith(text), 'a text that is not the end of the header');
  if (credential.kind === 'jwt' || credential.kind === 'imported_key') return;
  if (credential.kind === 'sub_key') {
    const { keyId, links } = credential.subKey;
    invariant(text.startsWith(`mm_sub_${keyId}`) && links.length > 0, 'no sub-key of the text');
    return;
  }
  const { id, secret, tokenKind } = credential;
  invariant(text.startsWith(`mm_${tokenKind}_${id}${secret}`), 'parts that are not of the text');
}
