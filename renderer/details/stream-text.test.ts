import { describe, expect, it } from 'vitest';
import { asHex, asRaw, asText, bytesOf } from './stream-text.ts';

describe('bytes of a stream', () => {
  it('as text: UTF-8 where it is, dots for what is not, nothing that acts', () => {
    expect(asText(new TextEncoder().encode('GET / HTTP/1.1\r\nHost: é漢\r\n'))).toBe('GET / HTTP/1.1\nHost: é漢\n');
    expect(asText(Uint8Array.of(0x41, 0xff, 0x00, 0x1b, 0x0a, 0x42))).toBe('A...\nB');
    expect(asText(new TextEncoder().encode('a\u202eb\u0000c\u001b[31m'))).toBe('a\\u{202e}b.c.[31m');
    expect(asText(new TextEncoder().encode('<img src=x onerror=alert(1)>'))).toBe('<img src=x onerror=alert(1)>');
  });

  it('as hex dump and as one line', () => {
    const bytes = bytesOf(btoa('0123456789abcdefXY\n'));
    expect(asHex(bytes, 0x20)).toBe(
      '00000020  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef\n' +
        `00000030  ${'58 59 0a'.padEnd(48)}  XY.`,
    );
    expect(asRaw(bytes.subarray(16))).toBe('58590a');
  });
});
