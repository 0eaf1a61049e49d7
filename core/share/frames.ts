/**
 * The helper's frames (docs/wire.md) with pseudonyms. Each kind of frame that may leave is named here; one that is not
 * named stays behind, so that a new kind leaks nothing before somebody has thought about it.
 */
import {
  EVENT,
  FLOW,
  FLOW_RECORD,
  FRAME_BYE,
  FRAME_CLOCK,
  FRAME_EVENTS,
  FRAME_FLOWS,
  FRAME_GAP,
  FRAME_HELLO,
  FRAME_INTERFACE,
  FRAME_NAMES,
  FRAME_PROCESSES,
  FRAME_RESYNCED,
  FRAME_SOCKETS,
  FRAME_STATS,
  FRAME_TOTALS,
  FRAME_TRANSLATIONS,
  HELLO,
  INTERFACE,
  KEY,
  NAME,
  PROCESS,
  SOCKET_EVENT,
  TRANSLATION,
} from '../abi/generated.ts';
import { FRAME_FACTS } from '../flow/fact-records.ts';
import { CGROUP, FRAME_CGROUP, FRAME_CONTAINER } from '../flow/process-records.ts';
import { terminated } from '../flow/numbers.ts';
import { cleanFacts } from './facts.ts';
import type { Pseudonyms, TextKind } from './pseudonyms.ts';

const encoder = new TextEncoder();

/** Replaces both addresses of a struct fg_key. */
export function cleanKey({ addresses }: Pseudonyms, bytes: Uint8Array, at: number): void {
  cleanAddress(addresses, bytes, at + KEY.loAddress, bytes[at + KEY.family]!);
  cleanAddress(addresses, bytes, at + KEY.hiAddress, bytes[at + KEY.family]!);
}

/** An address as our structures have it: IPv4 in the first four of sixteen bytes. Of no family it becomes zeros. */
export function cleanAddress(addresses: Pseudonyms['addresses'], bytes: Uint8Array, at: number, family: number): void {
  if (family === 6) addresses.v6(bytes, at);
  else if (family === 4) {
    addresses.v4(bytes, at);
    bytes.fill(0, at + 4, at + 16);
  } else bytes.fill(0, at, at + 16);
}

export class FrameCleaner {
  /** Frames that stayed behind. */
  leftOut = 0;
  readonly #names: Pseudonyms;

  constructor(names: Pseudonyms) {
    this.#names = names;
  }

  /** The frame as it may leave (its payload, changed in place or made anew); null when it stays behind. */
  clean(type: number, payload: Uint8Array): Uint8Array | null {
    switch (type) {
      case FRAME_FLOWS:
        return this.#each(payload, FLOW_RECORD.size, (at) =>
          cleanKey(this.#names, payload, at + FLOW_RECORD.flow + FLOW.key),
        );
      case FRAME_EVENTS:
        return this.#each(payload, EVENT.size, (at) => cleanKey(this.#names, payload, at + EVENT.key));
      case FRAME_SOCKETS:
        return this.#each(payload, SOCKET_EVENT.size, (at) => this.#socket(payload, at));
      case FRAME_PROCESSES:
        return this.#processes(payload);
      case FRAME_CGROUP:
        return this.#cgroup(payload);
      case FRAME_CONTAINER:
        return null; // of a container whose path says nothing any more
      case FRAME_FACTS:
        return cleanFacts(this.#names, payload);
      case FRAME_INTERFACE:
        return this.#interface(payload);
      case FRAME_HELLO:
        return this.#hello(payload);
      case FRAME_TRANSLATIONS:
        return this.#each(payload, TRANSLATION.size, (at) => this.#translation(payload, at));
      case FRAME_NAMES:
        return this.#each(payload, NAME.size, (at) => this.#reason(payload, at));
      case FRAME_CLOCK:
      case FRAME_RESYNCED:
      case FRAME_TOTALS:
      case FRAME_GAP:
      case FRAME_STATS:
      case FRAME_BYE:
        return payload; // numbers only
      default:
        this.leftOut++;
        return null;
    }
  }

  #each(payload: Uint8Array, size: number, change: (at: number) => void): Uint8Array {
    const whole = payload.length - (payload.length % size);
    for (let at = 0; at < whole; at += size) change(at);
    return payload.subarray(0, whole);
  }

  #translation(bytes: Uint8Array, at: number): void {
    const { source, target, newSource, newTarget, family } = TRANSLATION;
    for (const address of [source, target, newSource, newTarget])
      cleanAddress(this.#names.addresses, bytes, at + address, bytes[at + family]!);
  }

  #socket(bytes: Uint8Array, at: number): void {
    const family = bytes[at + SOCKET_EVENT.family]!;
    cleanAddress(this.#names.addresses, bytes, at + SOCKET_EVENT.localAddress, family);
    cleanAddress(this.#names.addresses, bytes, at + SOCKET_EVENT.remoteAddress, family);
    this.#uid(bytes, at + SOCKET_EVENT.uid);
    this.#fixed('process', bytes, at + SOCKET_EVENT.comm, 16);
  }

  #uid(bytes: Uint8Array, at: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(at, this.#names.uid(view.getUint32(at, true)), true);
  }

  /** A text of fixed room, filled up with NUL. */
  #fixed(kind: TextKind, bytes: Uint8Array, at: number, room: number): void {
    const made = this.#names.bytes(kind, bytes.slice(at, at + terminated(bytes, at, room)));
    bytes.fill(0, at, at + room);
    bytes.set(made.subarray(0, room - 1), at);
  }

  /** Records change their lengths: exe, file and arguments get others. */
  #processes(payload: Uint8Array): Uint8Array {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const records: Uint8Array[] = [];
    for (let at = 0; at + PROCESS.size <= payload.length;) {
      const size = view.getUint32(at + PROCESS.recordLength, true);
      if (size < PROCESS.size || at + size > payload.length) break;
      const record = this.#process(payload, view, at, size);
      if (record !== null) records.push(record);
      at += size;
    }
    return Buffer.concat(records);
  }

  #process(payload: Uint8Array, view: DataView, at: number, size: number): Uint8Array | null {
    const lengths = [PROCESS.exeLength, PROCESS.fileLength, PROCESS.argsLength] as const;
    const kinds = ['path', 'path', 'arguments'] as const;
    const texts: Uint8Array[] = [];
    let text = at + PROCESS.size;
    for (const [i, field] of lengths.entries()) {
      const length = view.getUint16(at + field, true);
      if (text + length > at + size) return null;
      texts.push(this.#names.bytes(kinds[i]!, payload.subarray(text, text + length)));
      text += length;
    }
    const total = (PROCESS.size + texts.reduce((sum, each) => sum + each.length, 0) + 7) & ~7;
    const record = new Uint8Array(total);
    record.set(payload.subarray(at, at + PROCESS.size));
    const out = new DataView(record.buffer);
    out.setUint32(PROCESS.recordLength, total, true);
    this.#uid(record, PROCESS.uid);
    this.#fixed('process', record, PROCESS.comm, 16);
    let to: number = PROCESS.size;
    for (const [i, field] of lengths.entries()) {
      out.setUint16(field, texts[i]!.length, true);
      record.set(texts[i]!, to);
      to += texts[i]!.length;
    }
    return record;
  }

  #cgroup(payload: Uint8Array): Uint8Array | null {
    if (payload.length < CGROUP.size) return null;
    return Buffer.concat([
      payload.subarray(0, CGROUP.path),
      this.#names.bytes('container', payload.subarray(CGROUP.path)),
    ]);
  }

  #interface(payload: Uint8Array): Uint8Array | null {
    if (payload.length < INTERFACE.size) return null;
    this.#fixed('interface', payload, INTERFACE.name, 16);
    this.#names.addresses.mac(payload, INTERFACE.mac);
    // A sentence: it may name anything.
    payload.fill(0, INTERFACE.reason, INTERFACE.reason + 160);
    return payload;
  }

  #hello(payload: Uint8Array): Uint8Array | null {
    if (payload.length < HELLO.size) return null;
    payload.set(this.#names.identity(payload.slice(HELLO.bootId, HELLO.bootId + 16)), HELLO.bootId);
    this.#fixed('host', payload, HELLO.hostname, 64);
    const release = kernelVersion(Buffer.from(payload.subarray(HELLO.kernel, HELLO.kernel + 64)).toString('latin1'));
    payload.fill(0, HELLO.kernel, HELLO.kernel + 64);
    payload.set(encoder.encode(release), HELLO.kernel);
    return payload;
  }

  /** Drop reasons are the kernel's words. */
  #reason(payload: Uint8Array, at: number): void {
    const room = NAME.size - NAME.name;
    const from = at + NAME.name;
    const word = Buffer.from(payload.subarray(from, from + terminated(payload, from, room))).toString('latin1');
    if (!isDropReason(word)) this.#fixed('name', payload, from, room);
  }
}

export const isDropReason = (word: string): boolean => /^[A-Z0-9_]*$/.test(word);

/** Numbers only: what follows them is a builder's own text. */
export const kernelVersion = (release: string): string => /^\d+(\.\d+){0,2}/.exec(release)?.[0] ?? '';
