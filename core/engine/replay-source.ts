/**
 * A session of ours, replayed. Opening reads the journal once for the timeline and keeps states on the way, so that a
 * seek restores the nearest one and applies what is between: the same reducer as live, so the state at t is the same
 * whichever way one got there.
 */
import { basename } from 'node:path';
import type { FlowModel } from '../flow/model.ts';
import { Reducer, type Gap } from '../flow/reducer.ts';
import { type Replay, Session } from '../session/reader.ts';
import type { SummarySource } from '../summary/source.ts';
import type { TimelineStore } from '../timeline/store.ts';
import type { FindingList } from './finding-facts.ts';
import { TimelineObserver } from './observer.ts';
import { sessionDamage } from './open.ts';
import { FlowPackets } from './packets.ts';
import type { Source } from './source.ts';

export const REDUCERS = {
  fresh: (): Reducer => new Reducer(),
  restore: (state: Uint8Array): Reducer => Reducer.restore(state),
};
/** How often the opening pass gives the event loop a turn and says how far it is, in time of the session. */
const STRIDE_NS = 2_000_000_000n;

export interface OpeningOptions {
  signal: AbortSignal;
  progress: (done: number, total: number) => void;
  /** `HH:MM:SS.nnn nnn` of a session time, for packet lists. */
  clock: (model: FlowModel, atNs: number) => string;
}

export class ReplaySource implements Source {
  readonly mode = 'replay';
  readonly ours = true;
  readonly name: string;
  readonly path: string;
  readonly truncated: boolean;
  readonly damage: string | null;
  readonly timeline: TimelineStore;
  readonly findings: FindingList;
  readonly gaps: readonly Gap[];
  readonly startNs: number;
  readonly endNs: number;
  readonly following = false;
  private readonly session: Session;
  readonly packets: FlowPackets;
  private replayed: Replay<Reducer>;
  private at: number;

  private constructor(
    session: Session,
    replayed: Replay<Reducer>,
    observer: TimelineObserver,
    options: OpeningOptions,
  ) {
    this.session = session;
    this.path = session.path;
    this.name = basename(session.path);
    this.truncated = session.truncated || session.damagedBlocks > 0;
    this.damage = sessionDamage(session);
    this.timeline = observer.store;
    this.findings = observer.findings;
    const { reducer } = replayed;
    this.gaps = reducer.gaps;
    this.replayed = replayed;
    const { clock } = reducer.model;
    this.startNs = Math.max(0, clock.relativeOf(session.fromNs));
    this.endNs = Math.max(this.startNs, clock.relativeOf(session.toNs));
    this.at = this.endNs;
    this.packets = new FlowPackets(
      (fromNs, toNs, visit) => this.readPackets(fromNs, toNs, visit),
      (at, visit) => this.readPacket(at, visit),
      (atNs) => options.clock(this.model, atNs),
    );
  }

  /** null when the file is not a session of ours. Throws FlowglassError when it cannot be read. */
  static async open(path: string, options: OpeningOptions): Promise<ReplaySource | null> {
    const session = await Session.open(path, { signal: options.signal, progress: options.progress });
    if (!session) return null;
    try {
      // The opening keyframe of a later file of a ring is the state it begins with.
      const replayed = await session.replay(REDUCERS, session.fromNs, { fromStart: true, signal: options.signal });
      const observer = new TimelineObserver(replayed.reducer.model);
      const total = Number(session.toNs - session.fromNs);
      for (const toNs of session.stops(STRIDE_NS)) {
        await session.replay(REDUCERS, toNs, { fromStart: true, from: replayed, signal: options.signal });
        observer.settle();
        options.progress(toNs === null ? total : Number(toNs - session.fromNs), total);
        await new Promise((resolve) => setImmediate(resolve));
      }
      observer.finish();
      const source = new ReplaySource(session, replayed, observer, options);
      await source.seek(source.endNs); // all of it is seen first; playing from there begins at the start
      return source;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  get model(): FlowModel {
    return this.replayed.reducer.model;
  }

  /** The whole state at the cursor, as a keyframe holds it. */
  state(): Uint8Array {
    return this.replayed.reducer.serialize();
  }

  get cursorNs(): number {
    return this.at;
  }

  async seek(atNs: number): Promise<void> {
    const target = Math.min(this.endNs, Math.max(this.startNs, atNs));
    const bootNs = this.model.clock.bootNs(target);
    this.replayed = await this.session.replay(REDUCERS, bootNs, { from: this.replayed });
    this.at = target;
  }

  tick(): void {
    // Nothing happens by itself: the engine moves the cursor while playing.
  }

  summary(): SummarySource {
    const { captured, header } = this.session;
    return {
      model: this.model,
      startedNs: this.model.clock.wallNs(this.startNs),
      durationNs: BigInt(Math.round(this.endNs - this.startNs)),
      host: header.host,
      application: header.application,
      captured,
      late: captured.late,
      truncated: this.truncated,
    };
  }

  exported(): string {
    return this.path;
  }

  close(): Promise<void> {
    return this.session.close();
  }

  private async readPackets(fromNs: number, toNs: number, visit: Parameters<FlowPackets['read']>[2]): Promise<void> {
    const { clock } = this.model;
    await this.session.packets({ fromNs: clock.bootNs(fromNs), toNs: clock.bootNs(toNs) }, (packet, bootNs) =>
      visit(this.stored(packet, clock.relativeOf(bootNs))),
    );
  }

  private async readPacket(at: number, visit: Parameters<FlowPackets['readAt']>[1]): Promise<void> {
    await this.session.packetAt(at, (packet) => visit(this.stored(packet, this.at)));
  }

  private stored(
    packet: Parameters<Parameters<Session['packets']>[1]>[0],
    atNs: number,
  ): Parameters<Parameters<FlowPackets['read']>[2]>[0] {
    const face = this.session.interfaces[packet.interfaceIndex];
    return {
      at: packet.at,
      atNs,
      linkType: face?.linkType ?? -1,
      interfaceName: face?.name ?? '',
      bytes: packet.bytes,
      offset: packet.offset,
      captured: packet.captured,
      original: packet.length,
      direction: packet.flags & 3,
    };
  }
}
