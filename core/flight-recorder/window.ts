/**
 * Counters and latency of the last moments, for triggers: the fields of the filter language over a window instead of a
 * flow's life. Counters are compared with what they were when the window began, to an eighth of it; latency is taken
 * from the newest samples.
 */
import type { FlowFields } from '../filter/flow-fields.ts';
import { FoldFollower, movedValues } from '../flow/fold.ts';
import type { FlowModel } from '../flow/model.ts';
import { SESSION, type SampleKind, type SampleWindow } from './samples.ts';

const COUNTED = /^(sent\.|received\.)?(packets|bytes|payload|frames|retransmits|rate)$|^(resets|zero_windows|drops)$/;
const SAMPLED = /^(rtt|response)\.(n|min|mean|p50|p90|p99|max)$/;
const SLICES = 8;

export const isCounted = (source: string): boolean => COUNTED.test(source);
export const isSampled = (source: string): boolean => SAMPLED.test(source);

/** A counter's values at the ends of the window's slices. */
class Baseline {
  private slices: Float64Array[] = [];
  private readonly read: (flow: number) => number;
  private readonly model: FlowModel;
  private readonly folds: FoldFollower;

  constructor(read: (flow: number) => number, model: FlowModel) {
    this.read = read;
    this.model = model;
    this.folds = new FoldFollower(model);
    this.step();
  }

  step(): void {
    this.follow();
    const flows = this.model.flows.rows.count;
    const slice = this.slices.length > SLICES ? this.slices.shift()! : new Float64Array(0);
    const values = slice.length >= flows ? slice : new Float64Array(flows * 2);
    values.fill(0);
    for (let flow = 0; flow < flows; flow++) values[flow] = this.read(flow) || 0;
    this.slices.push(values);
  }

  growth(flow: number): number {
    this.follow();
    return this.read(flow) - (this.slices[0]![flow] ?? 0);
  }

  private follow(): void {
    const moved = this.folds.moved();
    if (moved !== null) this.slices = this.slices.map((slice) => movedValues(slice, moved));
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
    const { nowNs } = this.model;
    if (nowNs - this.steppedNs < this.windowNs / SLICES) return;
    this.steppedNs = nowNs;
    for (const baseline of this.baselines) baseline.step();
  }

  number(field: string): ((flow: number) => number) | null {
    if (isSampled(field)) {
      const [kind, part] = field.split('.') as [SampleKind, string];
      return (flow) => this.samples.read(kind, part, this.session ? SESSION : flow, this.model.nowNs - this.windowNs);
    }
    if (!isCounted(field)) return this.base.number(field);
    const isRate = field.endsWith('rate');
    const read = this.base.number(isRate ? field.replace('rate', 'bytes') : field);
    if (read === null) return null;
    const baseline = new Baseline(read, this.model);
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
