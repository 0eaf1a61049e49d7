/**
 * Which interfaces a capture watches, while they come and go. An interface that was named is waited for when it is gone
 * and attached to again when one of that name appears; with `all`, whatever appears is attached to, and what is gone is
 * forgotten. Each attach has a new number, so that no flow of before is mixed with one of after. Nothing is polled: the
 * helper tells what the kernel tells it (rtnetlink).
 */
import {
  FRAME_INTERFACE,
  IFACE_MAX,
  IFACE_NONE,
  INTERFACE,
  INTERFACE_ATTACHED,
  INTERFACE_DETACHED,
  INTERFACE_FAILED,
  INTERFACE_GONE,
  INTERFACE_LINK,
  INTERFACE_WAITING,
  LOG_INFO,
  LOG_WARNING,
  RUNG_AUTO,
  RUNG_CLSACT,
  RUNG_TCX,
  RUNG_XDP_GENERIC,
  RUNG_XDP_NATIVE,
} from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';
import type { Capturing } from '../remote/lasting-helper.ts';
import type { NetworkInterface } from '../system/interfaces.ts';
import type { FrameSink } from '../wire/frames.ts';
import { readInterface, type InterfaceReport, type LogLine } from '../wire/messages.ts';

const ENODEV = 19;
const RUNGS: Readonly<Record<number, string>> = {
  [RUNG_XDP_NATIVE]: 'XDP native',
  [RUNG_XDP_GENERIC]: 'XDP generic',
  [RUNG_TCX]: 'tcx',
  [RUNG_CLSACT]: 'clsact',
};

export interface WatchOptions {
  readonly interfaces: readonly NetworkInterface[];
  /** Every interface of the namespace was asked for, those to come included. One that cannot be attached is left out. */
  readonly all: boolean;
  /** Where numbers come from, for watches whose interfaces must not have the same ones. */
  readonly numbers?: { next: number };
  /** RUNG_* wanted for each direction. */
  readonly ingress?: number;
  readonly egress?: number;
  /** An interface is about to get a number, or has another name: what depends on numbers (`numbersOf`) has to be told anew. */
  readonly onNumber?: (helper: Capturing) => void;
  /** Takes the frames of the engine's own, INTERFACE with state WAITING, like those of the helper. */
  readonly onFrame: FrameSink;
  readonly onLog?: (line: LogLine) => void;
}

/** An interface as shown to people. */
export interface Attached {
  name: string;
  ingress: string;
  egress: string;
  up: boolean;
  reason: string;
}

/** One thing that is watched, whatever device it is at the moment. */
interface Place {
  /** Names it goes by: as asked for, and as it was called last. */
  readonly asked: string;
  name: string;
  /** 0 = it is not there. */
  ifindex: number;
  number: number;
  up: boolean;
  /** It was attached before: the next time it is back. */
  seen: boolean;
  /** `ifindex` when the connection to its host was lost; 0 = it was not. */
  before: number;
  /** INTERFACE as it was told last. */
  told: Uint8Array | null;
  shown: Attached | null;
}

export class InterfaceWatch {
  readonly #options: WatchOptions;
  readonly #places: Place[] = [];
  /** Reports from before `start`, and interfaces that cannot be attached to: told of once. */
  #early: InterfaceReport[] | null = [];
  readonly #refused = new Set<number>();
  readonly #given = new Set<number>();
  #helper: Capturing | null = null;
  readonly #numbers: { next: number };

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#numbers = options.numbers ?? { next: 0 };
  }

  /** What is watched or waited for, in order of first appearance. */
  get attached(): Attached[] {
    return this.#places.flatMap(({ shown }) => (shown === null ? [] : [shown]));
  }

  /** Numbers of the interface that goes by this name now. */
  numbersOf(name: string): number[] {
    return this.#places.filter((place) => place.ifindex !== 0 && place.name === name).map(({ number }) => number);
  }

  /**
   * Attaches to everything that was asked for. Rejects with the first failure when one of them was named, or when there
   * is nothing left.
   */
  async start(helper: Capturing): Promise<InterfaceReport[]> {
    this.#helper = helper;
    const { interfaces, all, onLog } = this.#options;
    const attempts = await Promise.allSettled(
      interfaces.map(({ name, index }) => this.#attach(this.#place(name), index)),
    );
    const attached: InterfaceReport[] = [];
    let failure: unknown = null;
    for (const attempt of attempts) {
      if (attempt.status === 'fulfilled') attached.push(attempt.value);
      else failure ??= attempt.reason;
    }
    if (failure !== null && !(failure instanceof FlowglassError))
      throw new Error('attaching failed', { cause: failure });
    if (failure !== null && (attached.length === 0 || !all)) throw failure;
    if (failure !== null) onLog?.({ level: LOG_WARNING, text: `left out ${failure.where}: ${failure.what}` });
    const early = this.#early ?? [];
    this.#early = null;
    for (const report of early) this.present(report);
    return attached;
  }

  /** Whether it gave this number to an interface. */
  has(number: number): boolean {
    return this.#given.has(number);
  }

  /** The helper is gone, and nothing will be attached to any more. */
  abandon(reason: string): void {
    this.#helper = null;
    for (const place of this.#places) {
      place.ifindex = 0;
      place.up = false;
      if (place.shown !== null) place.shown = { ...place.shown, up: false, reason };
    }
  }

  /** An interface that nobody watches is there: it appeared, or was renamed, or was there from the start. */
  present(report: InterfaceReport): void {
    if (this.#early !== null) {
      this.#early.push(report);
      return;
    }
    if (this.#places.some(({ ifindex }) => ifindex === report.ifindex)) return;
    const same = this.#places.find(({ before, ifindex }) => ifindex === 0 && before === report.ifindex);
    const named = ({ ifindex, asked, name }: Place): boolean =>
      ifindex === 0 && (asked === report.name || name === report.name);
    const place = same ?? (this.#options.all ? this.#place(report.name) : this.#places.find(named));
    // What comes of it is told by an INTERFACE frame; the promise is of use to `start` only.
    if (place === undefined) return;
    place.name = report.name;
    void this.#attach(place, report.ifindex).catch(() => undefined);
  }

  /**
   * The connection to the helper's host was lost at this boot time there: all that is watched is away. What is attached
   * to again after `resume` keeps its number as long as it is the same device, so that its flows go on.
   */
  lost(bootNs: bigint): void {
    this.#early = [];
    for (const place of this.#places) {
      if (place.ifindex === 0 || place.told === null) continue;
      place.before = place.ifindex;
      place.ifindex = 0;
      place.up = false;
      if (place.shown !== null) place.shown = { ...place.shown, up: false, reason: 'connection lost: trying again' };
      const { told } = place;
      const view = new DataView(told.buffer);
      view.setBigUint64(INTERFACE.atNs, bootNs, true);
      this.#wait(told, 0);
    }
  }

  /** Another helper runs, and tells of what is there: attaches to it again. */
  resume(snapshot: Promise<void>): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const report of early) this.present(report);
    if (this.#options.all) void snapshot.then(() => this.#forgetLost());
  }

  /** What did not come back is not waited for when everything is watched. */
  #forgetLost(): void {
    for (const place of this.#places.filter(({ before, ifindex }) => before !== 0 && ifindex === 0))
      this.#remove(place);
  }

  /** Takes an INTERFACE frame of the helper about an attached interface. Give it to reducer and file first. */
  frame(bytes: Uint8Array, view: DataView, offset: number): void {
    const report = readInterface(bytes, view, offset);
    const place = this.#places.find(({ number, ifindex }) => number === report.iface && ifindex !== 0);
    if (place === undefined) return;
    place.told = bytes.slice(offset, offset + INTERFACE.size);
    switch (report.state) {
      case INTERFACE_ATTACHED:
        this.#show(place, report);
        if (this.#early === null)
          this.#say(LOG_WARNING, place.seen ? `${report.name} is back` : `${report.name} appeared and is watched too`);
        place.seen = true;
        break;
      case INTERFACE_LINK:
        this.#link(place, report, bytes, offset);
        break;
      case INTERFACE_GONE:
        this.#gone(place, report, bytes, offset);
        break;
      case INTERFACE_DETACHED: // as it was asked to
        this.#remove(place);
        break;
      case INTERFACE_FAILED:
        this.#failed(place, report);
        break;
    }
  }

  #place(name: string): Place {
    const place: Place = { asked: name, name, ifindex: 0, number: IFACE_NONE, up: false, seen: false, before: 0, told: null, shown: null }; // prettier-ignore
    this.#places.push(place);
    return place;
  }

  #remove(place: Place): void {
    this.#places.splice(this.#places.indexOf(place), 1);
  }

  #attach(place: Place, ifindex: number): Promise<InterfaceReport> {
    const number = place.before === ifindex ? place.number : this.#nextNumber();
    place.before = 0;
    const { ingress = RUNG_AUTO, egress = RUNG_AUTO, onNumber } = this.#options;
    if (this.#helper === null || number === null) {
      if (this.#options.all) this.#remove(place);
      const what = `no more than ${IFACE_MAX} interfaces at a time can be watched`;
      return Promise.reject(new FlowglassError({ code: 'too-many', what, where: place.name, hint: 'name those that matter with -i' })); // prettier-ignore
    }
    place.ifindex = ifindex;
    place.number = number;
    this.#given.add(number);
    onNumber?.(this.#helper);
    return this.#helper.attach(ifindex, number, ingress, egress);
  }

  /** Never one that was used; and of those in use no two may be equal modulo IFACE_MAX (bpf/abi.h). null = none is left. */
  #nextNumber(): number | null {
    const taken = new Set<number>();
    for (const { ifindex, before, number } of this.#places)
      if (ifindex !== 0 || before !== 0) taken.add(number % IFACE_MAX);
    if (taken.size >= IFACE_MAX) return null;
    const numbers = this.#numbers;
    while (taken.has(numbers.next % IFACE_MAX)) numbers.next++;
    return numbers.next < IFACE_NONE ? numbers.next++ : null;
  }

  #show(place: Place, { name, up, ingress, egress, reason }: InterfaceReport): void {
    place.name = name;
    place.up = up;
    place.shown = {
      name,
      ingress: RUNGS[ingress] ?? 'not attached',
      egress: RUNGS[egress] ?? 'not attached',
      up,
      reason: reason || (place.shown?.reason ?? ''),
    };
  }

  #link(place: Place, report: InterfaceReport, bytes: Uint8Array, offset: number): void {
    const { up, name } = place;
    this.#show(place, report);
    if (name !== report.name) {
      this.#say(LOG_INFO, `${name} is called ${report.name} now`);
      if (this.#helper !== null) this.#options.onNumber?.(this.#helper);
    }
    if (up === report.up) return;
    this.#say(LOG_INFO, `${report.name} is ${report.up ? 'up' : 'down'}`);
    if (!report.up && !this.#options.all) this.#wait(bytes, offset);
  }

  #gone(place: Place, report: InterfaceReport, bytes: Uint8Array, offset: number): void {
    place.ifindex = 0;
    this.#refused.delete(report.ifindex);
    if (this.#options.all) {
      this.#remove(place);
      this.#say(LOG_INFO, `${report.name} is gone`);
      return;
    }
    place.up = false;
    if (place.shown !== null) place.shown = { ...place.shown, up: false, reason: 'gone: waiting for it to return' };
    this.#say(LOG_WARNING, `${report.name} is gone, waiting for it to return`);
    this.#wait(bytes, offset);
  }

  /** The gap that begins is part of the session: the reducer learns of it the same way live and from the file. */
  #wait(bytes: Uint8Array, offset: number): void {
    const copy = bytes.slice(offset, offset + INTERFACE.size);
    const view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
    view.setUint16(INTERFACE.state, INTERFACE_WAITING, true);
    this.#options.onFrame(FRAME_INTERFACE, copy, view, 0, copy.length);
  }

  #failed(place: Place, report: InterfaceReport): void {
    const { ifindex } = place;
    place.ifindex = 0;
    if (this.#options.all) this.#remove(place);
    // `start` tells of its own failures; a device that was gone again already is told of no further.
    if (this.#early !== null || report.error === ENODEV || this.#refused.has(ifindex)) return;
    this.#refused.add(ifindex);
    this.#say(LOG_WARNING, `${place.name} cannot be watched: ${report.reason}`);
  }

  #say(level: number, text: string): void {
    this.#options.onLog?.({ level, text });
  }
}
