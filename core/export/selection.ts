/**
 * Which packets of a capture are exported: those between two wall times, of flows that match. A packet is given to its
 * flow as when the capture was opened: by the tracker in a foreign one, by its key in a session of ours.
 */
import type { CaptureHandlers, CaptureInterface } from '../capture/interface.ts';
import type { Packet } from '../capture/packet.ts';
import { toNanoseconds } from '../capture/time.ts';
import { Dissector } from '../dissect/dissector.ts';
import type { FlowModel } from '../flow/model.ts';
import { ENTRY_PACKETS } from '../session/blocks.ts';
import type { IndexEntry } from '../session/index.ts';
import { ForeignCapture } from '../tracker/open-foreign.ts';

/** Wall times in ns since 1970, both inclusive; null = open. */
export interface TimeRange {
  readonly fromNs: bigint | null;
  readonly toNs: bigint | null;
}

/** One reading of the capture; ask for each packet once, in file order. */
export interface Selection {
  /** To be given what the reader says besides packets. */
  readonly handlers: Pick<CaptureHandlers, 'section' | 'interface' | 'names' | 'process'>;
  wants(packet: Packet): boolean;
}

export type MakeSelection = () => Selection;

/** A packet without a time (Simple Packet Block) passed at the newest one before it. */
class Range {
  readonly #range: TimeRange;
  readonly #any: boolean;
  #newest: bigint | null = null;

  constructor(range: TimeRange) {
    this.#range = range;
    this.#any = range.fromNs === null && range.toNs === null;
  }

  has(packet: Packet): boolean {
    if (this.#any) return true;
    if (packet.timed) {
      const at = toNanoseconds(packet.seconds, packet.nanos);
      if (this.#newest === null || at > this.#newest) this.#newest = at;
      return this.#within(at);
    }
    return this.#newest !== null && this.#within(this.#newest);
  }

  #within(at: bigint): boolean {
    const { fromNs, toNs } = this.#range;
    return (fromNs === null || at >= fromNs) && (toNs === null || at <= toNs);
  }
}

/** Of those only the packets of the interfaces named so. */
export function onInterfaces(select: MakeSelection, names: readonly string[]): MakeSelection {
  return () => {
    const { handlers, wants } = select();
    const chosen: boolean[] = [];
    return {
      handlers: {
        ...handlers,
        interface: (info) => {
          chosen[info.index] = names.includes(nameOf(info));
          handlers.interface?.(info);
        },
      },
      // Asked in any case: a selection follows all packets.
      wants: (packet) => wants(packet) && chosen[packet.interfaceIndex] === true,
    };
  };
}

/** The name of an interface, its number in the file when it has none. */
export const nameOf = (info: CaptureInterface): string =>
  info.name === null || info.name === '' ? `#${info.index}` : info.name;

export function selectByTime(range: TimeRange): MakeSelection {
  return () => {
    const times = new Range(range);
    return { handlers: {}, wants: (packet) => times.has(packet) };
  };
}

/** Flows are numbered alike each time the same packets are tracked. */
export function selectForeign(range: TimeRange, matches: (flow: number) => boolean): MakeSelection {
  return () => {
    const times = new Range(range);
    const capture = new ForeignCapture();
    const { packet: track, ...handlers } = capture.handlers;
    return {
      handlers,
      wants: (packet) => {
        track?.(packet);
        return times.has(packet) && capture.tracker.flow >= 0 && matches(capture.tracker.flow);
      },
    };
  };
}

export function selectSession(
  range: TimeRange,
  matches: (flow: number) => boolean,
  model: FlowModel,
  index: readonly IndexEntry[],
): MakeSelection {
  const runs = index.filter((entry) => entry.kind === ENTRY_PACKETS);
  return () => {
    const times = new Range(range);
    const finder = new FlowFinder(model, runs);
    return {
      handlers: { interface: (info) => finder.describe(info) },
      wants: (packet) => {
        if (!times.has(packet)) return false;
        const flow = finder.find(packet);
        return flow >= 0 && matches(flow);
      },
    };
  };
}

/** Finds the flow that a stored packet of a session of ours was counted in. */
class FlowFinder {
  readonly #model: FlowModel;
  readonly #runs: readonly IndexEntry[];
  readonly #dissector = new Dissector();
  /** By interface of the file: its link type, and the numbers that flow keys may have for it. */
  readonly #linkTypes: number[] = [];
  readonly #numbers: (readonly number[])[] = [];
  #run = 0;

  constructor(model: FlowModel, runs: readonly IndexEntry[]) {
    this.#model = model;
    this.#runs = runs;
  }

  describe(info: CaptureInterface): void {
    const { list } = this.#model.interfaces;
    const named = list.filter((known) => known.name === info.name);
    this.#linkTypes[info.index] = info.linkType;
    // A journal that does not tell the interfaces (its first block was lost): whichever has the flow.
    this.#numbers[info.index] = (named.length > 0 ? named : list).map((known) => known.iface);
  }

  find(packet: Packet): number {
    const p = this.#dissector.dissect(
      this.#linkTypes[packet.interfaceIndex] ?? -1,
      packet.bytes,
      packet.offset,
      packet.captured,
      packet.length,
      0,
    );
    if (p.unparsed >= 0) return -1;
    const atNs = this.#relative(packet);
    // The kernel programs count a tunnel's outer flow.
    const outer = p.tunnels > 0 && p.outerFamily !== 0;
    const addresses = outer ? new Int32Array(p.outerAddresses.buffer) : p.addressWords;
    const [source, destination] = outer
      ? [p.outerSourcePort, p.outerDestinationPort]
      : [p.sourcePort, p.destinationPort];
    const [protocol, family] = outer ? [p.outerProtocol, p.outerFamily] : [p.protocol, p.family];
    for (const iface of this.#numbers[packet.interfaceIndex] ?? [0]) {
      const flow = this.#lookup(addresses, source, destination, protocol, family, iface, atNs);
      if (flow >= 0) return flow;
    }
    return -1;
  }

  #lookup(
    addresses: Int32Array,
    source: number,
    destination: number,
    protocol: number,
    family: number,
    iface: number,
    atNs: number,
  ): number {
    const { flows } = this.#model;
    const { words } = flows;
    // Which end stands first is the kernel programs' affair: one of both orders is there.
    for (let swap = 0; swap < 2; swap++) {
      for (let i = 0; i < 4; i++) {
        words[i] = addresses[swap * 4 + i]!;
        words[4 + i] = addresses[4 - swap * 4 + i]!;
      }
      words[8] = swap === 0 ? source | (destination << 16) : destination | (source << 16);
      words[9] = iface | (protocol << 16) | (family << 24);
      flows.hash();
      const flow = flows.lookup(0, atNs);
      if (flow >= 0) return flow;
    }
    return -1;
  }

  /** Within a run of the index boot and wall time differ by one constant. */
  #relative(packet: Packet): number {
    const wallNs = toNanoseconds(packet.seconds, packet.nanos);
    while (this.#run + 1 < this.#runs.length && this.#runs[this.#run + 1]!.offset <= packet.at) this.#run++;
    const run = this.#runs[this.#run];
    if (run === undefined) return this.#model.nowNs;
    return this.#model.clock.relativeOf(wallNs - run.wallOffsetNs);
  }
}
