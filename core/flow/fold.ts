/**
 * Folding: in a long session the flows that ended first leave the model and live on in totals (folded.ts). They stay in
 * the session file: a seek to a time when they were here finds them, and a summary reads them all.
 *
 * It happens at clock readings (once a second) and depends on nothing but the model, so live and replay fold alike.
 * docs/decisions/0071-closed-flows-are-folded.md has the limits and their reasons.
 */
import { COUNTERS, KEY_WORDS, TAIL_WORD } from './flows.ts';
import { compactModel } from './compaction.ts';
import { PEER_WORD, PORT_WORD } from './folded.ts';
import { localSide } from './local-side.ts';
import { FLAG_COUNTED, type FlowModel } from './model.ts';
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from './names.ts';
import { socketOf } from './owners.ts';
import { Paths } from './paths.ts';
import { lifeOf, localSocket, resetsOf, retransmitsOf } from './state.ts';
import { SOCKET_INFORMED } from './sockets.ts';

/** Flows that are kept whatever their state; the app says so beside "N flows folded". */
export const FLOWS_MAX = 100_000;
/** A flow that ended is kept this long, ns. */
export const LINGER_NS = 60e9;
/** Beyond this times the limit, ended flows linger shorter and silent datagrams count as ended. */
const PRESSED = 2;
const PRESSED_NS = 5e9;
/** A connection that has no socket here and never says that it ended, ns of silence. */
const SILENT_NS = 600e9;
const HALF_OPEN_NS = 60e9;

/** What stays and where the rest went, by row before. */
export interface Fold {
  /** New row of each flow, -1 = folded. */
  readonly flows: Int32Array;
  readonly sockets: Int32Array;
  /** Folded total of each flow that is gone, -1 = it had counted nothing of its own. */
  readonly totals: Int32Array;
}

/** Folds what is over the limit; null = nothing was. */
export function foldFlows(model: FlowModel, flowsMax: number): Fold | null {
  const load = loadOf(model);
  if (load <= Math.max(flowsMax, model.foldAt)) return null;
  // Not `pathsOf`: what was concluded before must not matter.
  const paths = new Paths(model).update();
  const keep = chosen(model, flowsMax, paths);
  model.observer?.folding?.(keep);
  const totals = addTotals(model, keep, paths);
  const { flows, sockets } = compactModel(model, keep, keptSockets(model, keep));
  model.foldings++;
  model.foldAt = loadOf(model) + flowsMax / 8;
  const fold = { flows, sockets, totals };
  model.lastFold = fold;
  model.observer?.folded?.(fold);
  return fold;
}

/** For whoever keeps rows of flows from one look to the next, without being told of everything as observers are. */
export class FoldFollower {
  readonly #model: FlowModel;
  #seen: number;

  constructor(model: FlowModel) {
    this.#model = model;
    this.#seen = model.foldings;
  }

  /** The new row of each row of the last look, -1 or left out = gone; null = they are what they were. */
  moved(): Int32Array | null {
    const { foldings, lastFold } = this.#model;
    if (foldings === this.#seen) return null;
    const once = foldings === this.#seen + 1;
    this.#seen = foldings;
    return once && lastFold !== null ? lastFold.flows : new Int32Array(0);
  }
}

/** `values` of rows, moved to where the rows are now; 0 where there was none. */
export function movedValues(values: Float64Array, moved: Int32Array): Float64Array<ArrayBuffer> {
  const result = new Float64Array(values.length);
  const count = Math.min(values.length, moved.length);
  for (let row = 0; row < count; row++) if (moved[row]! >= 0) result[moved[row]!] = values[row]!;
  return result;
}

/** Rows, of flows or of what flows have; a connection within the machine has two sockets. */
function loadOf({ flows, sockets, processes }: FlowModel): number {
  return Math.max(flows.rows.count, sockets.rows.count / 2, processes.rows.count);
}

// ---- which flows stay -------------------------------------------------------------------------------------------------

/** 1 for each flow that stays. Flows of one path go together. */
function chosen(model: FlowModel, flowsMax: number, paths: Paths): Uint8Array {
  const { count } = model.flows.rows;
  const keep = new Uint8Array(count).fill(1);
  const wanted = count - Math.floor(flowsMax * 0.75);
  if (wanted <= 0 || count <= flowsMax) return keep;
  const pressed = count > PRESSED * flowsMax;
  const ended = new Float64Array(count);
  for (let flow = 0; flow < count; flow++) ended[flow] = endedNs(model, flow, pressed);
  for (let flow = 0; flow < count; flow++) {
    if (paths.shown(flow)) continue;
    const shown = paths.shownFor(flow);
    ended[shown] = later(ended[shown]!, ended[flow]!);
  }
  const beforeNs = model.nowNs - (pressed ? PRESSED_NS : LINGER_NS);
  const times = ended.filter((atNs, flow) => paths.shown(flow) && atNs <= beforeNs).sort();
  if (times.length === 0) return keep;
  const untilNs = times[Math.min(wanted, times.length) - 1]!;
  for (let flow = 0; flow < count; flow++) if (ended[paths.shownFor(flow)]! <= untilNs) keep[flow] = 0;
  return keep;
}

/** Of both; NaN (not ended) stays NaN. */
const later = (a: number, b: number): number => (a >= b ? a : b >= a ? b : NaN);

/** When the flow ended; NaN = it has not. */
function endedNs(model: FlowModel, flow: number, pressed: boolean): number {
  const { flows, sockets } = model;
  const lastNs = flows.lastNs.data[flow]!;
  if ((flows.flags.data[flow]! & FLAG_COUNTED) === 0) return lastNs;
  const life = lifeOf(model, flow);
  if (!Number.isNaN(life.endedNs)) return life.endedNs;
  if (life.state === 'closed') return lastNs;
  if (flows.protocolOf(flow) !== PROTOCOL_TCP) return pressed ? lastNs : NaN;
  const { state } = life;
  const socket = localSocket(model, flow);
  if (socket >= 0 && Number.isNaN(sockets.endedNs.data[socket]!)) return NaN;
  const halfOpen = state === 'syn-sent' || state === 'syn-received' || state === 'new';
  return model.nowNs - lastNs > (halfOpen ? HALF_OPEN_NS : SILENT_NS) ? lastNs : NaN;
}

// ---- what they came to --------------------------------------------------------------------------------------------------

const words = new Uint32Array(KEY_WORDS);

function addTotals(model: FlowModel, keep: Uint8Array, paths: Paths): Int32Array {
  const { flows, folded } = model;
  const totals = new Int32Array(keep.length).fill(-1);
  for (let flow = 0; flow < keep.length; flow++) {
    if (keep[flow] === 1 || (flows.flags.data[flow]! & FLAG_COUNTED) === 0) continue;
    if (paths.shown(flow)) totals[flow] = addTotal(model, flow, paths.members(flow));
    else addDuplicate(model, flow);
  }
  return totals;

  function addDuplicate(of: FlowModel, flow: number): void {
    const { data } = of.flows.counters;
    for (let i = 0; i < 2 * COUNTERS; i++)
      folded.duplicates[i % COUNTERS] = folded.duplicates[i % COUNTERS]! + data[flow * 2 * COUNTERS + i]!;
  }
}

/** Adds a flow, with the drops that were told of its other interfaces. */
function addTotal(model: FlowModel, flow: number, members: readonly number[]): number {
  const { flows, folded, processes } = model;
  const { side, process, inbound } = localSide(model, flow);
  words.fill(0);
  for (let i = 0; i < 4; i++) words[PEER_WORD + i] = flows.key.data[flows.addressWord(flow, 1 - side) + i]!;
  const protocol = flows.protocolOf(flow);
  const ported = protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP;
  if (ported && !inbound) words[PORT_WORD] = (flows.portOf(flow, 1 - side) << 16) >>> 0;
  words[TAIL_WORD] = (flows.key.data[flow * KEY_WORDS + TAIL_WORD]! & 0xffff0000) >>> 0;
  const row = folded.of(words, process < 0 ? 0 : processes.comm.data[process]!, inbound ? 1 : 0);
  folded.total++;
  folded.flows.data[row] = folded.flows.data[row]! + 1;
  for (let direction = 0; direction < 2; direction++) {
    const from = (flow * 2 + (direction === 0 ? side : 1 - side)) * COUNTERS;
    const to = (row * 2 + direction) * COUNTERS;
    for (let i = 0; i < COUNTERS; i++)
      folded.counters.data[to + i] = folded.counters.data[to + i]! + flows.counters.data[from + i]!;
  }
  const again = (retransmitsOf(model, flow, 0) ?? 0) + (retransmitsOf(model, flow, 1) ?? 0);
  folded.retransmits.data[row] = folded.retransmits.data[row]! + again;
  folded.resets.data[row] = folded.resets.data[row]! + (resetsOf(model, flow) ?? 0);
  let drops = 0;
  for (const member of members)
    for (let drop = flows.drops.data[member]!; drop >= 0; drop = model.dropNext.data[drop]!)
      drops += model.dropCount.data[drop]!;
  folded.drops.data[row] = folded.drops.data[row]! + drops;
  return row;
}

// ---- which sockets stay -------------------------------------------------------------------------------------------------

/** 1 for each socket that is open, ended lately, or is or may be one of a flow that stays. */
function keptSockets(model: FlowModel, keep: Uint8Array): Uint8Array {
  const { sockets, nowNs } = model;
  const { count } = sockets.rows;
  const kept = new Uint8Array(count);
  for (let flow = 0; flow < keep.length; flow++) {
    if (keep[flow] === 0) continue;
    for (let side = 0; side < 2; side++) {
      const socket = socketOf(model, flow, side, kept);
      if (socket >= 0) kept[socket] = 1;
    }
  }
  for (let socket = 0; socket < count; socket++) {
    const endedNs = sockets.endedNs.data[socket]!;
    const informed = (sockets.flags.data[socket]! & SOCKET_INFORMED) !== 0;
    // Of one that only packets spoke of nobody will tell that it ended.
    const lastNs = Number.isNaN(endedNs) && !informed ? sockets.beganNs.data[socket]! : endedNs;
    if (!(nowNs - lastNs > LINGER_NS)) kept[socket] = 1;
  }
  for (let socket = 0; socket < count; socket++) {
    const listener = sockets.listener.data[socket]!;
    if (kept[socket] === 1 && listener >= 0) kept[listener] = 1;
  }
  return kept;
}
