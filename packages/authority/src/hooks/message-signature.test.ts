import type { UnixSeconds } from '@mintmark/core';
import { expect, it } from 'vitest';
import { contentDigest, signMessage } from './message-signature.ts';

it('signs as RFC 9421 B.2.5 does', () => {
  const secret =
    'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==';
  const headers = signMessage({
    components: [
      ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
      ['@authority', 'example.com'],
      ['content-type', 'application/json'],
    ],
    created: 1_618_884_473 as UnixSeconds,
    keyId: 'test-shared-secret',
    secret: Buffer.from(secret, 'base64'),
  });
  expect(headers).toEqual({
    'signature-input':
      'sig1=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    signature: 'sig1=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
  });
});

it('digests as RFC 9530 B.1 does', () => {
  const digest = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:';
  expect(contentDigest('{"hello": "world"}\n')).toBe(digest);
});
