/** The real Chromium, as the system ships it. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function startChromium(): Promise<Browser> {
  const executablePath = paths.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error(`no Chromium at ${paths.join(', ')}`);
  // Its sandbox needs rights that a container does not give.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
}
