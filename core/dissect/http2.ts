/** HTTP/2 (RFC 9113) in the clear: the client's preface, and frames with headers, as far as a segment holds them. */
import { u32 } from './bytes.ts';

const PREFACE = Uint8Array.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (c) => c.charCodeAt(0));
export const HTTP2_PREFACE = PREFACE.length;
const FRAME_HEADER = 9;
const TYPE_HEADERS = 1;
const FLAG_PADDED = 8;
const FLAG_PRIORITY = 32;
/** SETTINGS_MAX_FRAME_SIZE as everybody begins with it. */
const FRAME_MAX = 16384;
const TYPE_MAX = 16;
/** HPACK's static table, entries 8 to 14 (RFC 7541, appendix A). */
const STATUS = [200, 204, 206, 304, 400, 404, 500];

/** How many bytes of the preface these are, −1 = they are not its beginning. */
export function http2Preface(bytes: Uint8Array, start: number, length: number): number {
  const there = Math.min(length, PREFACE.length);
  for (let i = 0; i < there; i++) if (bytes[start + i] !== PREFACE[i]) return -1;
  return there;
}

/**
 * Calls `visit` with each HEADERS frame among the frames that begin at `start`: its stream, and the status where the
 * first field is one of HPACK's static ones (0 = another). Ends at the first that is none. False when none begins there.
 */
export function http2Headers(
  bytes: Uint8Array,
  start: number,
  length: number,
  visit: (stream: number, status: number) => void,
): boolean {
  const end = start + length;
  let any = false;
  for (let at = start; at + FRAME_HEADER <= end;) {
    const size = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    const stream = u32(bytes, at + 5);
    if (size > FRAME_MAX || type > TYPE_MAX || stream > 0x7fffffff) break;
    any = true;
    if (type === TYPE_HEADERS) {
      const block = at + FRAME_HEADER + ((flags & FLAG_PADDED) !== 0 ? 1 : 0) + ((flags & FLAG_PRIORITY) !== 0 ? 5 : 0);
      const first = block < end ? bytes[block]! : 0;
      visit(stream, first >= 0x88 && first <= 0x8e ? STATUS[first - 0x88]! : 0);
    }
    at += FRAME_HEADER + size;
  }
  return any;
}
