/**
 * The flow model: everything known of a session at one moment. The reducer fills it from the helper's frames; the
 * tracker of foreign captures fills it packet by packet through the methods below. Nothing here reads a clock or
 * allocates an object per flow, packet or event.
 *
 * Names: a *flow* is a row number of `flows` (until flows are folded: `foldings`); *direction* 0 = lo to hi, 1 = hi to lo; *side* 0 = lo, 1 = hi, so the
 * sender of direction d is side d; times are ns since the origin of `clock`.
 */
import {
  FLOW_FIRST_HI,
  FLOW_RST_HI,
  FLOW_RST_LO,
  FLOW_SYN_HI,
  FLOW_SYN_LO,
  FLOW_SYNACK_HI,
  FLOW_SYNACK_LO,
} from '../abi/generated.ts';
import { Applications } from './applications.ts';
import { Cgroups } from './cgroups.ts';
import { Clock } from './clock.ts';
import { Table } from './columns.ts';
import { COUNTERS, FlowTable, NONE } from './flows.ts';
import type { Fold } from './fold.ts';
import { Folded } from './folded.ts';
import { Histograms } from './histogram.ts';
import { Interfaces, TOTALS_INGRESS, TOTALS_UNPARSED } from './interfaces.ts';
import { LocalTimes } from './local-times.ts';
import { END_FIN, END_REFUSED, END_RESET, END_TIMEOUT, type End } from './names.ts';
import { METRIC_CONNECT, METRIC_RESPONSE, METRIC_RTT } from './names.ts';
import { ROLES_CONNECT, ROLES_FIRST_PACKET, ROLES_PORT, ROLES_SYN } from './names.ts';
import { ObservedNames } from './observed-names.ts';
import { Processes } from './processes.ts';
import { Samples, Throughput } from './series.ts';
import type { ModelObserver } from './observer.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';
import { Sockets } from './sockets.ts';
import { Strings } from './strings.ts';
import { TcpTrouble } from './tcp-trouble.ts';
import { Translations } from './translations.ts';
import { clientOf } from './roles.ts';

/** Set in `flows.flags`, above the kernel's own: the client's acknowledgement of the SYN-ACK was seen. */
export const FLAG_ESTABLISHED = 1 << 28;
/** A FLOWS record (or a packet) was counted; without it only events spoke of the flow. */
export const FLAG_COUNTED = 1 << 29;
/** A SYN of side lo, hi was answered by a reset. */
export const FLAG_REFUSED = 1 << 30;

export class FlowModel {
  readonly clock = new Clock();
  readonly strings = new Strings();
  readonly flows = new FlowTable();
  readonly sockets = new Sockets();
  readonly processes = new Processes();
  readonly cgroups = new Cgroups();
  readonly interfaces = new Interfaces();
  readonly histograms = new Histograms();
  readonly localTimes = new LocalTimes(this.histograms);
  readonly tcpTrouble = new TcpTrouble();
  readonly samples = new Samples();
  readonly throughput = new Throughput();
  readonly applications = new Applications();
  readonly names = new ObservedNames();

  /** Which flows outside are which ones inside (NAT). */
  readonly translations = new Translations();

  /** What flows came to that are no longer here (fold.ts). */
  readonly folded = new Folded();

  /** One row a (flow, drop reason). */
  readonly drops = new Table();
  readonly dropReason = this.drops.uint32();
  readonly dropCount = this.drops.uint32();
  readonly dropNext = this.drops.int32();

  /** Drop reasons by the running kernel's own names: string + 1 by number. */
  readonly reasons = new Table();
  readonly reasonName = this.reasons.uint32();

  /** Told of everything that is added while it is added; not part of the state. */
  observer: ModelObserver | null = null;

  /** Newest time that anything said; idle times are counted against it, never against a clock of ours. */
  nowNs = 0;
  /** Raised with every frame or packet: `flows.changed` refers to it. */
  version = 0;
  /**
   * Retransmits, resets and zero windows of every TCP flow are counted from its packets, so that 0 is knowledge. True
   * for captures that are not ours; a live session asks the sockets.
   */
  countsFromPackets = false;
  /** How often flows were folded: rows of flows, sockets, processes and strings are others since. Not part of the state. */
  foldings = 0;
  /** The newest of them. */
  lastFold: Fold | null = null;
  /** Nothing is folded up to so many rows. */
  foldAt = 0;
  /** The namespace that is watched; 0 = not known. */
  netns = 0;
  /** Events and samples, and state records, that never arrived (cumulative, of ended helpers too). */
  lostEvents = 0;
  lostStates = 0;
  /** FEATURE_* bits of the running helper. */
  features = 0;
  /** What existed before we attached has been told. */
  snapshotDone = false;

  // ---- filling it -------------------------------------------------------------------------------------------------

  /**
   * The flow with the key (40 bytes, struct fg_key) at `offset` and that epoch (TCP: ISN of the SYN); epoch 0 = the one
   * that was current at `atNs`. -1 = none: begin it.
   */
  find(key: Uint8Array, offset: number, epoch: number, atNs: number): number {
    this.flows.loadKey(key, offset);
    return this.flows.lookup(epoch, atNs);
  }

  /** A new flow; from now on it is the newest of its key. */
  begin(key: Uint8Array, offset: number, epoch: number, atNs: number): number {
    this.flows.loadKey(key, offset);
    return this.insert(epoch, atNs);
  }

  /** `begin` with the key that `flows` has loaded. */
  insert(epoch: number, atNs: number): number {
    const flow = this.flows.insert(epoch, atNs);
    this.touch(flow, atNs);
    return flow;
  }

  /** Counts wire packets and their bytes, transport payload bytes, and frames, in one direction. */
  addPacket(
    flow: number,
    direction: number,
    packets: number,
    bytes: number,
    payload: number,
    frames: number,
    frameBytes: number,
    atNs: number,
  ): void {
    const flows = this.flows;
    const counters = flows.counters.data;
    const at = (flow * 2 + direction) * COUNTERS;
    const flags = flows.flags.data;
    if ((flags[flow]! & FLAG_COUNTED) === 0)
      flags[flow] = flags[flow]! | FLAG_COUNTED | (direction === 1 ? FLOW_FIRST_HI : 0);
    counters[at] = counters[at]! + packets;
    counters[at + 1] = counters[at + 1]! + bytes;
    counters[at + 2] = counters[at + 2]! + payload;
    counters[at + 3] = counters[at + 3]! + frames;
    counters[at + 4] = counters[at + 4]! + frameBytes;
    if (atNs < flows.firstNs.data[flow]!) flows.firstNs.data[flow] = atNs;
    if (atNs > flows.lastNs.data[flow]!) flows.lastNs.data[flow] = atNs;
    this.addThroughput(flow, atNs, packets, direction === 0 ? bytes : 0, direction === 1 ? bytes : 0);
    this.touch(flow, atNs);
  }

  addThroughput(flow: number, atNs: number, packets: number, loToHi: number, hiToLo: number): void {
    const rings = this.flows.throughput.data;
    if (rings[flow] === NONE) rings[flow] = this.throughput.create();
    this.throughput.add(rings[flow]!, atNs, loToHi, hiToLo);
    this.observer?.bytes(flow, loToHi + hiToLo, packets, atNs);
  }

  /** Tells which side connected and how that was decided (ROLES_*); a SYN is never overruled. */
  setClient(flow: number, side: 0 | 1, roles: number): void {
    if (this.flows.roles.data[flow] === ROLES_SYN && roles !== ROLES_SYN) return;
    this.flows.client.data[flow] = side + 1;
    this.flows.roles.data[flow] = roles;
    this.flows.changed.data[flow] = this.version;
  }

  /** TCP_* numbers of the kernel, as concluded from packets. The flow's state is what it was last told. */
  setTcpState(flow: number, _from: number, to: number, atNs: number): void {
    this.flows.tcpState.data[flow] = to;
    this.touch(flow, atNs);
  }

  /** The flow is over. The first end stays, but a reset overrules nothing and a FIN overrules a timeout. */
  end(flow: number, how: Exclude<End, null>, atNs: number): void {
    const ended = this.flows.ended.data;
    if (ended[flow] === 0 || (ended[flow] === END_TIMEOUT && how !== 'timeout')) {
      ended[flow] = { fin: END_FIN, reset: END_RESET, timeout: END_TIMEOUT, refused: END_REFUSED }[how];
      this.flows.endedNs.data[flow] = atNs;
    }
    this.touch(flow, atNs);
  }

  /**
   * One measured duration. `answer` = direction of the answer, for METRIC_RESPONSE; left out, the server's. Connect
   * times beyond the first are ignored.
   */
  sample(flow: number, metric: number, valueNs: number, atNs: number, answer?: number): void {
    const flows = this.flows;
    if (metric === METRIC_CONNECT) {
      if (Number.isNaN(flows.ackNs.data[flow]!)) {
        flows.ackNs.data[flow] = atNs;
        flows.synNs.data[flow] = atNs - valueNs;
      }
    } else if (metric === METRIC_RTT) {
      if (flows.rtt.data[flow] === NONE) flows.rtt.data[flow] = this.histograms.create();
      this.histograms.add(flows.rtt.data[flow]!, valueNs);
      this.observer?.rtt(flow, valueNs, atNs);
    } else if (metric === METRIC_RESPONSE) {
      const server = 1 - clientOf(this, flow);
      const direction = answer ?? server;
      const at = flow * 2 + direction;
      if (flows.response.data[at] === NONE) flows.response.data[at] = this.histograms.create();
      this.histograms.add(flows.response.data[at]!, valueNs);
      if (direction !== server) return;
      this.observer?.response(flow, valueNs, atNs);
    }
    const rings = flows.samples.data;
    if (rings[flow] === NONE) rings[flow] = this.samples.create();
    this.samples.add(rings[flow]!, metric, valueNs, atNs);
    this.touch(flow, atNs);
  }

  /** Segments sent again by the sender of `direction`. */
  countRetransmits(flow: number, direction: number, n: number): void {
    const at = flow * 2 + direction;
    this.flows.retransmits.data[at] = this.flows.retransmits.data[at]! + n;
    this.flows.changed.data[flow] = this.version;
    this.observer?.trouble(flow, 'retransmit', this.nowNs, n, null, direction);
  }

  /** A RST segment sent in `direction`. */
  countReset(flow: number, direction: number): void {
    const { resets, flags, changed } = this.flows;
    resets.data[flow * 2 + direction] = resets.data[flow * 2 + direction]! + 1;
    const kind = this.#answersSyn(flow, direction) ? 'refused' : 'reset';
    this.observer?.trouble(flow, kind, this.nowNs, 1, null, direction);
    flags.data[flow] = flags.data[flow]! | (direction === 0 ? FLOW_RST_LO : FLOW_RST_HI);
    changed.data[flow] = this.version;
  }

  /** A segment with a zero window, sent in `direction`. */
  countZeroWindow(flow: number, direction: number): void {
    const at = flow * 2 + direction;
    this.flows.zeroWindows.data[at] = this.flows.zeroWindows.data[at]! + 1;
    this.flows.changed.data[flow] = this.version;
    this.observer?.trouble(flow, 'zero-window', this.nowNs, 1, null, direction);
  }

  /** The kernel dropped `n` packets of the flow for `reason` (a number; `setReason` names it). */
  addDrop(flow: number, reason: number, n: number): void {
    const heads = this.flows.drops.data;
    this.observer?.trouble(flow, 'drop', this.nowNs, n, this.#reasonText(reason), -1);
    for (let drop = heads[flow]!; drop >= 0; drop = this.dropNext.data[drop]!) {
      if (this.dropReason.data[drop] !== reason) continue;
      this.dropCount.data[drop] = this.dropCount.data[drop]! + n;
      return;
    }
    const drop = this.drops.append();
    this.dropReason.data[drop] = reason;
    this.dropCount.data[drop] = n;
    this.dropNext.data[drop] = heads[flow]!;
    heads[flow] = drop;
    this.flows.changed.data[flow] = this.version;
  }

  /** A reset in that direction refuses: the other side's SYN is all there was. */
  #answersSyn(flow: number, direction: number): boolean {
    const flags = this.flows.flags.data[flow]!;
    const [syn, answer] = direction === 1 ? [FLOW_SYN_LO, FLOW_SYNACK_HI] : [FLOW_SYN_HI, FLOW_SYNACK_LO];
    return (flags & syn) !== 0 && (flags & answer) === 0;
  }

  #reasonText(reason: number): string {
    const name = reason < this.reasons.count ? this.reasonName.data[reason]! : 0;
    return name === 0 ? `reason ${reason}` : this.strings.text(name - 1);
  }

  setReason(reason: number, name: number): void {
    if (reason >= 4096) return;
    if (reason >= this.reasons.count) this.reasons.append(reason + 1 - this.reasons.count);
    this.reasonName.data[reason] = name + 1;
  }

  /** The name of a side's address as the flow's own traffic told it (a string of `strings`). */
  setName(flow: number, side: number, name: number): void {
    this.flows.name.data[flow * 2 + side] = name + 1;
  }

  /** Row of `applications` of the flow, begun when it has none. */
  applicationOf(flow: number): number {
    const rows = this.flows.application.data;
    if (rows[flow] === NONE) rows[flow] = this.applications.create();
    return rows[flow]!;
  }

  /** Counts one packet of the interface, whether or not a flow is found for it. */
  countLink(iface: number, packets: number, bytes: number, frames: number, frameBytes: number): void {
    this.interfaces.addTotal(iface, TOTALS_INGRESS, packets);
    this.interfaces.addTotal(iface, TOTALS_INGRESS + 1, bytes);
    this.interfaces.addTotal(iface, TOTALS_INGRESS + 2, frames);
    this.interfaces.addTotal(iface, TOTALS_INGRESS + 3, frameBytes);
  }

  /** Counts packets that no flow can be found for (UNPARSED_*); they are in `countLink` too. */
  countUnparsed(iface: number, reason: number, packets: number): void {
    this.interfaces.addTotal(iface, TOTALS_UNPARSED + reason, packets);
  }

  /** Notes that something of the flow changed at that time. */
  touch(flow: number, atNs: number): void {
    this.flows.changed.data[flow] = this.version;
    if (atNs > this.nowNs) this.nowNs = atNs;
  }

  // ---- all of it --------------------------------------------------------------------------------------------------

  /** Bytes of everything in use, indexes and pools included. */
  get bytes(): number {
    return (
      this.strings.bytes +
      this.flows.bytes +
      this.sockets.bytes +
      this.processes.bytes +
      this.histograms.bytes +
      this.localTimes.bytes +
      this.tcpTrouble.bytes +
      this.samples.bytes +
      this.throughput.bytes +
      this.applications.bytes +
      this.names.bytes +
      this.translations.bytes +
      this.folded.bytes +
      this.drops.bytes
    );
  }

  save(out: SnapshotWriter): void {
    out.float64(this.nowNs);
    out.uint32(this.version);
    out.float64(this.foldAt);
    out.uint32(this.countsFromPackets ? 1 : 0);
    out.uint32(this.netns);
    out.float64(this.lostEvents);
    out.float64(this.lostStates);
    out.uint32(this.features);
    out.uint32(this.snapshotDone ? 1 : 0);
    for (const part of this.#parts) part.save(out);
    this.processes.save(out);
  }

  load(input: SnapshotReader): void {
    this.nowNs = input.float64();
    this.version = input.uint32();
    this.foldAt = input.float64();
    this.countsFromPackets = input.uint32() === 1;
    this.netns = input.uint32();
    this.lostEvents = input.float64();
    this.lostStates = input.float64();
    this.features = input.uint32();
    this.snapshotDone = input.uint32() === 1;
    for (const part of this.#parts) part.load(input);
    this.processes.load(input, this.strings.count);
    this.#check(input);
  }

  get #parts() {
    return [
      this.clock,
      this.strings,
      this.cgroups,
      this.interfaces,
      this.histograms,
      this.samples,
      this.throughput,
      this.applications,
      this.names,
      this.folded,
      this.drops,
      this.reasons,
      this.flows,
      this.sockets,
      this.localTimes,
      this.translations,
      this.tcpTrouble,
    ];
  }

  /** Every number that points into another table points at something. */
  #check(input: SnapshotReader): void {
    const { flows, sockets } = this;
    const within = (data: Int32Array | Uint32Array, n: number, from: number, below: number): void => {
      for (let i = 0; i < n; i++) if (data[i]! < from || data[i]! >= below) input.fail('points nowhere');
    };
    const count = flows.rows.count;
    this.tcpTrouble.check(count, () => input.fail('points nowhere'));
    this.localTimes.check(count, this.histograms.count, () => input.fail('points nowhere'));
    within(flows.socket.data, count * 2, NONE, sockets.rows.count);
    within(flows.rtt.data, count, NONE, this.histograms.count);
    within(flows.response.data, count * 2, NONE, this.histograms.count);
    within(flows.samples.data, count, NONE, this.samples.count);
    within(flows.throughput.data, count, NONE, this.throughput.count);
    within(flows.drops.data, count, NONE, this.drops.count);
    within(flows.name.data, count * 2, 0, this.strings.count + 1);
    within(flows.application.data, count, NONE, this.applications.rows.count);
    const { applications, names } = this;
    for (const { data } of applications.texts) within(data, applications.rows.count, 0, this.strings.count + 1);
    within(applications.latency.data, applications.rows.count, NONE, this.histograms.count);
    within(names.name.data, names.count, 0, this.strings.count);
    within(this.folded.process.data, this.folded.rows.count, 0, this.strings.count + 1);
    within(sockets.rtt.data, sockets.rows.count, NONE, this.histograms.count);
    within(sockets.samples.data, sockets.rows.count, NONE, this.samples.count);
    within(sockets.flow.data, sockets.rows.count, NONE, count);
    within(sockets.ownerProcess.data, sockets.owners.count, 0, this.processes.rows.count);
    for (let i = 0; i < this.drops.count; i++) {
      if (this.dropNext.data[i]! < NONE || this.dropNext.data[i]! >= i) input.fail('has a list without an end');
    }
    within(this.reasonName.data, this.reasons.count, 0, this.strings.count + 1);
  }
}

/** Roles as `setClient` takes them. */
export { ROLES_CONNECT, ROLES_FIRST_PACKET, ROLES_PORT, ROLES_SYN, METRIC_CONNECT, METRIC_RESPONSE, METRIC_RTT };
/** Flow flags as bpf/abi.h has them. */
export { FLOW_SYN_HI, FLOW_SYN_LO, FLOW_SYNACK_HI, FLOW_SYNACK_LO };
