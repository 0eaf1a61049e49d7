/** Capture files by hand, either byte order: what readers are tested with must not come from the project's writers. */
import { CaptureParser, type CaptureResult } from '../../core/capture/parser.ts';
import type { CaptureHandlers } from '../../core/capture/interface.ts';
import { toNanoseconds } from '../../core/capture/time.ts';
import { flowSummary, type FlowSummary } from '../../core/summary/flow.ts';
import { sessionSummary } from '../../core/summary/session.ts';
import type { SummarySource } from '../../core/summary/source.ts';
import { summaryFlows } from '../../core/summary/summary.ts';
import { ForeignCapture } from '../../core/tracker/open-foreign.ts';

export const EPOCH = 1_700_000_000;

const join = (parts: readonly (Uint8Array | readonly number[])[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part])); // prettier-ignore

/** Unsigned numbers of `size` bytes. */
export function numbers(size: 1 | 2 | 4 | 8, little: boolean, ...values: (number | bigint)[]): number[] {
  return values.flatMap((value) => {
    const bytes = Array.from({ length: size }, (_, i) => Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(8 * i)) & 255n)); // prettier-ignore
    return little ? bytes : bytes.reverse();
  });
}

export interface PcapRecord {
  readonly bytes: Uint8Array | readonly number[];
  readonly seconds?: number;
  /** In the file's unit. */
  readonly fraction?: number;
  readonly captured?: number;
  readonly original?: number;
}

export interface PcapOptions {
  readonly little?: boolean;
  readonly magic?: number;
  readonly linkType?: number;
  readonly snaplen?: number;
}

/** A pcap file; a record's time is EPOCH and 1 ms more for each unless given. */
export function pcap(records: readonly PcapRecord[], options: PcapOptions = {}): Uint8Array {
  const { little = true, magic = 0xa1b2c3d4, linkType = 1, snaplen = 262144 } = options;
  const header = [
    ...numbers(4, little, magic),
    ...numbers(2, little, 2, 4),
    ...numbers(4, little, 0, 0, snaplen, linkType),
  ];
  return join([
    header,
    ...records.map((record, i) => {
      const { bytes, seconds = EPOCH, fraction = i * 1000, captured = bytes.length, original = bytes.length } = record;
      return [...numbers(4, little, seconds, fraction, captured, original), ...bytes];
    }),
  ]); // prettier-ignore
}

export type Option = readonly [code: number, value: Uint8Array | readonly number[]];

const padded = (bytes: Uint8Array | readonly number[]): number[] => [
  ...bytes,
  ...Array<number>(-bytes.length & 3).fill(0),
];

/** Blocks of a pcapng section in one byte order. */
export class Blocks {
  readonly little: boolean;

  constructor(little = true) {
    this.little = little;
  }

  options(list: readonly Option[], end = true): number[] {
    const all = list.flatMap(([code, value]) => [...numbers(2, this.little, code, value.length), ...padded(value)]);
    return end && list.length > 0 ? [...all, 0, 0, 0, 0] : all;
  }

  block(type: number, body: Uint8Array | readonly number[]): number[] {
    const length = numbers(4, this.little, 12 + padded(body).length);
    return [...numbers(4, this.little, type), ...length, ...padded(body), ...length];
  }

  section(length = -1n, options: readonly Option[] = []): number[] {
    const { little } = this;
    const body = [...numbers(4, little, 0x1a2b3c4d), ...numbers(2, little, 1, 0), ...numbers(8, little, length)];
    return this.block(0x0a0d0d0a, [...body, ...this.options(options)]);
  }

  interface(linkType = 1, snaplen = 0, options: readonly Option[] = []): number[] {
    const { little } = this;
    return this.block(1, [
      ...numbers(2, little, linkType, 0),
      ...numbers(4, little, snaplen),
      ...this.options(options),
    ]);
  }

  /** if_tsresol */
  resolution(value: number): Option {
    return [9, [value]];
  }

  packet(iface: number, ticks: bigint, bytes: Uint8Array | readonly number[], original = bytes.length, options: number[] = []): number[] {
    const times = [Number(ticks >> 32n), Number(ticks & 0xffffffffn)];
    return this.block(6, [...numbers(4, this.little, iface, ...times, bytes.length, original), ...padded(bytes), ...options]);
  } // prettier-ignore

  simple(bytes: Uint8Array | readonly number[], original = bytes.length): number[] {
    return this.block(3, [...numbers(4, this.little, original), ...bytes]);
  }
}

export const file = (...parts: (Uint8Array | readonly number[])[]): Uint8Array => join(parts);

export interface Read {
  readonly packets: { ns: bigint | null; captured: number; original: number; length: number; iface: number; at: number; hex: string }[]; // prettier-ignore
  readonly result: CaptureResult;
}

/** What the reader makes of a file, given in pieces. */
export function read(bytes: Uint8Array, piece = bytes.length, handlers: CaptureHandlers = {}): Read {
  const packets: Read['packets'] = [];
  const parser = new CaptureParser(
    {
      ...handlers,
      packet: (packet) =>
        packets.push({
          ns: packet.timed ? toNanoseconds(packet.seconds, packet.nanos) : null,
          captured: packet.captured,
          original: packet.original,
          length: packet.length,
          iface: packet.interfaceIndex,
          at: packet.at,
          hex: Buffer.from(packet.data()).toString('hex'),
        }),
    },
    { bufferBytes: 64, name: 'file' },
  );
  for (let at = 0; at < bytes.length; at += piece) parser.push(bytes.subarray(at, at + piece));
  return { packets, result: parser.end() };
}

export interface Told {
  readonly flows: FlowSummary[];
  readonly session: ReturnType<typeof sessionSummary>;
  readonly source: SummarySource;
}

/** The flows of a capture file. */
export function told(bytes: Uint8Array): Told {
  const capture = new ForeignCapture();
  const parser = new CaptureParser(capture.handlers, { bufferBytes: 64, name: 'file' });
  parser.push(bytes);
  const source = capture.finish(parser.end().truncated);
  return { source, session: sessionSummary(source), flows: [...summaryFlows(source)].map((row) => flowSummary(source, row)) };
} // prettier-ignore
