import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FlowglassError } from '../errors.ts';
import { CaptureParser, type CaptureResult } from './parser.ts';
import { readCapture } from './read.ts';

interface Truth {
  packets: number;
  packets_own_scan: number | null;
  size: number;
  tshark: { rc: number };
  caution?: { about: string };
  frame_list: [number, string, number, number, number | null, number | '', string][];
  capinfos: { long?: string };
}

interface Seen {
  time: string;
  length: number;
  captured: number;
  id: number;
  linkType: number;
  at: number;
  end: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const outside = process.env['FLOWGLASS_CORPUS'] ?? join(root, '../shared/corpus');
const folders = [join(root, 'test/corpus')];
if (existsSync(join(outside, 'truth.json'))) folders.push(outside);
else console.warn(`the corpus folder ${outside} is not there: only test/corpus is read`);

/** Link types by Wireshark's encapsulation numbers (wiretap/wtap.h), as far as the corpus has them. */
const LINK_TYPES: Record<number, number[]> = {
  1: [1],
  4: [9],
  7: [12, 101],
  15: [0],
  23: [127],
  25: [113],
  45: [147, 148, 149],
  47: [149],
  129: [228],
  115: [220],
  210: [276],
};

function read(bytes: Uint8Array, piece = bytes.length): { seen: Seen[]; result: CaptureResult; mixed: string[] } {
  const seen: Seen[] = [];
  const mixed: string[] = [];
  const parser = new CaptureParser(
    {
      packet: (packet) => {
        const info = parser.interfaces[packet.interfaceIndex];
        if (!info) throw new Error('a packet of no interface');
        const from = packet.at + 4;
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const pcapng = view.getUint32(0, true) === 0x0a0d0d0a;
        // The end as the file's own length field has it: whichever byte order makes sense.
        const length = pcapng ? Math.min(view.getUint32(from, true), view.getUint32(from, false)) : 0;
        const record = view.getUint32(0, true) === 0xa1b2cd34 || view.getUint32(0, false) === 0xa1b2cd34 ? 24 : 16;
        seen.push({
          time: packet.timed ? `${packet.seconds}.${String(packet.nanos).padStart(9, '0')}` : '',
          length: packet.original,
          captured: packet.captured,
          id: info.id,
          linkType: info.linkType,
          at: packet.at,
          end: packet.at + (pcapng ? Math.ceil(length / 4) * 4 : record + packet.captured),
        });
        mixed.push(Buffer.from(packet.data()).toString('hex'));
      },
    },
    { bufferBytes: 64 },
  );
  for (let at = 0; at < bytes.length; at += piece) parser.push(bytes.subarray(at, at + piece));
  return { seen, result: parser.end(), mixed };
}

const plainBytes = (path: string): Uint8Array => {
  const stored = readFileSync(path);
  return stored[0] === 0x1f && stored[1] === 0x8b ? new Uint8Array(gunzipSync(stored)) : new Uint8Array(stored);
};

/** Files that no one can read, and the word for why. */
const REFUSED: Record<string, string> = {
  'm-empty.pcap': 'empty-file',
  'm-not-a-capture.pcap': 'not-a-capture',
  'pcap-invalid-version-1.pcap': 'capture-version',
  'linktype-reserved-field-not-zero.pcap': 'capture-link-type',
};

for (const folder of folders) {
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Record<string, Truth>;
  describe(`captures of ${folder === outside ? 'the corpus' : 'test/corpus'}`, () => {
    it('are all named in truth.json', () => {
      const files = readdirSync(folder).filter((name) => !/\.(md|json)$/.test(name));
      expect(files.sort()).toEqual(Object.keys(truth).sort());
    });

    for (const [name, expected] of Object.entries(truth)) {
      const path = join(folder, name);
      const reason = REFUSED[name];
      if (reason !== undefined) {
        it(`${name} is refused with one clear sentence`, async () => {
          const error: unknown = await readCapture(path, {}).catch((caught: unknown) => caught);
          expect(error).toBeInstanceOf(FlowglassError);
          expect((error as FlowglassError).code).toBe(reason);
          expect((error as FlowglassError).message).not.toContain('\n');
        });
        continue;
      }

      it(`${name} reads as tshark reads it`, async () => {
        const { seen, result } = read(plainBytes(path));
        const stored = await readCapture(path, {});
        expect(stored.packets).toBe(result.packets);
        expect(stored.storedBytes).toBe(expected.size);
        expect(stored.compression).toBe(name.endsWith('.gz') ? 'gzip' : 'none');
        const damagedAsTold = expected.tshark.rc !== 0;
        expect(result.truncated).toBe(damagedAsTold);
        // tshark stops at damage; what is whole after it is read by us, and what is not is counted.
        // (tshark guesses another record layout for fuzz-huge-caplen and lists one record of garbage.)
        if (damagedAsTold) {
          expect(result.packets + result.damaged).toBe(expected.packets_own_scan);
          if (!name.startsWith('fuzz-')) expect(result.packets).toBeGreaterThanOrEqual(expected.packets);
          expect(result.problems.some((problem) => problem.damage)).toBe(true);
        } else expect(result.packets).toBe(expected.packets);
        const frames = expected.frame_list.filter((frame) => frame[5] !== '').slice(0, result.packets);
        const aboutTimes = expected.caution?.about === 'times' && /timestamp_invalid|extreme|fuzz-huge/.test(name);
        frames.forEach((frame, i) => {
          const packet = seen[i];
          if (!packet) throw new Error(`packet ${i} is missing`);
          if (!aboutTimes || i === 0) expect([i, packet.time]).toEqual([i, frame[1]]);
          expect([i, packet.length, packet.captured]).toEqual([i, frame[2], frame[3]]);
          if (typeof frame[4] === 'number' && result.format === 'pcapng') expect([i, packet.id]).toEqual([i, frame[4]]);
          const links = typeof frame[5] === 'number' ? LINK_TYPES[frame[5]] : undefined;
          if (links) expect(links).toContain(packet.linkType);
        });
        const described = /Number of interfaces in file: (\d+)/.exec(expected.capinfos.long ?? '');
        if (described && !damagedAsTold) expect(result.interfaces.length).toBe(Number(described[1]));
      });

      const bytes = plainBytes(path);
      if (bytes.length > 3000 && !name.startsWith('m-')) continue;
      it(`${name} does not depend on chunk borders, and cut anywhere gives all whole packets`, () => {
        const whole = read(bytes);
        for (const piece of [1, 3, 7, 64, 1000]) {
          const again = read(bytes, piece);
          expect(again.seen).toEqual(whole.seen);
          expect(again.mixed).toEqual(whole.mixed);
          expect(again.result.problems).toEqual(whole.result.problems);
        }
        for (let cut = 0; cut < bytes.length; cut++) {
          const part = bytes.slice(0, cut);
          let got: ReturnType<typeof read>;
          try {
            got = read(part);
          } catch (error) {
            expect(error).toBeInstanceOf(FlowglassError);
            expect(cut).toBeLessThan(4);
            continue;
          }
          const wanted = whole.seen.filter((packet) => packet.end <= cut);
          if (got.seen.length !== wanted.length) expect([cut, got.seen.length]).toEqual([cut, wanted.length]);
          if (got.result.cutAt !== null && got.result.cutAt !== cut) expect(got.result.cutAt).toBe(cut);
        }
      });
    }
  });
}
