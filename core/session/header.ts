import { ABI_VERSION, CLOCK, HELLO } from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';
import { BLOCK_VERSION } from './blocks.ts';

/** A CLOCK reading: the same moment on three clocks, ± errorNs. */
export interface ClockReading {
  readonly bootNs: bigint;
  readonly monotonicNs: bigint;
  readonly realtimeNs: bigint;
  readonly errorNs: bigint;
}

/** What the header block says (KIND_HEADER, JSON). 64-bit numbers stand there as decimal text. */
export interface SessionHeader {
  readonly version: number;
  /** Version of the structures in the journal (bpf/abi.h). */
  readonly abi: number;
  readonly application: string;
  readonly host: string | null;
  readonly os: string | null;
  readonly bootId: string | null;
  readonly kernel: string | null;
  readonly machine: string | null;
  /** Inode of the helper's network namespace. */
  readonly netns: number | null;
  readonly features: number | null;
  readonly anchor: ClockReading | null;
  readonly snaplen: number;
  /** False: recorded without packets. */
  readonly packets: boolean;
  readonly filter: string | null;
  /** Number of this file in its recording, from 1. */
  readonly file: number;
}

const decoder = new TextDecoder();

function textAt(bytes: Uint8Array, from: number, to: number): string {
  let end = from;
  while (end < to && bytes[end] !== 0) end++;
  return decoder.decode(bytes.subarray(from, end));
}

/** Gathers the header's facts from HELLO and CLOCK frames while recording. */
export class HeaderFacts {
  readonly #facts: Record<string, unknown> = {};

  hello(bytes: Uint8Array, view: DataView, offset: number): void {
    const id = Buffer.from(bytes.subarray(offset + HELLO.bootId, offset + HELLO.bootId + 16)).toString('hex');
    this.#facts['bootId'] = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    this.#facts['kernel'] = textAt(bytes, offset + HELLO.kernel, offset + HELLO.machine);
    this.#facts['machine'] = textAt(bytes, offset + HELLO.machine, offset + HELLO.hostname);
    this.#facts['host'] = textAt(bytes, offset + HELLO.hostname, offset + HELLO.pid);
    this.#facts['netns'] = view.getUint32(offset + HELLO.netns, true);
    this.#facts['features'] = view.getUint32(offset + HELLO.features, true);
  }

  /** The first reading is kept: the session's anchor. */
  clock(view: DataView, offset: number): void {
    this.#facts['anchor'] ??= {
      bootNs: String(view.getBigUint64(offset + CLOCK.bootNs, true)),
      monotonicNs: String(view.getBigUint64(offset + CLOCK.monotonicNs, true)),
      realtimeNs: String(view.getBigUint64(offset + CLOCK.realtimeNs, true)),
      errorNs: String(view.getBigUint64(offset + CLOCK.errorNs, true)),
    };
  }

  /** The JSON object; `more` wins where it is not null. */
  json(more: Readonly<Record<string, unknown>>): object {
    const known = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== null && value !== undefined));
    return { format: 'flowglass-session', version: BLOCK_VERSION, abi: ABI_VERSION, ...this.#facts, ...known };
  }
}

/** Reads the header's JSON. Throws FlowglassError when it is from a later version or not what it should be. */
export function readHeader(payload: Uint8Array, where: string): SessionHeader {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decoder.decode(payload));
  } catch {
    parsed = null;
  }
  const fields: Record<string, unknown> =
    typeof parsed === 'object' && parsed !== null ? Object.fromEntries(Object.entries(parsed)) : {};
  const text = (key: string): string | null => (typeof fields[key] === 'string' ? fields[key] : null);
  const number = (key: string): number | null => (typeof fields[key] === 'number' ? fields[key] : null);
  if (fields['format'] !== 'flowglass-session') {
    throw new FlowglassError({
      code: 'damaged-session',
      what: 'the session header cannot be read',
      where,
      hint: 'the file is damaged; Wireshark may still open its packets',
    });
  }
  const version = number('version') ?? 0;
  const abi = number('abi') ?? 0;
  if (version > BLOCK_VERSION || abi !== ABI_VERSION) {
    throw new FlowglassError({
      code: 'session-version',
      what: `recorded by another version of Flowglass (format ${version}, structures ${abi})`,
      where,
      hint: `this one reads format ${BLOCK_VERSION} with structures ${ABI_VERSION}; open it with the version that wrote it`,
    });
  }
  return {
    version,
    abi,
    application: text('application') ?? '',
    host: text('host'),
    os: text('os'),
    bootId: text('bootId'),
    kernel: text('kernel'),
    machine: text('machine'),
    netns: number('netns'),
    features: number('features'),
    anchor: readAnchor(fields['anchor']),
    snaplen: number('snaplen') ?? 0,
    packets: fields['packets'] !== false,
    filter: text('filter'),
    file: number('file') ?? 1,
  };
}

function readAnchor(value: unknown): ClockReading | null {
  if (typeof value !== 'object' || value === null) return null;
  const fields = new Map<string, unknown>(Object.entries(value));
  const ns = (key: string): bigint => {
    const text = fields.get(key);
    return typeof text === 'string' && /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
  };
  return { bootNs: ns('bootNs'), monotonicNs: ns('monotonicNs'), realtimeNs: ns('realtimeNs'), errorNs: ns('errorNs') };
}
