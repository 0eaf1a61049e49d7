/** What a segment can be, as bits. */
export const RETRANSMIT = 1;
/** Within RETRANSMIT: asked for by at least two duplicate ACKs. */
export const FAST = 2;
export const OUT_OF_ORDER = 4;
export const DUPLICATE_ACK = 8;
export const KEEP_ALIVE = 16;
export const ZERO_WINDOW_PROBE = 32;
export const ZERO_WINDOW = 64;
export const RESET = 128;
/** Carried payload that had not been seen before. */
export const FRESH = 256;
/** `rttNs` and `rttSide` are set. */
export const ROUND_TRIP = 512;
/** `connectNs` is set. */
export const CONNECTED = 1024;
/** The phase changed with this segment. */
export const MOVED = 2048;
/** `ended` is set. */
export const ENDED = 4096;
/** Within RETRANSMIT: the other side had acknowledged all of it. */
export const SPURIOUS = 8192;
/** Segments before it were not seen. */
export const LOST_BEFORE = 16384;
/** Acknowledges what was not seen. */
export const ACKED_UNSEEN = 32768;
/** Fills the receiver's window. */
export const WINDOW_FULL = 65536;
export const WINDOW_UPDATE = 131072;
export const KEEP_ALIVE_ACK = 262144;
