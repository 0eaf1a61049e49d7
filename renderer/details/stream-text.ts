/** Bytes of a stream as text, as a hex dump, or as one line of hex. Text is drawn as text only, never as HTML. */
import type { FoundPart } from './find-stream.ts';

export type StreamForm = 'text' | 'hex' | 'raw';

const PER_LINE = 16;
const strict = new TextDecoder('utf-8', { fatal: true });

/** Bytes of base64. */
export const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

const isText = (code: number): boolean => (code >= 0x20 && code < 0x7f) || code === 9 || code === 10 || code === 13;

/**
 * UTF-8 where all of it is, else printable ASCII with "." for the rest. Line breaks and tabs stay; other control
 * characters and direction overrides become visible.
 */
export function asText(bytes: Uint8Array): string {
  try {
    return strict
      .decode(bytes)
      .replace(/\r\n?/g, '\n')
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, '.')
      .replace(
        /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
        (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
      );
  } catch {
    let text = '';
    for (const byte of bytes) text += isText(byte) ? String.fromCharCode(byte) : '.';
    return text.replace(/\r\n?/g, '\n');
  }
}

/** Offset, sixteen bytes, and what of them is ASCII; `from` = offset of the first in its side's stream. */
export function asHex(bytes: Uint8Array, from: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += PER_LINE) {
    const part = Array.from(bytes.subarray(at, at + PER_LINE));
    const hex = part.map((byte, i) => (i === 8 ? ' ' : '') + byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${(from + at).toString(16).padStart(8, '0')}  ${hex.padEnd(48)}  ${ascii}`);
  }
  return lines.join('\n');
}

export const asRaw = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

export function formed(form: StreamForm, bytes: Uint8Array, from: number): string {
  return form === 'text' ? asText(bytes) : form === 'hex' ? asHex(bytes, from) : asRaw(bytes);
}

/** Text as it is drawn; `match` = number of what was found there, −1 = nothing was looked for or found. */
export interface Spelled {
  readonly text: string;
  readonly match: number;
}

/** The bytes with what was found in them marked; in a hex dump whole lines are. `parts` are in order. */
export function spelled(form: StreamForm, bytes: Uint8Array, from: number, parts: readonly FoundPart[]): Spelled[] {
  if (parts.length === 0) return [{ text: formed(form, bytes, from), match: -1 }];
  const unit = form === 'hex' ? PER_LINE : 1;
  const spans: Spelled[] = [];
  let at = 0;
  const put = (to: number, match: number): void => {
    const end = Math.min(bytes.length, to);
    if (end <= at) return;
    const text = formed(form, bytes.subarray(at, end), from + at);
    spans.push({ text: form === 'hex' && end < bytes.length ? `${text}\n` : text, match });
    at = end;
  };
  for (const part of parts) {
    put(Math.floor(part.from / unit) * unit, -1);
    put(Math.ceil(part.to / unit) * unit, part.match);
  }
  put(bytes.length, -1);
  return spans;
}
