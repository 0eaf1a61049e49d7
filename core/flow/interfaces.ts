/** The interfaces of a session: few, so plain objects. */
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

export type Rung = 'xdp-native' | 'xdp-generic' | 'tcx' | 'clsact';

export interface Interface {
  /** The number that flow keys carry. */
  readonly iface: number;
  name: string;
  /** ifindex; null in a foreign file. */
  index: number | null;
  /** LINKTYPE_* of pcapng. */
  linkType: number;
  /** Inode of the network namespace; null when not known. */
  netns: number | null;
  ingress: Rung | null;
  egress: Rung | null;
  /** ARPHRD_LOOPBACK: both ends of every flow are here. */
  loopback: boolean;
  /** enum fg_interface_state of the newest news. */
  state: number;
  up: boolean;
  mtu: number;
  speedBps: number;
  driver: string;
  reason: string;
  /** ifindex of the bridge or bond it is a port of, and of the device below it or its veth peer; 0 = none. */
  master: number;
  link: number;
}

/** What is counted of one interface: cumulative within one helper, carried over when a new one begins. */
export const TOTALS_FIELDS = 8 + 16 + 8;
export const TOTALS_INGRESS = 0; // packets, bytes, frames, frame bytes
export const TOTALS_EGRESS = 4;
export const TOTALS_UNPARSED = 8;
export const TOTALS_FLOW_LOST = 24;
export const TOTALS_CAPTURED_FRAMES = 25;
export const TOTALS_CAPTURED_PACKETS = 26;
export const TOTALS_LOST_FRAMES = 27;
export const TOTALS_LOST_PACKETS = 28;
export const TOTALS_FILTERED = 29;
export const TOTALS_QUEUE_LOST_FRAMES = 30;
export const TOTALS_QUEUE_LOST_PACKETS = 31;

export class Interfaces {
  readonly list: Interface[] = [];
  /** Position in `list` by number; -1 unknown. */
  readonly #position = new Int32Array(65536).fill(-1);
  /** Per list position: counters of the running helper, and what ended helpers counted before. */
  readonly #current: Float64Array[] = [];
  readonly #settled: Float64Array[] = [];

  get(iface: number): Interface | null {
    return this.list[this.#position[iface]!] ?? null;
  }

  /** Interfaces of that network namespace are or were watched. */
  watches(netns: number): boolean {
    return this.list.some((known) => known.netns === netns);
  }

  /** Interfaces of several network namespaces are or were watched. */
  get several(): boolean {
    const { list } = this;
    for (let i = 1; i < list.length; i++) if (list[i]!.netns !== list[0]!.netns) return true;
    return false;
  }

  /** The interface with that number, made with nothing known when it is new. */
  ensure(iface: number): Interface {
    const known = this.get(iface);
    if (known !== null) return known;
    const made: Interface = {
      iface,
      name: '',
      index: null,
      linkType: 1,
      netns: null,
      ingress: null,
      egress: null,
      loopback: false,
      state: 0,
      up: false,
      mtu: 0,
      speedBps: 0,
      driver: '',
      reason: '',
      master: 0,
      link: 0,
    };
    this.#position[iface] = this.list.length;
    this.list.push(made);
    this.#current.push(new Float64Array(TOTALS_FIELDS));
    this.#settled.push(new Float64Array(TOTALS_FIELDS));
    return made;
  }

  /** Cumulative counter `field` of the running helper; a smaller value than before is stale and ignored. */
  setTotal(iface: number, field: number, value: number): void {
    this.ensure(iface);
    const counters = this.#current[this.#position[iface]!]!;
    if (value > counters[field]!) counters[field] = value;
  }

  /** Adds to a counter: for captures that are counted packet by packet. */
  addTotal(iface: number, field: number, value: number): void {
    this.ensure(iface);
    const counters = this.#current[this.#position[iface]!]!;
    counters[field] = counters[field]! + value;
  }

  /** A new helper begins to count from zero. */
  settle(): void {
    for (let i = 0; i < this.list.length; i++) {
      const current = this.#current[i]!;
      const settled = this.#settled[i]!;
      for (let field = 0; field < TOTALS_FIELDS; field++) settled[field] = settled[field]! + current[field]!;
      current.fill(0);
    }
  }

  total(iface: number, field: number): number {
    const position = this.#position[iface]!;
    return position < 0 ? 0 : this.#current[position]![field]! + this.#settled[position]![field]!;
  }

  sum(field: number): number {
    let sum = 0;
    for (const { iface } of this.list) sum += this.total(iface, field);
    return sum;
  }

  save(out: SnapshotWriter): void {
    out.text(JSON.stringify(this.list));
    for (let i = 0; i < this.list.length; i++) {
      out.array(this.#current[i]!, TOTALS_FIELDS);
      out.array(this.#settled[i]!, TOTALS_FIELDS);
    }
  }

  load(input: SnapshotReader): void {
    const list: unknown = parse(input);
    if (!Array.isArray(list) || list.length > 65536) input.fail('has no list of interfaces');
    for (const entry of list as unknown[]) {
      if (!isInterface(entry)) input.fail('has an interface that cannot be');
      const position = this.list.length;
      Object.assign(this.ensure(entry.iface), entry);
      if (this.list.length === position) input.fail('names an interface twice');
      input.array(this.#current[position]!, TOTALS_FIELDS);
      input.array(this.#settled[position]!, TOTALS_FIELDS);
    }
  }
}

function parse(input: SnapshotReader): unknown {
  const text = input.text();
  try {
    return JSON.parse(text);
  } catch {
    return input.fail('has a list of interfaces that is no JSON');
  }
}

function isInterface(value: unknown): value is Interface {
  if (typeof value !== 'object' || value === null) return false;
  const has = (name: string, ...types: string[]): boolean => {
    const property: unknown = Reflect.get(value, name);
    return types.includes(property === null ? 'null' : typeof property);
  };
  const iface: unknown = Reflect.get(value, 'iface');
  return (
    typeof iface === 'number' &&
    Number.isInteger(iface) &&
    iface >= 0 &&
    iface < 65536 &&
    has('name', 'string') &&
    has('index', 'number', 'null') &&
    has('linkType', 'number') &&
    has('netns', 'number', 'null') &&
    has('ingress', 'string', 'null') &&
    has('egress', 'string', 'null') &&
    has('loopback', 'boolean') &&
    has('state', 'number') &&
    has('up', 'boolean') &&
    has('mtu', 'number') &&
    has('speedBps', 'number') &&
    has('driver', 'string') &&
    has('reason', 'string') &&
    has('master', 'number') &&
    has('link', 'number')
  );
}
