// Renders renderer/icon.svg into build/linux/icons, by Chromium; run by hand when the picture changes:
//   node build/package/icons.mjs
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { BuildError, ROOT, runAsScript, which } from '../tools.mjs';

/** Pixels; what the icon theme specification names, and 512 for software centres. */
export const ICON_SIZES = [16, 24, 32, 48, 64, 128, 256, 512];

await runAsScript(import.meta.url, async () => {
  const executablePath = which('chromium');
  if (executablePath === null) throw new BuildError('chromium is missing: apt-get install chromium');
  const svg = readFileSync(join(ROOT, 'renderer/icon.svg'), 'utf8');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  for (const size of ICON_SIZES) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(
      `<style>* { margin: 0 } svg { display: block; width: ${size}px; height: ${size}px }</style>${svg}`,
    );
    const path = join(ROOT, `build/linux/icons/${size}x${size}.png`);
    await page.screenshot({ path, omitBackground: true });
    await page.close();
  }
  await browser.close();
});
