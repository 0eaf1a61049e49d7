/** English made longer, with accents: what does not fit then would not fit in German either. */
const ACCENTS: Readonly<Record<string, string>> = {
  a: 'å',
  c: 'ç',
  e: 'é',
  i: 'î',
  n: 'ñ',
  o: 'ö',
  s: 'š',
  u: 'û',
  y: 'ý',
};
/** Short words grow most when translated. */
const growth = (length: number): number => (length <= 10 ? 0.5 : 0.3);

/** The text between brackets, so that a cut end can be seen; placeholders and units stay. */
export function pseudo(text: string): string {
  if (text.length <= 2) return text; // a unit
  const letters = text.replace(/\{\w+\}|[a-z]/g, (found) => ACCENTS[found] ?? found);
  const more = '·'.repeat(Math.ceil(text.length * growth(text.length)));
  return `[${letters}${more}]`;
}
