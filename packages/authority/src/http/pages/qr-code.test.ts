import jsqr from 'jsqr';
import { describe, expect, it } from 'vitest';
import { qrCode } from './qr-code.ts';

// The package is CommonJS and says otherwise in its types.
const read = jsqr as unknown as typeof jsqr.default;
const scale = 4;

/** Draws the dark squares as a screen would. */
function pixelsOf(markup: string): { readonly width: number; readonly data: Uint8ClampedArray } {
  const width = Number(/viewBox="0 0 (\d+) /.exec(markup)?.[1]) * scale;
  const data = new Uint8ClampedArray(width * width * 4).fill(255);
  for (const [, x, y] of markup.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let i = 0; i < scale * scale; i++) {
      const row = Number(y) * scale + Math.floor(i / scale);
      const at = (row * width + Number(x) * scale + (i % scale)) * 4;
      data.fill(0, at, at + 3);
    }
  }
  return { width, data };
}

describe('a QR code', () => {
  it.each([
    'otpauth://totp/Mintmark:alice?secret=JBSWY3DPEHPK3PXP&issuer=Mintmark&digits=6',
    'otpauth://totp/%C3%84rzte%20%26%20Co:j%C3%BCrgen?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567',
    `otpauth://totp/${'x'.repeat(480)}`,
  ])('is read as %s', (text) => {
    const { markup = '' } = qrCode(text, 'a "label"') ?? {};
    expect(markup).toContain('aria-label="a &quot;label&quot;"');
    const { width, data } = pixelsOf(markup);
    expect(read(data, width, width)?.data).toBe(text);
  });

  it('is not drawn of what no app would scan', () => {
    expect(qrCode('x'.repeat(513), 'label')).toBeUndefined();
  });
});
