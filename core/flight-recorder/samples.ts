/** The newest latency samples, for triggers: of one flow, or of all together. */
import { FoldFollower, movedValues } from '../flow/fold.ts';
import type { FlowModel } from '../flow/model.ts';
import type { ModelObserver } from '../flow/observer.ts';

/** Samples of one kind that are kept; a reading takes at most so many of them, the newest. */
const KEPT = 1 << 17;
const FLOW_READ = 256;
const SESSION_READ = 8192;
/** In place of a flow: all of them. */
export const SESSION = -1;

export type SampleKind = 'rtt' | 'response';

/**
 * The newest samples of one kind, whatever flow they are of: bounded, and nothing is allocated for one. A sample has a
 * number that counts up; each one knows the number of its flow's sample before, 0 = none.
 */
class NewestSamples {
  private readonly values = new Float64Array(KEPT);
  private readonly times = new Float64Array(KEPT);
  private readonly before = new Float64Array(KEPT);
  private readonly picked = new Float64Array(SESSION_READ);
  /** Number of each flow's newest sample. */
  private newest = new Float64Array(1024);
  private next = 1;
  private readonly folds: FoldFollower;

  constructor(model: FlowModel) {
    this.folds = new FoldFollower(model);
  }

  add(flow: number, value: number, atNs: number): void {
    this.follow();
    if (flow >= this.newest.length) this.grow(flow);
    const slot = this.next % KEPT;
    this.values[slot] = value;
    this.times[slot] = atNs;
    this.before[slot] = this.newest[flow]!;
    this.newest[flow] = this.next++;
  }

  private follow(): void {
    const moved = this.folds.moved();
    if (moved !== null) this.newest = movedValues(this.newest, moved);
  }

  private grow(flow: number): void {
    const larger = new Float64Array(Math.max(flow + 1, this.newest.length * 2));
    larger.set(this.newest);
    this.newest = larger;
  }

  /** Sorted values not older than `fromNs`; reused by the next call. */
  since(flow: number, fromNs: number): Float64Array {
    this.follow();
    const oldest = Math.max(1, this.next - KEPT);
    let count = 0;
    if (flow === SESSION) {
      const first = Math.max(oldest, this.next - SESSION_READ);
      for (let at = this.next - 1; at >= first; at--)
        if (this.times[at % KEPT]! >= fromNs) this.picked[count++] = this.values[at % KEPT]!;
    } else {
      for (let at = this.newest[flow] ?? 0; at >= oldest && count < FLOW_READ; at = this.before[at % KEPT]!) {
        if (this.times[at % KEPT]! < fromNs) break;
        this.picked[count++] = this.values[at % KEPT]!;
      }
    }
    return this.picked.subarray(0, count).sort();
  }
}

/** Latency samples as they come. */
export class SampleWindow implements SampleSink {
  private readonly kinds: Record<SampleKind, NewestSamples>;
  private readonly model: FlowModel;

  constructor(model: FlowModel) {
    this.model = model;
    this.kinds = { rtt: new NewestSamples(model), response: new NewestSamples(model) };
  }

  rtt(flow: number, valueNs: number, atNs: number): void {
    this.kinds.rtt.add(flow, valueNs, atNs);
  }

  socketRtt(socket: number, valueNs: number, atNs: number): void {
    const flow = this.model.sockets.flow.data[socket] ?? -1;
    if (flow >= 0) this.kinds.rtt.add(flow, valueNs, atNs);
  }

  response(flow: number, valueNs: number, atNs: number): void {
    this.kinds.response.add(flow, valueNs, atNs);
  }

  /** One part of the distribution, ns or a count; NaN without a sample. Nearest rank, as few samples are read. */
  read(kind: SampleKind, part: string, flow: number, fromNs: number): number {
    const values = this.kinds[kind].since(flow, fromNs);
    if (values.length === 0) return NaN;
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
        return values[Math.max(0, Math.ceil((values.length * Number(part.slice(1))) / 100) - 1)]!;
    }
  }
}

/** Who is told of samples. */
export type SampleSink = Pick<ModelObserver, 'rtt' | 'socketRtt' | 'response'>;

/** An observer for a model that nothing else watches. */
export function samplesOnly(samples: SampleSink): ModelObserver {
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
