import { describe, expect, it } from 'vitest';
import { terseBytes, terseResponse } from './terse.ts';

describe('terseResponse', () => {
  it('names methods with 405, as RFC 9110 §15.5.6 asks, and with nothing else', () => {
    expect(terseResponse(405, 'method_not_allowed').headers).toMatchObject({
      allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    });
    expect(terseResponse(400, 'missing_host').headers).not.toHaveProperty('allow');
  });

  it('is the same answer as bytes', () => {
    const [head, body] = terseBytes(405, 'method_not_allowed').split('\r\n\r\n');
    expect(head).toContain('\r\nallow: GET');
    expect(head).toContain(`\r\ncontent-length: ${body?.length}`);
    expect(JSON.parse(String(body))).toMatchObject({ status: 405, code: 'method_not_allowed' });
  });
});
