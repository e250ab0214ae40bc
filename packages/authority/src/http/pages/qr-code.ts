/** QR codes (ISO/IEC 18004) as inline SVG: the pages load nothing, and an app can still scan. */
import { encode } from 'uqr';
import { type Html, html } from './html.ts';

/** What an authenticator reads from a screen without trouble; longer text gets no code. */
const charsMax = 512;

/** @param label read out in place of the picture */
export function qrCode(text: string, label: string): Html | undefined {
  if (text.length > charsMax) return undefined;
  const { data, size } = encode(text, { border: 4 });
  const dark = data.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x} ${y}h1v1h-1z`] : [])));
  const box = `0 0 ${size} ${size}`;
  return html`<svg role="img" aria-label="${label}" viewBox="${box}" width="240" height="240"
shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${String(size)}v${String(size)}H0z"/>
<path fill="#000" d="${dark.join('')}"/></svg>`;
}
