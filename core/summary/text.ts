/** Text and instants as a summary shows them. */

const NS_PER_SECOND = 1_000_000_000n;
const FIRST = -62167219200n; // 0000-01-01, the range of RFC 3339
const LAST = 253402300799n;

/**
 * RFC 3339, UTC, exactly nine digits, from ns since 1970 by integer arithmetic alone. null outside the years 0000 to
 * 9999, which RFC 3339 cannot write.
 */
export function instant(ns: bigint): string | null {
  let seconds = ns / NS_PER_SECOND;
  let fraction = ns % NS_PER_SECOND;
  if (fraction < 0n) {
    fraction += NS_PER_SECOND;
    seconds -= 1n;
  }
  if (seconds < FIRST || seconds > LAST) return null;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${fraction.toString().padStart(9, '0')}Z`;
}

/** Text of bytes that need not be UTF-8: U+FFFD for what is not, and all of the bytes beside it where that was so. */
export interface Decoded {
  readonly text: string;
  /** base64; null when the text says everything */
  readonly raw: string | null;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const loose = new TextDecoder('utf-8', { ignoreBOM: true });

export function decode(bytes: Uint8Array): Decoded {
  try {
    return { text: strict.decode(bytes), raw: null };
  } catch {
    return { text: loose.decode(bytes), raw: Buffer.from(bytes).toString('base64') };
  }
}

/**
 * Canonical text of an address in four little-endian words: dotted for IPv4; for IPv6 RFC 5952, section 4: lower case,
 * no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`; v4-mapped as section 5.
 */
export function addressText(words: Uint32Array, at: number, family: number): string {
  if (family === 4) return ipv4(words[at] ?? 0);
  const groups: number[] = [];
  for (let i = 0; i < 4; i++) {
    const word = words[at + i] ?? 0;
    groups.push(((word & 0xff) << 8) | ((word >>> 8) & 0xff), (((word >>> 16) & 0xff) << 8) | (word >>> 24));
  }
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${ipv4(words[at + 3] ?? 0)}`;
  let best = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > length) {
      best = i;
      length = j - i;
    }
    if (j > i) i = j;
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best < 0) return hex(groups);
  return `${hex(groups.slice(0, best))}::${hex(groups.slice(best + length))}`;
}

const ipv4 = (word: number): string => `${word & 0xff}.${(word >>> 8) & 0xff}.${(word >>> 16) & 0xff}.${word >>> 24}`;

/** fe80::/10 (RFC 4291, 2.5.6): means something only together with an interface. */
export function isLinkLocal(words: Uint32Array, at: number, family: number): boolean {
  const word = words[at] ?? 0;
  return family === 6 && (word & 0xff) === 0xfe && ((word >>> 8) & 0xc0) === 0x80;
}
