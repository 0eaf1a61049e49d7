/** Fields of the wire structures that are neither a plain number nor a key. */

const TWO_32 = 4294967296;

/** Length of a NUL-padded text of at most `max` bytes. */
export function terminated(bytes: Uint8Array, from: number, max: number): number {
  let length = 0;
  while (length < max && bytes[from + length] !== 0) length++;
  return length;
}

/** A u64 as a float64, exact below 2^53. */
export function uint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
}
