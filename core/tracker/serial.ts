/** Serial number arithmetic on 32-bit sequence numbers held as signed integers (RFC 1982, RFC 9293 §3.4). */

/** How far `a` is past `b`, −2^31 to 2^31 − 1. */
export function distance(a: number, b: number): number {
  return (a - b) | 0;
}

export function after(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

export function atOrAfter(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}
