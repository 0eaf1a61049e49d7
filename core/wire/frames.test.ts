import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOCK, FRAME_ACCEPT_MAX, FRAME_CLOCK, FRAME_EVENTS, FRAME_LOG, FRAME_PACKETS, FRAME_PEEK, FRAME_PROCESSES, PACKET, PEEK, PROCESS } from '../abi/generated.ts'; // prettier-ignore
import { FlowglassError } from '../errors.ts';
import { FrameReader } from './frames.ts';

/** A frame by hand: u32 length, u16 type, u16 flags, payload, little-endian. */
function frame(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint16(4, type, true);
  bytes.set(payload, 8);
  return bytes;
}

function collect(chunks: Uint8Array[]): { seen: [number, string][]; reader: FrameReader } {
  const seen: [number, string][] = [];
  const reader = new FrameReader((type, bytes, view, offset, length) => {
    expect(view.byteOffset).toBe(bytes.byteOffset);
    seen.push([type, Buffer.from(bytes.subarray(offset, offset + length)).toString('hex')]);
  });
  for (const chunk of chunks) reader.push(chunk);
  return { seen, reader };
}

describe('the frame reader', () => {
  it('gives the same frames wherever the chunks break', () => {
    // A LOG of no text, and anything behind it.
    const payload = fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.from([...new Uint8Array(8), ...bytes]));
    const frames = fc.array(fc.tuple(fc.constantFrom(FRAME_LOG, 999), payload), { maxLength: 12 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list, sizes) => {
        const stream = Buffer.concat(list.map(([type, bytes]) => frame(type, bytes)));
        const chunks: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          chunks.push(new Uint8Array(stream.subarray(at, at + size)));
          at += size;
        }
        const { seen, reader } = collect(chunks);
        const known = list.filter(([type]) => type === FRAME_LOG);
        expect(seen).toEqual(known.map(([type, bytes]) => [type, Buffer.from(bytes).toString('hex')]));
        expect(reader.unknown).toBe(list.length - known.length);
        expect(reader.frames).toBe(list.length);
        expect(reader.consumed).toBe(stream.length);
        expect(reader.pending).toBe(0);
      }),
    );
  });

  it('takes a frame of 1 MiB in small chunks, and none that is longer', () => {
    const large = frame(FRAME_LOG, new Uint8Array(FRAME_ACCEPT_MAX).fill(7, 8));
    const chunks = Array.from({ length: Math.ceil(large.length / 60000) }, (_, i) => large.subarray(i * 60000, (i + 1) * 60000)); // prettier-ignore
    expect(collect(chunks).reader.consumed).toBe(FRAME_ACCEPT_MAX + 8);
    const header = frame(FRAME_LOG, new Uint8Array(0));
    new DataView(header.buffer).setUint32(0, FRAME_ACCEPT_MAX + 1, true);
    expect(() => collect([header.subarray(0, 3), header.subarray(3)])).toThrow(FlowglassError);
    new DataView(header.buffer).setUint32(0, 0xffffffff, true);
    expect(() => collect([header])).toThrow('a frame of 4294967295 bytes');
  });

  it('refuses payloads that are not whole structures', () => {
    expect(() => collect([frame(FRAME_CLOCK, new Uint8Array(CLOCK.size - 1))])).toThrow('instead of');
    expect(() => collect([frame(FRAME_EVENTS, new Uint8Array(81))])).toThrow('not a multiple');
    expect(() => collect([frame(FRAME_LOG, Uint8Array.of(1, 0, 0, 0, 9, 0, 0, 0))])).toThrow('log line');
  });

  it('refuses peeks that leave their frame', () => {
    const peek = new Uint8Array(PEEK.size + 8);
    new DataView(peek.buffer).setUint16(PEEK.captured, 8, true);
    expect(collect([frame(FRAME_PEEK, peek)]).seen).toHaveLength(1);
    expect(() => collect([frame(FRAME_PEEK, peek.subarray(0, PEEK.size - 1))])).toThrow('a cut peek');
    new DataView(peek.buffer).setUint16(PEEK.captured, 9, true);
    expect(() => collect([frame(FRAME_PEEK, peek)])).toThrow('a peek longer');
  });

  it('refuses record lengths that leave the frame or do not advance', () => {
    const packet = new Uint8Array(PACKET.size + 8);
    const view = new DataView(packet.buffer);
    view.setUint32(PACKET.captured, 8, true);
    expect(collect([frame(FRAME_PACKETS, packet)]).seen).toHaveLength(1);
    view.setUint32(PACKET.captured, 9, true);
    expect(() => collect([frame(FRAME_PACKETS, packet)])).toThrow('longer than its frame');
    view.setUint32(PACKET.captured, 0xfffffff8, true);
    expect(() => collect([frame(FRAME_PACKETS, packet)])).toThrow('a packet of');
    const process = new Uint8Array(PROCESS.size);
    expect(() => collect([frame(FRAME_PROCESSES, process)])).toThrow('a process record of 0 bytes');
    new DataView(process.buffer).setUint32(PROCESS.recordLength, PROCESS.size + 8, true);
    expect(() => collect([frame(FRAME_PROCESSES, process)])).toThrow('longer than its frame');
  });

  it('never throws anything but a FlowglassError, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), fc.uint8Array({ maxLength: 400 }), (type, payload) => {
        try {
          collect([frame(type, payload)]);
        } catch (error) {
          expect(error).toBeInstanceOf(FlowglassError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
