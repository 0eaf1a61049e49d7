/** The page's own font as CSS with the font in it, as far as the characters need it. */
import { token } from '../draw/latency-scale.ts';

interface Face {
  readonly family: string;
  readonly weight: string;
  readonly address: string;
  readonly ranges: string;
}

/** Faces of the font of the interface that the page's own style sheets declare. */
function faces(): Face[] {
  const wanted = token('--font-ui').split(',')[0]?.replaceAll(/["']/g, '').trim();
  const found: Face[] = [];
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (!(rule instanceof CSSFontFaceRule)) continue;
      const { style } = rule;
      const family = style.getPropertyValue('font-family').replaceAll(/["']/g, '');
      const source = /url\(["']?([^"')]+)["']?\)/.exec(style.getPropertyValue('src'))?.[1];
      if (family !== wanted || source === undefined) continue;
      const address = new URL(source, sheet.href ?? document.baseURI).href;
      found.push({ family, weight: style.getPropertyValue('font-weight'), address, ranges: style.getPropertyValue('unicode-range') }); // prettier-ignore
    }
  }
  return found;
}

function covers(ranges: string, characters: ReadonlySet<string>): boolean {
  if (ranges === '') return true;
  const list = [...ranges.matchAll(/U\+([0-9a-f?]+)(?:-([0-9a-f]+))?/gi)].map(([, from = '', to]) => [
    Number.parseInt(from.replaceAll('?', '0'), 16),
    Number.parseInt(to ?? from.replaceAll('?', 'f'), 16),
  ]);
  return [...characters].some((character) => {
    const point = character.codePointAt(0) ?? 0;
    return list.some(([from = 0, to = 0]) => point >= from && point <= to);
  });
}

async function dataAddress(address: string): Promise<string> {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  let binary = '';
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return `data:font/woff2;base64,${btoa(binary)}`;
}

export async function embeddedFonts(characters: ReadonlySet<string>): Promise<string> {
  const needed = faces().filter(({ ranges }) => covers(ranges, characters));
  const rules = needed.map(
    async ({ family, weight, address, ranges }) =>
      `@font-face{font-family:'${family}';font-weight:${weight};src:url(${await dataAddress(address)}) format('woff2');${ranges === '' ? '' : `unicode-range:${ranges}`}}`,
  );
  return (await Promise.all(rules)).join('');
}
