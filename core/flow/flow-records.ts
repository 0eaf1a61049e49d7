/** FLOWS frames into the model. Budget: at least 0.3 of the records a second that merely walking them reaches. */
import { FLOW, FLOW_FIRST_HI, FLOW_RECORD, FLOW_SYN_HI, FLOW_SYN_LO, KEY, RECORD_FINAL } from '../abi/generated.ts';
import { COUNTERS, KEY_WORDS } from './flows.ts';
import { PEER_WORD } from './folded.ts';
import { FLAG_COUNTED, type FlowModel } from './model.ts';
import { PROTOCOL_TCP, TCP_LISTEN } from './names.ts';
import { foldedAt, OpenRecords, RECORD_NUMBERS } from './open-records.ts';
import { above } from './paths.ts';
import { SOCKET_INFORMED } from './sockets.ts';

const TWO_32 = 4294967296;
const WORDS = FLOW_RECORD.size / 4;
const SLOT = FLOW_RECORD.slot / 4;
const GENERATION = FLOW_RECORD.generation / 4;
const FLOW_AT = FLOW_RECORD.flow / 4;
const KEY_TAIL = FLOW_AT + (FLOW.key + KEY.iface) / 4;
const EPOCH = FLOW_AT + FLOW.epoch / 4;
const FLAGS = FLOW_AT + FLOW.flags / 4;
const COOKIES = FLOW_AT + FLOW.cookie / 4;
const FIRST = FLOW_AT + FLOW.firstNs / 4;
const LAST = FLOW_AT + FLOW.lastNs / 4;
const DIRECTIONS = FLOW_AT + FLOW.direction / 4;
const ZERO_WINDOWS = FLOW_AT + FLOW.zeroWindows / 4;
const COUNTED_NUMBERS = 10;

/** Side of this machine in a record of a folded flow: where the total's peer is not. */
function foldedSide(words: Uint32Array, at: number, keys: Uint32Array, total: number): number {
  const key = at + FLOW_AT + FLOW.key / 4;
  for (let i = 0; i < 4; i++) if (words[key + i] !== keys[total * KEY_WORDS + PEER_WORD + i]) return 0;
  return 1;
}

export class FlowRecords {
  readonly open = new OpenRecords();
  /** Flows were made since this was last set to false: events that wait for one may find it. */
  madeFlows = false;
  readonly #model: FlowModel;

  constructor(model: FlowModel) {
    this.#model = model;
  }

  /** `count` records from word `at` on. */
  apply(words: Uint32Array, at: number, count: number): void {
    for (let i = 0; i < count; i++, at += WORDS) this.#record(words, at);
  }

  #record(words: Uint32Array, at: number): void {
    const open = this.open;
    const head = words[at]!;
    const row = open.open(head & 0xffff, words[at + SLOT]!, words[at + GENERATION]!);
    if (row < 0) return;
    const model = this.#model;
    const flows = model.flows;
    const firstNs = model.clock.relative(words[at + FIRST]!, words[at + FIRST + 1]!);
    const lastNs = model.clock.relative(words[at + LAST]!, words[at + LAST + 1]!);
    const epoch = words[at + EPOCH]!;
    const flags = words[at + FLAGS]!;
    let flow = open.flow.data[row]!;
    if (flow < -1) {
      // What ended stays folded; anything else that is heard of again is here again.
      if (((words[at + KEY_TAIL]! >>> 16) & 0xff) === PROTOCOL_TCP) {
        this.#addToFolded(words, at, row, foldedAt(flow));
        return;
      }
      flow = -1;
    }
    if (flow < 0 || (epoch !== 0 && flows.epoch.data[flow] !== epoch)) {
      flow = this.#flowOf(words, at, flow, epoch, flags, firstNs, lastNs);
      open.flow.data[row] = flow;
    }

    const numbers = open.numbers.data;
    const counters = flows.counters.data;
    const before = row * RECORD_NUMBERS;
    const total = flow * COUNTED_NUMBERS;
    let loToHi = 0;
    let hiToLo = 0;
    let packets = 0;
    let grew = false;
    for (let n = 0; n < COUNTED_NUMBERS; n++) {
      const from = at + DIRECTIONS + n * 2;
      const value = words[from]! + words[from + 1]! * TWO_32;
      const delta = value - numbers[before + n]!;
      if (delta <= 0) continue;
      numbers[before + n] = value;
      counters[total + n] = counters[total + n]! + delta;
      grew = true;
      if (n === 1) loToHi = delta;
      else if (n === 6) hiToLo = delta;
      else if (n === 0 || n === 5) packets += delta;
    }
    for (let side = 0; side < 2; side++) {
      const delta = words[at + ZERO_WINDOWS + side]! - numbers[before + COUNTED_NUMBERS + side]!;
      if (delta <= 0) continue;
      numbers[before + COUNTED_NUMBERS + side] = words[at + ZERO_WINDOWS + side]!;
      flows.zeroWindows.data[flow * 2 + side] = flows.zeroWindows.data[flow * 2 + side]! + delta;
      model.observer?.trouble(flow, 'zero-window', lastNs, delta, null, side);
    }

    const known = flows.flags.data[flow]!;
    let merged = known | flags;
    // Who sent first is told by the record that saw the earliest packet.
    if ((known & FLAG_COUNTED) === 0 || firstNs < flows.firstNs.data[flow]!) {
      merged = (merged & ~FLOW_FIRST_HI) | (flags & FLOW_FIRST_HI);
    } else merged = (merged & ~FLOW_FIRST_HI) | (known & FLOW_FIRST_HI);
    flows.flags.data[flow] = merged | FLAG_COUNTED;
    if (firstNs < flows.firstNs.data[flow]! || (known & FLAG_COUNTED) === 0) {
      flows.firstNs.data[flow] = Math.min(firstNs, flows.firstNs.data[flow]!);
    }
    if (lastNs > flows.lastNs.data[flow]!) flows.lastNs.data[flow] = lastNs;
    if (grew) model.addThroughput(flow, lastNs, packets, loToHi, hiToLo);
    model.touch(flow, lastNs);

    const cookies = open.cookies.data;
    for (let side = 0; side < 2; side++) {
      const low = words[at + COOKIES + side * 2]!;
      const high = words[at + COOKIES + side * 2 + 1]!;
      if ((low | high) === 0) continue;
      if (cookies[row * 4 + side * 2] === low && cookies[row * 4 + side * 2 + 1] === high) continue;
      cookies[row * 4 + side * 2] = low;
      cookies[row * 4 + side * 2 + 1] = high;
      this.#join(flow, side, low, high, firstNs);
    }
    if (((head >>> 16) & RECORD_FINAL) !== 0) open.finish(row);
  }

  /** A late packet of a folded connection. */
  #addToFolded(words: Uint32Array, at: number, row: number, total: number): void {
    const { folded, observer } = this.#model;
    const numbers = this.open.numbers.data;
    const lo = foldedSide(words, at, folded.key.data, total);
    for (let n = 0; n < COUNTED_NUMBERS; n++) {
      const from = at + DIRECTIONS + n * 2;
      const value = words[from]! + words[from + 1]! * TWO_32;
      const delta = value - numbers[row * RECORD_NUMBERS + n]!;
      if (delta <= 0) continue;
      numbers[row * RECORD_NUMBERS + n] = value;
      const sent = n < COUNTERS === (lo === 0);
      const to = (total * 2 + (sent ? 0 : 1)) * COUNTERS + (n % COUNTERS);
      folded.counters.data[to] = folded.counters.data[to]! + delta;
      if (n % COUNTERS === 0) observer?.late?.(total, sent, delta, 0);
      else if (n % COUNTERS === 1) observer?.late?.(total, sent, 0, delta);
    }
    if (((words[at]! >>> 16) & RECORD_FINAL) !== 0) this.open.finish(row);
  }

  /** The flow that a record belongs to; `current` = the one its earlier records did, -1 = it is the first. */
  #flowOf(
    words: Uint32Array,
    at: number,
    current: number,
    epoch: number,
    flags: number,
    firstNs: number,
    lastNs: number,
  ): number {
    const model = this.#model;
    const flows = model.flows;
    flows.loadWords(words, at + FLOW_AT);
    const tcp = ((words[at + KEY_TAIL]! >>> 16) & 0xff) === PROTOCOL_TCP;
    const found = flows.lookup(epoch, firstNs);
    if (found >= 0) {
      // A record without an epoch that ended before the SYN of the oldest connection we know is of one before it.
      const before = tcp && epoch === 0 && flows.epoch.data[found] !== 0 && lastNs < flows.firstNs.data[found]!;
      if (!before) return found;
    } else {
      const newest = current >= 0 ? current : flows.newest();
      if (newest >= 0) {
        const unnamed = flows.epoch.data[newest] === 0;
        // Without a SYN the connection is the one under way; with one, unless that began no earlier, it is another.
        const began = (flags & (FLOW_SYN_LO | FLOW_SYN_HI)) !== 0;
        const same = tcp
          ? unnamed && (!began || flows.firstNs.data[newest]! >= firstNs)
          : this.#sameSockets(words, at, newest);
        if (same) {
          if (unnamed) flows.epoch.data[newest] = epoch;
          return newest;
        }
      }
    }
    this.madeFlows = true;
    return model.insert(epoch, firstNs);
  }

  /** Whether neither side's cookie contradicts: the sockets of both ends are what tells two UDP flows of a key apart. */
  #sameSockets(words: Uint32Array, at: number, flow: number): boolean {
    const { flows, sockets } = this.#model;
    for (let side = 0; side < 2; side++) {
      const low = words[at + COOKIES + side * 2]!;
      const high = words[at + COOKIES + side * 2 + 1]!;
      const socket = flows.socket.data[flow * 2 + side]!;
      if ((low | high) === 0 || socket < 0) continue;
      if (sockets.cookieLow.data[socket] !== low || sockets.cookieHigh.data[socket] !== high) return false;
    }
    return true;
  }

  #isAbove(upper: number, lower: number): boolean {
    const { flows, interfaces } = this.#model;
    const [one, other] = [interfaces.get(flows.ifaceOf(upper)), interfaces.get(flows.ifaceOf(lower))];
    return one !== null && other !== null && above(one, other);
  }

  #join(flow: number, side: number, low: number, high: number, atNs: number): void {
    const { flows, sockets } = this.#model;
    const socket = sockets.ensure(low, high, atNs);
    const joined = flows.socket.data[flow * 2 + side]!;
    if (joined >= 0 && joined !== socket) {
      // A SYN-ACK may leave in the listener's name, a late acknowledgement in that of a socket of the kernel's own.
      const informed = (sockets.flags.data[joined]! & SOCKET_INFORMED) !== 0;
      if (informed && sockets.state.data[joined] !== TCP_LISTEN) return;
    }
    flows.socket.data[flow * 2 + side] = socket;
    // The socket's packets may pass several interfaces: what is told of it belongs to the flow on the uppermost.
    const told = sockets.flow.data[socket]!;
    if (told < 0 || told === flow || !flows.sameEnds(told, flow) || !this.#isAbove(told, flow)) {
      sockets.flow.data[socket] = flow;
    }
  }
}
