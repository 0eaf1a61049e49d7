/**
 * What is watched in one or several network namespaces: a helper for each, and their frames as one stream that looks as
 * if one helper had sent it, so that model, file and replay know nothing of how many there were.
 *
 * Of what each helper tells of the whole machine (clock, processes, sleep) one is listened to, the lead; when it ends the
 * next one takes over. Slots of their tables are told apart by the number of the CPU, interfaces by numbers that are
 * given out by one counter, and counters of losses are added up.
 */
import {
  FLOW_RECORD,
  FRAME_BYE,
  FRAME_CLOCK,
  FRAME_FLOWS,
  FRAME_GAP,
  FRAME_HELLO,
  FRAME_INTERFACE,
  FRAME_NAMES,
  FRAME_PROCESSES,
  FRAME_RESYNCED,
  FRAME_STATS,
  GAP,
  GAP_SUSPENDED,
  INTERFACE,
  INTERFACE_ATTACHED,
  INTERFACE_LINK,
  INTERFACE_WAITING,
  LOG_WARNING,
  STATS,
} from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';
import type { HelperEnd } from '../helper/helper.ts';
import type { Capturing } from '../remote/lasting-helper.ts';
import type { RemoteStart } from '../remote/remote-host.ts';
import type { NetworkInterface } from '../system/interfaces.ts';
import type { NetworkNamespace } from '../system/netns.ts';
import type { HelloCommand } from '../wire/commands.ts';
import type { FrameSink } from '../wire/frames.ts';
import { readStats, type InterfaceReport, type LogLine } from '../wire/messages.ts';
import { startCapturing } from './capturing.ts';
import { InterfaceWatch, type Attached } from './interface-watch.ts';
import { addStats } from './stats-sum.ts';

/** Interfaces of one network namespace. */
export interface CaptureSource {
  readonly interfaces: readonly NetworkInterface[];
  /** null = ours. */
  readonly namespace: NetworkNamespace | null;
  /** As the user named the namespace or container; null = ours. */
  readonly name: string | null;
  /** Everything in it was asked for: interfaces that appear later are watched too, one that cannot be attached is left out. */
  readonly all: boolean;
}

/** How to attach: RUNG_* wanted for each direction. */
export interface Rungs {
  readonly ingress?: number;
  readonly egress?: number;
}

export interface CaptureOptions extends Rungs {
  readonly sources: readonly CaptureSource[];
  /** The host that they are on; left out = this one. */
  readonly remote?: RemoteStart;
  /** The connection to it was lost, and why; null = it is there again. */
  readonly onConnection?: (lost: string | null) => void;
  readonly hello: HelloCommand;
  /** The merged frames. */
  readonly onFrame: FrameSink;
  readonly onLog: (line: LogLine) => void;
  /** One helper of several ended without being asked; the others go on. It is logged as well. */
  readonly onLeft?: (error: FlowglassError) => void;
  /** An interface is about to get a number, or has another name: what depends on numbers has to be told anew. */
  readonly onNumber?: (helper: Capturing, watch: InterfaceWatch) => void;
}

/** Slots of the n-th helper have n times this added to their CPU. */
const CPU_STRIDE = 1024;
export const SOURCES_MAX = 64;

interface Member {
  readonly number: number;
  readonly source: CaptureSource;
  readonly watch: InterfaceWatch;
  /** Newest INTERFACE frame of each interface that it is attached to, by number. */
  readonly faces: Map<number, Uint8Array>;
  helper: Capturing | null;
  /** Newest STATS or BYE. */
  stats: Uint8Array | null;
  /** The last ones of helpers before it, whose connection was lost. */
  readonly before: Uint8Array[];
  /** A helper of it has said HELLO. */
  greeted: boolean;
  /** It has sent its last frame. */
  bye: boolean;
  snapshot: boolean;
  ended: HelperEnd | null;
}

export class CaptureGroup {
  /** Settles when all helpers have gone. Never rejects. */
  readonly ended: Promise<HelperEnd>;
  readonly #options: CaptureOptions;
  readonly #members: Member[];
  #settle!: (end: HelperEnd) => void;
  #greeted = false;
  #resynced = false;
  #stopping = false;
  #sum = new Uint8Array(STATS.size);

  private constructor(options: CaptureOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#settle = resolve));
    const numbers = { next: 0 };
    this.#members = options.sources.map((source, number) => this.#member(source, number, numbers));
  }

  /** Starts the helpers; nothing is attached yet. Throws a FlowglassError, and then none of them is left. */
  static async start(options: CaptureOptions): Promise<CaptureGroup> {
    const group = new CaptureGroup(options);
    const started = await Promise.allSettled(group.#members.map((member) => group.#start(member)));
    const failed = started.find((each) => each.status === 'rejected');
    if (failed === undefined) return group;
    await group.stop();
    throw failed.reason;
  }

  /** What is watched or waited for; with its namespace before the name, as it can be asked for, where there are several. */
  get attached(): Attached[] {
    return this.#members.flatMap(({ watch, source: { name } }) =>
      this.#members.length > 1 && name !== null
        ? watch.attached.map((face) => ({ ...face, name: `${name}:${face.name}` }))
        : watch.attached,
    );
  }

  /** Settles when everything that existed before the first attach has been said (or the helpers have ended). */
  get snapshot(): Promise<unknown> {
    return Promise.all(this.#helpers.map((helper) => helper.snapshot));
  }

  /** As the user named the namespace of an interface; null = ours. */
  nameOf(iface: number): string | null {
    return this.#members.find(({ watch }) => watch.has(iface))?.source.name ?? null;
  }

  /** Attaches to everything. Throws a FlowglassError, and then none of the helpers is left. */
  async attach(): Promise<InterfaceReport[]> {
    const attached = await Promise.allSettled(
      this.#members.map(async ({ watch, helper }) => (helper === null ? [] : watch.start(helper))),
    );
    const failed = attached.find((each) => each.status === 'rejected');
    if (failed !== undefined) {
      const { error } = await this.stop();
      throw error ?? failed.reason;
    }
    return attached.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  }

  /** Starts or ends packet copies; snaplen in bytes, 0 = whole packets. */
  capture(enabled: boolean, snaplen: number): void {
    for (const { helper } of this.#alive()) helper?.capture(enabled, snaplen);
  }

  /** Each helper with its interfaces. */
  each(visit: (helper: Capturing, watch: InterfaceWatch) => void): void {
    for (const { helper, watch } of this.#alive()) if (helper !== null) visit(helper, watch);
  }

  /** The helper that watches an interface; null when it has ended. */
  helperOf(iface: number): Capturing | null {
    return this.#alive().find(({ watch }) => watch.has(iface))?.helper ?? null;
  }

  /** Asks all for the last counters and packets, and waits until they have exited. */
  async stop(): Promise<HelperEnd> {
    this.#stopping = true;
    await Promise.all(this.#helpers.map((helper) => helper.stop()));
    return this.#end();
  }

  #member(source: CaptureSource, number: number, numbers: { next: number }): Member {
    const { ingress, egress, onNumber } = this.#options;
    const member: Member = {
      number,
      source,
      faces: new Map(),
      helper: null,
      stats: null,
      before: [],
      greeted: false,
      bye: false,
      snapshot: false,
      ended: null,
      watch: new InterfaceWatch({
        interfaces: source.interfaces,
        all: source.all,
        numbers,
        ...(ingress === undefined ? {} : { ingress }),
        ...(egress === undefined ? {} : { egress }),
        ...(onNumber === undefined ? {} : { onNumber: (helper) => onNumber(helper, member.watch) }),
        onFrame: this.#options.onFrame,
        onLog: (line) => this.#log(member, line),
      }),
    };
    return member;
  }

  async #start(member: Member): Promise<void> {
    const { namespace } = member.source;
    const { hello, remote, onConnection } = this.#options;
    const helper = await startCapturing({
      hello,
      watch: member.watch,
      ...(remote === undefined ? {} : { remote }),
      ...(onConnection === undefined ? {} : { onConnection }),
      onFrame: (type, bytes, view, offset, length) => this.#frame(member, type, bytes, view, offset, length),
      onPresent: (report) => member.watch.present(report),
      onLog: (line) => this.#log(member, line),
      ...(namespace === null ? {} : { netnsPath: namespace.path }),
    });
    member.helper = helper;
    void helper.ended.then((end) => this.#left(member, end));
  }

  /** Which namespace a line is about is said where there are several. */
  #log({ source }: Member, line: LogLine): void {
    const where = this.#members.length > 1 ? `${source.name ?? 'here'}: ` : '';
    this.#options.onLog({ ...line, text: where + line.text });
  }

  get #helpers(): Capturing[] {
    return this.#members.flatMap(({ helper }) => (helper === null ? [] : [helper]));
  }

  #alive(): Member[] {
    return this.#members.filter(({ ended }) => ended === null);
  }

  #isLead(member: Member): boolean {
    return this.#members.find(({ ended }) => ended === null) === member;
  }

  // ---- frames -----------------------------------------------------------------------------------------------------------

  #frame(member: Member, type: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const { onFrame } = this.#options;
    switch (type) {
      case FRAME_HELLO:
        if (member.greeted) this.#anew(member);
        else if (this.#greeted) return;
        this.#greeted = member.greeted = true;
        break;
      case FRAME_CLOCK:
      case FRAME_PROCESSES:
      case FRAME_NAMES:
        if (!this.#isLead(member)) return;
        break;
      case FRAME_GAP:
        if (view.getUint32(offset + GAP.stream, true) === GAP_SUSPENDED && !this.#isLead(member)) return;
        break;
      case FRAME_FLOWS:
        if (member.number > 0)
          for (let at = offset; at + FLOW_RECORD.size <= offset + length; at += FLOW_RECORD.size) {
            const cpu = view.getUint16(at + FLOW_RECORD.cpu, true);
            view.setUint16(at + FLOW_RECORD.cpu, cpu + member.number * CPU_STRIDE, true);
          }
        break;
      case FRAME_RESYNCED:
        member.snapshot = true;
        if (!this.#resynced && !this.#alive().every(({ snapshot }) => snapshot)) return;
        this.#resynced = true;
        break;
      case FRAME_STATS:
      case FRAME_BYE:
        this.#stats(member, type, bytes.subarray(offset, offset + length));
        return;
    }
    onFrame(type, bytes, view, offset, length);
    if (type !== FRAME_INTERFACE) return;
    this.#face(member, bytes, view, offset, length);
    member.watch.frame(bytes, view, offset);
  }

  /** Another helper takes its place, and counts from zero: model and file learn of it by its HELLO. */
  #anew(member: Member): void {
    if (member.stats !== null) member.before.push(member.stats);
    member.stats = null;
    member.faces.clear();
  }

  /**
   * What all of them counted: told at the times of the lead, so that what is divided by the time between two is right, and
   * with the last good-bye, which is that of the group.
   */
  #stats(member: Member, type: number, bytes: Uint8Array): void {
    member.stats = bytes.slice();
    member.bye = type === FRAME_BYE;
    const last = member.bye && this.#alive().every(({ bye }) => bye);
    if (!last && (member.bye || !this.#isLead(member))) return;
    const sum = this.#sum;
    addStats(
      sum,
      this.#members.flatMap(({ stats }) => (stats === null ? [] : [stats])),
      member.stats,
    );
    this.#options.onFrame(type, sum, new DataView(sum.buffer, sum.byteOffset, sum.byteLength), 0, sum.length);
  }

  #face({ faces }: Member, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const number = view.getUint16(offset + INTERFACE.iface, true);
    const state = view.getUint16(offset + INTERFACE.state, true);
    if (state === INTERFACE_ATTACHED || state === INTERFACE_LINK)
      faces.set(number, bytes.slice(offset, offset + length));
    else faces.delete(number);
  }

  // ---- the end ----------------------------------------------------------------------------------------------------------

  #left(member: Member, end: HelperEnd): void {
    const wasLead = this.#isLead(member);
    member.ended = end;
    const rest = this.#alive();
    if (rest.length === 0) {
      this.#settle(this.#end());
      return;
    }
    if (this.#stopping) return;
    const why = end.error?.what ?? 'the capture helper ended by itself';
    this.#log(member, { level: LOG_WARNING, text: `${why}: the others go on` });
    this.#gap(member);
    // What is known of processes, the next one has to tell from the beginning; and that all is told, if this one had not.
    if (wasLead || !this.#resynced) rest[0]?.helper?.resync();
    this.#options.onLeft?.(
      new FlowglassError({
        code: 'helper-ended',
        what: `${why}, the others go on`,
        where: member.source.name ?? 'here',
        hint: 'attach again to watch it too',
      }),
    );
  }

  /** Its interfaces are away from now on: a gap of each, in the model and in the file. */
  #gap({ faces, watch, stats }: Member): void {
    for (const face of faces.values()) {
      const view = new DataView(face.buffer, face.byteOffset, face.byteLength);
      view.setUint16(INTERFACE.state, INTERFACE_WAITING, true);
      if (stats !== null) {
        const at = new DataView(stats.buffer, stats.byteOffset, stats.byteLength).getBigUint64(STATS.atNs, true);
        view.setBigUint64(INTERFACE.atNs, at, true);
      }
      this.#options.onFrame(FRAME_INTERFACE, face, view, 0, face.length);
    }
    faces.clear();
    watch.abandon('its capture helper ended');
  }

  /** Complete when all were; the error of the last one, for those before were told of when they ended. */
  #end(): HelperEnd {
    const ends = this.#members.flatMap(({ ended }) => (ended === null ? [] : [ended]));
    const all = this.#members.flatMap(({ before, stats }) => (stats === null ? before : [...before, stats]));
    const last = all.at(-1);
    if (last !== undefined) addStats(this.#sum, all, last);
    const failed = this.#stopping ? ends.filter(({ error }) => error !== null) : ends.slice(-1);
    const error = failed.length > 0 && failed.length === ends.length ? (failed.at(-1)?.error ?? null) : null;
    return {
      stats: last === undefined ? null : readStats(new DataView(this.#sum.buffer), 0),
      complete: ends.length > 0 && ends.every(({ complete }) => complete),
      error: ends.length === 1 ? (ends[0]?.error ?? null) : error,
    };
  }
}
