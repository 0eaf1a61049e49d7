/**
 * Fills the timeline store while frames or packets are applied to a model. Not part of the model's state: a keyframe
 * holds what is true at a moment, the timeline holds the whole session.
 */
import { MARK_KINDS, TROUBLE } from '../contract/tables.ts';
import type { Fold } from '../flow/fold.ts';
import type { FlowModel } from '../flow/model.ts';
import type { ModelObserver, TroubleKind } from '../flow/observer.ts';
import type { SampleSink } from '../flight-recorder/samples.ts';
import { levelNs, TimelineStore } from '../timeline/store.ts';
import { TroubleFinder } from '../trouble/finder.ts';
import { FindingList } from './finding-facts.ts';

const BITS: Record<TroubleKind, number> = {
  retransmit: TROUBLE.retransmit,
  drop: TROUBLE.drop,
  reset: TROUBLE.reset,
  'zero-window': TROUBLE.zeroWindow,
  refused: TROUBLE.refused,
  timeout: TROUBLE.timeout,
};
/** Samples of sockets that no flow is known of yet; the oldest are given up beyond it. */
const WAITING_MAX = 10_000;

export class TimelineObserver implements ModelObserver {
  readonly store = new TimelineStore();
  readonly finder: TroubleFinder;
  /** What went wrong, in words. */
  readonly findings: FindingList;
  readonly binNs = levelNs(0);
  /** Is told of every latency sample too. */
  samples: SampleSink | null = null;
  private readonly model: FlowModel;
  private readonly waiting: { socket: number; valueNs: number; atNs: number }[] = [];

  constructor(model: FlowModel) {
    this.model = model;
    this.finder = new TroubleFinder(model);
    this.findings = new FindingList(this.finder);
    model.observer = this;
  }

  rtt(flow: number, valueNs: number, atNs: number): void {
    this.addRtt(flow, valueNs, atNs);
  }

  /** Findings keep the words of flows that go; the timeline knows flows by what stays theirs. */
  folding(keep: Uint8Array): void {
    this.findings.folding(keep);
  }

  folded({ flows, sockets }: Fold): void {
    let kept = 0;
    for (const sample of this.waiting) {
      const socket = sockets[sample.socket] ?? -1;
      if (socket >= 0) this.waiting[kept++] = { ...sample, socket };
    }
    this.waiting.length = kept;
    this.finder.folded(flows);
    this.store.forget(this.model.flows.id.data[0] ?? this.model.flows.begun);
  }

  private id(flow: number): number {
    return this.model.flows.id.data[flow]!;
  }

  private addRtt(flow: number, valueNs: number, atNs: number): void {
    this.store.addRtt(this.id(flow), valueNs, atNs);
    this.finder.rtt(flow, valueNs, atNs);
    this.samples?.rtt(flow, valueNs, atNs);
  }

  socketRtt(socket: number, valueNs: number, atNs: number): void {
    const flow = this.model.sockets.flow.data[socket] ?? -1;
    if (flow >= 0) this.addRtt(flow, valueNs, atNs);
    else if (this.waiting.length < WAITING_MAX) this.waiting.push({ socket, valueNs, atNs });
  }

  response(flow: number, valueNs: number, atNs: number): void {
    this.store.addResponse(this.id(flow), valueNs, atNs);
    this.finder.response(flow, valueNs, atNs);
    this.samples?.response(flow, valueNs, atNs);
  }

  read(flow: number, valueNs: number, atNs: number, side: number): void {
    this.finder.read(flow, valueNs, atNs, side);
  }

  bytes(flow: number, bytes: number, packets: number, atNs: number): void {
    this.store.addBytes(this.id(flow), bytes, packets, atNs);
    this.finder.bytes(flow, atNs);
  }

  trouble(flow: number, kind: TroubleKind, atNs: number, count: number, text: string | null, side: number): void {
    this.store.addMark(flow < 0 ? -1 : this.id(flow), MARK_KINDS.indexOf(kind), BITS[kind], atNs, count, text);
    this.finder.trouble(flow, kind, atNs, count, text, side);
  }

  triggered(atNs: number, text: string): void {
    this.store.addMark(-1, MARK_KINDS.indexOf('trigger'), 0, atNs, 1, text);
  }

  /** Gives waiting samples to flows that became known; to be called now and then. */
  settle(): void {
    let kept = 0;
    for (const sample of this.waiting) {
      const flow = this.model.sockets.flow.data[sample.socket] ?? -1;
      if (flow >= 0) this.addRtt(flow, sample.valueNs, sample.atNs);
      else if (this.model.nowNs - sample.atNs < 5e9) this.waiting[kept++] = sample;
    }
    this.waiting.length = kept;
    this.finder.settle(this.model.nowNs);
  }

  /** Everything was told: the model may be let go. */
  finish(): void {
    this.settle();
    this.finder.finish();
    this.findings.freeze();
    this.model.observer = null;
  }
}
