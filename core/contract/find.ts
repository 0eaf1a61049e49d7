/** Finding bytes in bytes, the same for the page (a stream that it has) and the engine (packets of a file). */

export interface Needle {
  readonly bytes: Uint8Array;
  /** ASCII letters match both cases. */
  readonly caseless: boolean;
}

/** What was typed as bytes: text in UTF-8, or pairs of hex digits, spaced or not. null = nothing, or no such pairs. */
export function needleOf(typed: string, as: 'text' | 'hex', caseless: boolean): Needle | null {
  if (as === 'text') return typed === '' ? null : { bytes: new TextEncoder().encode(typed), caseless };
  const digits = typed.replace(/0x|[\s:,-]/gi, '');
  if (!/^([0-9a-f]{2})+$/i.test(digits)) return null;
  return { bytes: Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16)), caseless: false };
}

/** Packets that are named at most. */
export const PACKETS_FOUND_MAX = 10_000;

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

/** Offset of the needle in [from, to), −1 = it is not there. */
export function indexIn(hay: Uint8Array, { bytes, caseless }: Needle, from = 0, to = hay.length): number {
  const last = to - bytes.length;
  for (let at = from; at <= last; at++) {
    let i = 0;
    if (caseless) while (i < bytes.length && lower(hay[at + i]!) === lower(bytes[i]!)) i++;
    else while (i < bytes.length && hay[at + i] === bytes[i]) i++;
    if (i === bytes.length) return at;
  }
  return -1;
}

/** Offsets of all that do not overlap, `most` at most. */
export function allIn(hay: Uint8Array, needle: Needle, most: number): number[] {
  const found: number[] = [];
  for (let at = indexIn(hay, needle); at >= 0 && found.length < most; at = indexIn(hay, needle, at + needle.bytes.length)) found.push(at); // prettier-ignore
  return found;
}
