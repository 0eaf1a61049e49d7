/**
 * Counters and latency of the last moments, for triggers: the fields of the filter language over a window instead of a
 * flow's life. Counters are compared with what they were when the window began, to an eighth of it; latency is taken
 * from the newest samples.
 */
import type { FlowFields } from '../filter/flow-fields.ts';
import type { FlowModel } from '../flow/model.ts';
import type { ModelObserver } from '../flow/observer.ts';

const COUNTED = /^(sent\.|received\.)?(packets|bytes|payload|frames|retransmits|rate)$|^(resets|zero_windows|drops)$/;
const SAMPLED = /^(rtt|response)\.(n|min|mean|p50|p90|p99|max)$/;
const SLICES = 8;
/** Samples of one flow, and of all together, that a window holds at most: the newest. */
const FLOW_SAMPLES = 256;
const SESSION_SAMPLES = 8192;
/** The row of all flows together. */
const SESSION = -1;

export const isCounted = (source: string): boolean => COUNTED.test(source);
export const isSampled = (source: string): boolean => SAMPLED.test(source);

/** The newest samples of one kind, with their times. */
class Samples {
  private readonly values: Float64Array;
  private readonly times: Float64Array;
  private next = 0;
  private readonly picked: Float64Array;

  constructor(size: number) {
    this.values = new Float64Array(size);
    this.times = new Float64Array(size).fill(-Infinity);
    this.picked = new Float64Array(size);
  }

  add(value: number, atNs: number): void {
    this.values[this.next] = value;
    this.times[this.next] = atNs;
    this.next = (this.next + 1) % this.values.length;
  }

  /** Sorted values not older than `fromNs`; reused by the next call. */
  since(fromNs: number): Float64Array {
    let count = 0;
    for (let i = 0; i < this.values.length; i++) if (this.times[i]! >= fromNs) this.picked[count++] = this.values[i]!;
    return this.picked.subarray(0, count).sort();
  }
}

/** Latency samples as they come, by flow and of all. */
export class SampleWindow {
  private readonly flows = { rtt: new Map<number, Samples>(), response: new Map<number, Samples>() };
  private readonly model: FlowModel;

  constructor(model: FlowModel) {
    this.model = model;
    for (const kind of ['rtt', 'response'] as const) this.flows[kind].set(SESSION, new Samples(SESSION_SAMPLES));
  }

  rtt(flow: number, valueNs: number, atNs: number): void {
    this.add('rtt', flow, valueNs, atNs);
  }

  socketRtt(socket: number, valueNs: number, atNs: number): void {
    const flow = this.model.sockets.flow.data[socket] ?? -1;
    if (flow >= 0) this.add('rtt', flow, valueNs, atNs);
  }

  response(flow: number, valueNs: number, atNs: number): void {
    this.add('response', flow, valueNs, atNs);
  }

  private add(kind: 'rtt' | 'response', flow: number, valueNs: number, atNs: number): void {
    const all = this.flows[kind];
    all.get(SESSION)?.add(valueNs, atNs);
    let samples = all.get(flow);
    if (samples === undefined) all.set(flow, (samples = new Samples(FLOW_SAMPLES)));
    samples.add(valueNs, atNs);
  }

  /** One part of the distribution; NaN without a sample. Nearest rank, as a percentile of few samples is read. */
  read(kind: 'rtt' | 'response', part: string, flow: number, fromNs: number): number {
    const values = this.flows[kind].get(flow)?.since(fromNs);
    if (values === undefined || values.length === 0) return NaN;
    const rank = (share: number): number => values[Math.max(0, Math.ceil(values.length * share) - 1)]!;
    switch (part) {
      case 'n':
        return values.length;
      case 'min':
        return values[0]!;
      case 'max':
        return values[values.length - 1]!;
      case 'mean':
        return values.reduce((sum, value) => sum + value, 0) / values.length;
      default:
        return rank(Number(part.slice(1)) / 100);
    }
  }

  /** Forgets flows that ended or were quiet since. */
  forget(fromNs: number): void {
    const { lastNs } = this.model.flows;
    for (const samples of [this.flows.rtt, this.flows.response])
      for (const flow of samples.keys()) if (flow >= 0 && lastNs.data[flow]! < fromNs) samples.delete(flow);
  }
}

/** An observer for a model that nothing else watches. */
export function samplesOnly(samples: SampleWindow): ModelObserver {
  const ignore = (): void => undefined;
  return {
    binNs: 0,
    rtt: (flow, valueNs, atNs) => samples.rtt(flow, valueNs, atNs),
    socketRtt: (socket, valueNs, atNs) => samples.socketRtt(socket, valueNs, atNs),
    response: (flow, valueNs, atNs) => samples.response(flow, valueNs, atNs),
    read: ignore,
    bytes: ignore,
    trouble: ignore,
    triggered: ignore,
  };
}

/** A counter's values at the ends of the window's slices. */
class Baseline {
  private readonly slices: Float64Array[] = [];
  private readonly read: (flow: number) => number;

  constructor(read: (flow: number) => number, flows: number) {
    this.read = read;
    this.step(flows);
  }

  step(flows: number): void {
    const slice = this.slices.length > SLICES ? this.slices.shift()! : new Float64Array(0);
    const values = slice.length >= flows ? slice : new Float64Array(flows * 2);
    values.fill(0);
    for (let flow = 0; flow < flows; flow++) values[flow] = this.read(flow) || 0;
    this.slices.push(values);
  }

  growth(flow: number): number {
    return this.read(flow) - (this.slices[0]![flow] ?? 0);
  }
}

/** `base` with counters, rates and latency of a window; in a session's window rows are not looked at. */
export class WindowFields implements FlowFields {
  private readonly base: FlowFields;
  private readonly model: FlowModel;
  private readonly samples: SampleWindow;
  private readonly windowNs: number;
  private readonly session: boolean;
  private readonly baselines: Baseline[] = [];
  private steppedNs: number;

  constructor(base: FlowFields, model: FlowModel, samples: SampleWindow, windowNs: number, session: boolean) {
    this.base = base;
    this.model = model;
    this.samples = samples;
    this.windowNs = windowNs;
    this.session = session;
    this.steppedNs = model.nowNs;
  }

  /** Moves the window on; call it often. */
  step(): void {
    const { nowNs, flows } = this.model;
    if (nowNs - this.steppedNs < this.windowNs / SLICES) return;
    this.steppedNs = nowNs;
    for (const baseline of this.baselines) baseline.step(flows.rows.count);
    this.samples.forget(nowNs - 2 * this.windowNs);
  }

  number(field: string): ((flow: number) => number) | null {
    if (isSampled(field)) {
      const [kind, part] = field.split('.') as ['rtt' | 'response', string];
      return (flow) => this.samples.read(kind, part, this.session ? SESSION : flow, this.model.nowNs - this.windowNs);
    }
    if (!isCounted(field)) return this.base.number(field);
    const isRate = field.endsWith('rate');
    const read = this.base.number(isRate ? field.replace('rate', 'bytes') : field);
    if (read === null) return null;
    const baseline = new Baseline(read, this.model.flows.rows.count);
    this.baselines.push(baseline);
    const scale = isRate ? 1e9 / this.windowNs : 1;
    if (!this.session) return (flow) => baseline.growth(flow) * scale;
    return () => {
      let sum = 0;
      for (let flow = 0; flow < this.model.flows.rows.count; flow++) sum += baseline.growth(flow) || 0;
      return sum * scale;
    };
  }

  text(field: string): ReturnType<FlowFields['text']> {
    return this.base.text(field);
  }
  list(field: string): ReturnType<FlowFields['list']> {
    return this.base.list(field);
  }
  address(field: string): ReturnType<FlowFields['address']> {
    return this.base.address(field);
  }
  zone(): ReturnType<FlowFields['zone']> {
    return this.base.zone();
  }
  fromStart(epochNs: bigint): number {
    return this.base.fromStart(epochNs);
  }
}
