/** The Internet checksum (RFC 1071) over what is left of a packet; what was cut off counts as zeros. */

/** Adds the 16-bit words of `bytes[from, to)` to `sum`; an odd last byte is padded with zero. */
export function addWords(sum: number, bytes: Uint8Array, from: number, to: number): number {
  let total = sum;
  let at = from;
  for (; at + 1 < to; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  return at < to ? total + (bytes[at]! << 8) : total;
}

/** The checksum of a sum. */
export function folded(sum: number): number {
  let total = sum;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 65536);
  return ~total & 0xffff;
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Puts the checksum of `bytes[from, to)` and of `sum` into the two bytes at `at`, if they are there. */
export function checksum(bytes: Uint8Array, at: number, from: number, to: number, sum = 0): void {
  if (at + 2 > to) {
    // Half a checksum is none; what is left of the original must not stay.
    if (at < to) bytes[at] = 0;
    return;
  }
  put16(bytes, at, 0);
  put16(bytes, at, folded(addWords(sum, bytes, from, to)));
}
