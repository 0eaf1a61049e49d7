/**
 * From the helper's frames to the flow model. Live and replay run this same code over the same frames, and nothing in
 * it asks a clock or depends on where a frame begins, so the state is the same bit for bit whichever way it was reached:
 * from the start, or from a keyframe on (`serialize`, `restore`).
 */
import {
  CLOCK,
  EVENT,
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
  GAP,
  HELLO,
  IFACE_NONE,
  INTERFACE,
  INTERFACE_ATTACHED,
  INTERFACE_LINK,
  INTERFACE_WAITING,
  NAME,
  SOCKET_EVENT,
  STATS,
  STREAM_EVENTS,
  STREAM_STATE,
  STREAM_STATS,
  TOTALS_RECORD,
  TRANSLATION,
} from '../abi/generated.ts';
import { Events } from './events.ts';
import { FactRecords, FRAME_FACTS } from './fact-records.ts';
import { FLOWS_MAX, foldFlows } from './fold.ts';
import { FlowRecords } from './flow-records.ts';
import { applyInterface, applyTotals } from './interface-records.ts';
import { FlowModel } from './model.ts';
import { FRAME_NOTE, GAP_PAUSED, NOTE_PAUSED, NOTE_RESUMED, NOTE_TRIGGERED, readNote } from './note-records.ts';
import { terminated, uint64 } from './numbers.ts';
import { ownerOfPacket, type PacketOwner } from './owners.ts';
import { CGROUP, FRAME_CGROUP, FRAME_CONTAINER, ProcessRecords } from './process-records.ts';
import { SnapshotReader, SnapshotWriter } from './snapshot.ts';
import { applySockets } from './socket-records.ts';

/** Gaps that are remembered for the timeline; of further ones only the records are counted. */
const GAPS_MAX = 1024;
/** Of them, those in which an interface was away. */
const OUTAGES_MAX = 512;

/** In a Gap: no records of a stream were lost, an interface was down or gone. */
export const GAP_INTERFACE = 0xffff;

/** Records of a stream that were lost between two times, or a time in which a watched interface was away. */
export interface Gap {
  /** STREAM_*, or GAP_INTERFACE */
  readonly stream: number;
  readonly fromNs: number;
  /** Infinity = it lasts */
  readonly toNs: number;
  readonly records: number;
  /** Number of the interface that was away; IFACE_NONE = none */
  readonly iface: number;
}

export class Reducer {
  readonly model = new FlowModel();
  readonly gaps: Gap[] = [];
  #outages = 0;
  readonly #flows = new FlowRecords(this.model);
  readonly #events = new Events(this.model);
  readonly #processes = new ProcessRecords(this.model);
  readonly #facts = new FactRecords(this.model, (words, at, epoch, atNs) =>
    this.#events.flowOf(words, at, epoch, atNs),
  );
  /** Lost records of helpers that ended, and what the running one said last. */
  #lostEventsBefore = 0;
  #lostStatesBefore = 0;
  #buffer: ArrayBufferLike | null = null;
  #words: Uint32Array = new Uint32Array(0);
  #aligned = new Uint8Array(0);

  readonly #flowsMax: number;

  /** Beyond `flowsMax` flows those that ended first are folded (fold.ts); Infinity = all stay. */
  constructor(flowsMax = FLOWS_MAX) {
    this.#flowsMax = flowsMax;
  }

  /**
   * Takes one frame: its type and its payload, `length` bytes at `offset` of `bytes`; `view` spans the same memory as
   * `bytes`. Types that say nothing about flows are ignored, incomplete records at the end too (the frame reader has
   * refused those).
   */
  apply(type: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const { model } = this;
    model.version = (model.version + 1) >>> 0;
    let words: Uint32Array;
    let at: number;
    if (((bytes.byteOffset + offset) & 3) === 0) {
      if (bytes.buffer !== this.#buffer) {
        this.#buffer = bytes.buffer;
        this.#words = new Uint32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2);
      }
      words = this.#words;
      at = (bytes.byteOffset + offset) >>> 2;
    } else {
      // Where a file's blocks begin at odd places the records are moved to an even one.
      if (this.#aligned.length < length) this.#aligned = new Uint8Array((length + 7) & ~7);
      this.#aligned.set(bytes.subarray(offset, offset + length));
      bytes = this.#aligned;
      view = new DataView(bytes.buffer);
      words = new Uint32Array(bytes.buffer);
      offset = 0;
      at = 0;
    }
    switch (type) {
      case FRAME_FLOWS:
        this.#flows.apply(words, at, Math.floor(length / FLOW_RECORD.size));
        if (this.#flows.madeFlows) {
          this.#flows.madeFlows = false;
          this.#events.retry();
        }
        break;
      case FRAME_EVENTS:
        this.#events.apply(words, at, Math.floor(length / EVENT.size));
        if (this.#events.madeFlows) {
          this.#events.madeFlows = false;
          this.#events.retry();
        }
        break;
      case FRAME_SOCKETS: {
        const whole = bytes.byteOffset === 0 ? bytes : new Uint8Array(bytes.buffer);
        applySockets(model, whole, words, at * 4, Math.floor(length / SOCKET_EVENT.size));
        break;
      }
      case FRAME_PROCESSES:
        this.#processes.apply(bytes, view, offset, length);
        break;
      case FRAME_FACTS:
        this.#facts.frame(bytes, view, offset, length);
        if (this.#events.madeFlows) {
          this.#events.madeFlows = false;
          this.#events.retry();
        }
        break;
      case FRAME_NOTE:
        this.#note(bytes, view, offset, length);
        break;
      case FRAME_CGROUP:
        if (length >= CGROUP.size) this.#processes.nameCgroup(bytes, view, offset, length);
        break;
      case FRAME_CONTAINER:
        if (length >= CGROUP.size) this.#processes.describeContainer(bytes, view, offset, length);
        break;
      case FRAME_TOTALS:
        for (let record = 0; record + TOTALS_RECORD.size <= length; record += TOTALS_RECORD.size) {
          applyTotals(model, view, offset + record);
        }
        break;
      case FRAME_CLOCK:
      case FRAME_RESYNCED:
        if (length >= CLOCK.size) this.#clock(view, offset);
        if (type === FRAME_CLOCK) this.#fold();
        if (type === FRAME_RESYNCED) model.snapshotDone = true;
        break;
      case FRAME_INTERFACE:
        if (length >= INTERFACE.master) {
          applyInterface(model, bytes, view, offset, length);
          this.#outage(view, offset);
        }
        break;
      case FRAME_STATS:
      case FRAME_BYE:
        if (length >= STATS.size) this.#stats(view, offset);
        break;
      case FRAME_NAMES:
        for (let record = 0; record + NAME.size <= length; record += NAME.size) {
          const from = offset + record + NAME.name;
          const name = model.strings.intern(bytes, from, terminated(bytes, from, NAME.size - NAME.name));
          model.setReason(view.getUint32(offset + record + NAME.number, true), name);
        }
        break;
      case FRAME_TRANSLATIONS:
        for (let record = 0; record + TRANSLATION.size <= length; record += TRANSLATION.size) {
          const bootNs = view.getBigUint64(offset + record + TRANSLATION.atNs, true);
          model.translations.apply(view, offset + record, model.clock.relativeOf(bootNs));
        }
        break;
      case FRAME_GAP:
        if (length >= GAP.size) this.#gap(view, offset);
        break;
      case FRAME_HELLO:
        if (length >= HELLO.size) this.#hello(view, offset);
        break;
    }
  }

  /**
   * The process of this machine that a packet belongs to; null when not known. `bytes` at `keyOffset` holds the struct
   * fg_key, `direction` 1 = from hi to lo, the time is boot nanoseconds in two halves. The answer is reused: read it
   * before the next call.
   */
  readonly ownerOf = (
    bytes: Uint8Array,
    _view: DataView,
    keyOffset: number,
    epoch: number,
    direction: number,
    atHigh: number,
    atLow: number,
  ): PacketOwner | null => {
    return ownerOfPacket(this.model, bytes, keyOffset, epoch, direction, this.model.clock.relative(atLow, atHigh));
  };

  /** Control groups whose path nobody has told yet (`cgroupFrame` does); each is named once. */
  takeUnnamedCgroups(): bigint[] {
    return this.#processes.takeUnnamedCgroups();
  }

  /**
   * Lets `change` replace keys (KEY_WORDS words each) in place, of flows and of what waits for one. Nothing may be looked
   * up afterwards: `restore` what `serialize` gives.
   */
  editKeys(change: (words: Uint32Array, count: number) => void): void {
    const { flows, folded } = this.model;
    change(flows.key.data, flows.rows.count);
    change(folded.key.data, folded.rows.count);
    this.#events.edit(change);
  }

  /** The whole state, for a keyframe. */
  serialize(): Uint8Array {
    const out = new SnapshotWriter();
    this.model.save(out);
    this.#flows.open.save(out);
    this.#events.save(out);
    out.float64(this.#lostEventsBefore);
    out.float64(this.#lostStatesBefore);
    out.uint32(this.gaps.length);
    for (const gap of this.gaps) {
      out.uint32(gap.stream);
      out.float64(gap.fromNs);
      out.float64(gap.toNs);
      out.float64(gap.records);
      out.uint32(gap.iface);
    }
    return out.finish();
  }

  /** @throws FlowglassError when the bytes are damaged or of another version */
  static restore(bytes: Uint8Array, flowsMax?: number): Reducer {
    const reducer = new Reducer(flowsMax);
    const input = new SnapshotReader(bytes);
    reducer.model.load(input);
    reducer.#flows.open.load(input, reducer.model.flows.rows.count, reducer.model.folded.rows.count);
    reducer.#events.load(input);
    reducer.#lostEventsBefore = input.float64();
    reducer.#lostStatesBefore = input.float64();
    const gaps = input.uint32();
    if (gaps > GAPS_MAX) input.fail('has too many gaps');
    for (let i = 0; i < gaps; i++) {
      const stream = input.uint32();
      const [fromNs, toNs, records] = [input.float64(), input.float64(), input.float64()];
      reducer.gaps.push({ stream, fromNs, toNs, records, iface: input.uint32() });
      if (stream === GAP_INTERFACE) reducer.#outages++;
    }
    return reducer;
  }

  #fold(): void {
    const fold = foldFlows(this.model, this.#flowsMax);
    if (fold !== null) this.#flows.open.fold(fold.flows, fold.totals);
  }

  #hello(view: DataView, offset: number): void {
    const { model } = this;
    // A new helper counts from zero, in a table of its own.
    this.#flows.open.clear();
    model.interfaces.settle();
    this.#lostEventsBefore = model.lostEvents;
    this.#lostStatesBefore = model.lostStates;
    model.netns = view.getUint32(offset + HELLO.netns, true);
    model.features = view.getUint32(offset + HELLO.features, true);
    model.snapshotDone = false;
  }

  #clock(view: DataView, offset: number): void {
    const { clock } = this.model;
    const bootNs = view.getBigUint64(offset + CLOCK.bootNs, true);
    const errorNs = Number(view.getBigUint64(offset + CLOCK.errorNs, true));
    clock.anchor(bootNs, view.getBigUint64(offset + CLOCK.realtimeNs, true), errorNs);
    const atNs = clock.relativeOf(bootNs);
    if (atNs > this.model.nowNs) this.model.nowNs = atNs;
  }

  #stats(view: DataView, offset: number): void {
    const { model } = this;
    model.lostEvents = Math.max(model.lostEvents, this.#lostEventsBefore + lostOf(view, offset, STREAM_EVENTS));
    model.lostStates = Math.max(model.lostStates, this.#lostStatesBefore + lostOf(view, offset, STREAM_STATE));
    const atNs = model.clock.relative(
      view.getUint32(offset + STATS.atNs, true),
      view.getUint32(offset + STATS.atNs + 4, true),
    );
    if (atNs > model.nowNs) model.nowNs = atNs;
  }

  #gap(view: DataView, offset: number): void {
    const { clock } = this.model;
    if (this.gaps.length >= GAPS_MAX) return;
    const time = (at: number): number =>
      clock.relative(view.getUint32(offset + at, true), view.getUint32(offset + at + 4, true));
    this.gaps.push({
      stream: view.getUint32(offset + GAP.stream, true),
      fromNs: time(GAP.fromNs),
      toNs: time(GAP.toNs),
      records: uint64(view, offset + GAP.records),
      iface: IFACE_NONE,
    });
  }

  /** A pause is a gap that lasts until the recording goes on; what a trigger saw is for the timeline. */
  #note(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const note = readNote(bytes, view, offset, length);
    if (note === null) return;
    const { model } = this;
    const atNs = model.clock.relativeOf(note.bootNs);
    if (note.kind === NOTE_TRIGGERED) model.observer?.triggered(atNs, note.text);
    const open = this.gaps.findLastIndex(({ stream, toNs }) => stream === GAP_PAUSED && toNs === Infinity);
    if (note.kind === NOTE_PAUSED && open < 0 && this.gaps.length < GAPS_MAX)
      this.gaps.push({ stream: GAP_PAUSED, fromNs: atNs, toNs: Infinity, records: 0, iface: IFACE_NONE });
    if (note.kind === NOTE_RESUMED && open >= 0) this.gaps[open] = { ...this.gaps[open]!, toNs: atNs };
  }

  /** The engine waits for an interface: a gap begins, until one of that name in its namespace is up or attached to again. */
  #outage(view: DataView, offset: number): void {
    const { clock, interfaces } = this.model;
    const known = interfaces.get(view.getUint16(offset + INTERFACE.iface, true));
    if (known === null) return;
    const atNs = clock.relative(
      view.getUint32(offset + INTERFACE.atNs, true),
      view.getUint32(offset + INTERFACE.atNs + 4, true),
    );
    if (atNs > this.model.nowNs) this.model.nowNs = atNs;
    const open =
      this.#outages === 0
        ? -1
        : this.gaps.findLastIndex(({ toNs, iface }) => {
            const away = interfaces.get(iface);
            return toNs === Infinity && away?.name === known.name && away.netns === known.netns;
          });
    const back = known.state === INTERFACE_ATTACHED || (known.state === INTERFACE_LINK && known.up);
    if (open >= 0 && back) this.gaps[open] = { ...this.gaps[open]!, toNs: atNs };
    if (open >= 0 || known.state !== INTERFACE_WAITING) return;
    if (this.#outages >= OUTAGES_MAX || this.gaps.length >= GAPS_MAX) return;
    this.#outages++;
    this.gaps.push({ stream: GAP_INTERFACE, fromNs: atNs, toNs: Infinity, records: 0, iface: known.iface });
  }
}

function lostOf(view: DataView, offset: number, stream: number): number {
  const at = offset + STATS.stream + stream * STREAM_STATS.size;
  return (
    uint64(view, at + STREAM_STATS.lostRing) +
    uint64(view, at + STREAM_STATS.lostQueue) +
    uint64(view, at + STREAM_STATS.lostSocket)
  );
}
