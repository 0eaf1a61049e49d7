/**
 * What was done to a recording, as FRAME_NOTE frames that the engine makes: they stand in the journal like the helper's
 * frames, so that a reader finds pauses and what a trigger saw.
 */
import type { FrameSink } from '../wire/frames.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const FRAME_NOTE = 72;
/** u64 boot time, u32 kind, u32 length of the text, text (UTF-8). */
export const NOTE = { size: 16, atNs: 0, kind: 8, textLength: 12 } as const;

/** No packets are stored from here on. */
export const NOTE_PAUSED = 1;
/** They are again. */
export const NOTE_RESUMED = 2;
/** A trigger fired: its expression, and what it saw. */
export const NOTE_TRIGGERED = 3;

/** In a Gap: nothing was lost, the recording was paused by a person. */
export const GAP_PAUSED = 0xfffe;

const TEXT_MAX = 4096;

export interface Note {
  readonly kind: number;
  /** Boot time, ns. */
  readonly bootNs: bigint;
  readonly text: string;
}

/** The payload of a FRAME_NOTE. */
function noteFrame({ kind, bootNs, text }: Note): Uint8Array {
  const utf8 = encoder.encode(text).subarray(0, TEXT_MAX);
  const payload = new Uint8Array(NOTE.size + utf8.length);
  const view = new DataView(payload.buffer);
  view.setBigUint64(NOTE.atNs, bootNs, true);
  view.setUint32(NOTE.kind, kind, true);
  view.setUint32(NOTE.textLength, utf8.length, true);
  payload.set(utf8, NOTE.size);
  return payload;
}

/** Gives a note to whoever takes frames. */
export function sendNote(sink: FrameSink, note: Note): void {
  const bytes = noteFrame(note);
  sink(FRAME_NOTE, bytes, new DataView(bytes.buffer), 0, bytes.length);
}

/** Reads a payload; null when it is shorter than it says. */
export function readNote(bytes: Uint8Array, view: DataView, offset: number, length: number): Note | null {
  if (length < NOTE.size) return null;
  const textLength = view.getUint32(offset + NOTE.textLength, true);
  if (textLength > length - NOTE.size) return null;
  return {
    kind: view.getUint32(offset + NOTE.kind, true),
    bootNs: view.getBigUint64(offset + NOTE.atNs, true),
    text: decoder.decode(bytes.subarray(offset + NOTE.size, offset + NOTE.size + textLength)),
  };
}
