// The engine's end of a helper's socket with nothing in between: a test decides itself what is acknowledged and when.
import {
  EVENT,
  FLOW_RECORD,
  FRAME_BYE,
  FRAME_EVENTS,
  FRAME_FLOWS,
  FRAME_HEADER,
  FRAME_INTERFACE,
  FRAME_LOG,
  FRAME_PACKETS,
  FRAME_PROCESSES,
  FRAME_SOCKETS,
  FRAME_STATS,
  FRAME_TOTALS,
  FRAME_NAMES,
  INTERFACE_PRESENT,
  NAME,
  PACKET,
  PROCESS,
  SOCKET_EVENT,
  STREAM_EVENTS,
  STREAM_PACKETS,
  STREAM_STATE,
  TOTALS_RECORD,
} from '../../core/abi/generated.ts';
import { launchHelper, type LaunchedHelper } from '../../core/helper/launch.ts';
import { attachCommand, creditCommand, helloCommand, type HelloCommand } from '../../core/wire/commands.ts';
import { readInterface, readLog, readStats, type HelperStats, type InterfaceReport } from '../../core/wire/messages.ts';
import type { Host } from '../lab/host.ts';
import { settle } from '../lab/lab.ts';

/** Frames of fixed-size records: stream and size. */
const FIXED: Record<number, readonly [stream: number, size: number]> = {
  [FRAME_FLOWS]: [STREAM_STATE, FLOW_RECORD.size],
  [FRAME_TOTALS]: [STREAM_STATE, TOTALS_RECORD.size],
  [FRAME_SOCKETS]: [STREAM_STATE, SOCKET_EVENT.size],
  [FRAME_NAMES]: [STREAM_STATE, NAME.size],
  [FRAME_EVENTS]: [STREAM_EVENTS, EVENT.size],
};

/** Called with each record. */
export type FlowSink = (view: DataView, at: number) => void;

export class RawEngine {
  /** Frames by type. */
  readonly frames = new Map<number, number>();
  /** About attached interfaces, and about others. */
  readonly interfaces: InterfaceReport[] = [];
  readonly present: InterfaceReport[] = [];
  readonly logs: string[] = [];
  /** Records by stream, as counted here. */
  readonly records = [0, 0, 0];
  /** Every STATS and BYE, with what had arrived here when it came. */
  readonly stats: { stats: HelperStats; frames: number; records: readonly number[] }[] = [];
  bye: HelperStats | null = null;
  received = 0;
  /** Bytes of PACKETS frames. */
  packetBytes = 0;
  acknowledge = true;
  onFlow: FlowSink = () => undefined;
  onTotals: FlowSink = () => undefined;
  readonly exit: Promise<number | null>;
  readonly #launched: LaunchedHelper;
  #acknowledged = 0;
  #pending: Buffer = Buffer.alloc(0);
  #count = 0;

  private constructor(launched: LaunchedHelper) {
    this.#launched = launched;
    this.exit = new Promise((resolve) => launched.child.once('close', resolve));
    launched.socket.on('error', () => undefined);
    launched.socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  static async start(host: Host, helperPath: string, hello: HelloCommand = {}): Promise<RawEngine> {
    const engine = new RawEngine(await launchHelper({ helperPath, netnsPath: host.path }));
    engine.send(helloCommand(hello));
    return engine;
  }

  get pid(): number {
    return this.#launched.child.pid ?? 0;
  }

  get errorText(): string {
    return this.#launched.errorText();
  }

  send(bytes: Uint8Array): void {
    this.#launched.socket.write(bytes);
  }

  /** Reads nothing until resume(). */
  pause(): void {
    this.#launched.socket.pause();
  }

  resume(): void {
    this.#launched.socket.resume();
  }

  signal(signal: NodeJS.Signals): void {
    this.#launched.child.kill(signal);
  }

  kill(): void {
    this.#launched.socket.destroy();
    this.#launched.child.kill('SIGKILL');
  }

  /** Waits for a condition, 15 s at most. */
  async until(what: string, ready: () => boolean): Promise<void> {
    for (let waited = 0; !ready(); waited += 10) {
      if (waited > 15_000) throw new Error(`${what} did not happen; ${this.errorText} ${this.logs.join('; ')}`);
      await settle(10);
    }
  }

  /** The report that answers an attach. */
  async attach(ifindex: number, iface: number, ingress: number, egress: number): Promise<InterfaceReport> {
    const before = this.interfaces.length;
    this.send(attachCommand(ifindex, iface, ingress, egress));
    await this.until('an answer to ATTACH', () => this.interfaces.length > before);
    return this.interfaces[before] ?? this.interfaces[0]!;
  }

  #take(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (this.#pending.length - at >= FRAME_HEADER.size) {
      const length = this.#pending.readUInt32LE(at);
      if (this.#pending.length - at - FRAME_HEADER.size < length) break;
      const from = at + FRAME_HEADER.size;
      this.#frame(this.#pending.readUInt16LE(at + FRAME_HEADER.type), this.#pending.subarray(from, from + length));
      at = from + length;
      this.#count++;
    }
    this.received += at;
    this.#pending = this.#pending.subarray(at);
    if (this.acknowledge && this.received - this.#acknowledged >= 1 << 20) {
      this.#acknowledged = this.received;
      this.send(creditCommand(this.received));
    }
  }

  #frame(type: number, payload: Buffer): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    this.frames.set(type, (this.frames.get(type) ?? 0) + 1);
    const fixed = FIXED[type];
    if (fixed !== undefined) {
      if (payload.length % fixed[1] !== 0) throw new Error(`frame type ${type} of ${payload.length} bytes`);
      this.records[fixed[0]]! += payload.length / fixed[1];
    }
    if (type === FRAME_FLOWS) for (let at = 0; at < payload.length; at += FLOW_RECORD.size) this.onFlow(view, at);
    if (type === FRAME_TOTALS) for (let at = 0; at < payload.length; at += TOTALS_RECORD.size) this.onTotals(view, at);
    if (type === FRAME_PACKETS) {
      this.packetBytes += FRAME_HEADER.size + payload.length;
      for (let at = 0; at < payload.length;) {
        at += PACKET.size + ((view.getUint32(at + PACKET.captured, true) + 7) & ~7);
        this.records[STREAM_PACKETS]!++;
      }
    }
    if (type === FRAME_PROCESSES) {
      for (let at = 0; at < payload.length;) {
        at += view.getUint32(at + PROCESS.recordLength, true);
        this.records[STREAM_STATE]!++;
      }
    }
    if (type === FRAME_INTERFACE) {
      const report = readInterface(payload, view, 0);
      (report.state === INTERFACE_PRESENT ? this.present : this.interfaces).push(report);
    }
    if (type === FRAME_LOG) this.logs.push(readLog(payload, view, 0).text);
    if (type === FRAME_STATS || type === FRAME_BYE) {
      const stats = readStats(view, 0);
      this.stats.push({ stats, frames: this.#count, records: [...this.records] });
      if (type === FRAME_BYE) this.bye = stats;
    }
  }
}
