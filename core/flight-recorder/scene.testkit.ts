/** Flows of a made-up laboratory, a tenth of a second at a time, for tests of what looks at a model now and then. */
import { EVENT_RESPONSE, FEATURE_DROPS, FRAME_CLOCK, FRAME_RESYNCED } from '../abi/generated.ts';
import { modelFields } from '../filter/adapter.ts';
import type { FlowFields } from '../filter/filter.ts';
import { clockRecord, eventsFrame, feed, flowsFrame, frame, opening } from '../flow/frames.testkit.ts';
import type { FlowModel } from '../flow/model.ts';
import { Reducer } from '../flow/reducer.ts';
import { samplesOnly, type SampleWindow } from './samples.ts';
import type { FlowTexts } from './trigger-watch.ts';

export interface Step {
  readonly n: number;
  readonly hi?: string;
  readonly packets?: number;
  readonly responseMs?: number;
}

export class Scene {
  readonly model: FlowModel;
  readonly fields: FlowFields;
  readonly texts: FlowTexts;
  tenth = 0;
  processKnown = true;
  readonly #reducer = new Reducer();
  readonly #packets = new Map<number, number>();
  /** Called after each step. */
  #look: () => void = () => undefined;

  constructor() {
    feed(this.#reducer, ...opening(), frame(FRAME_RESYNCED, clockRecord(0)));
    const { model } = this.#reducer;
    model.features |= FEATURE_DROPS;
    this.model = model;
    this.fields = modelFields(model);
    const peer = (flow: number): string => String(model.flows.key.data[model.flows.addressWord(flow, 1)]);
    this.texts = {
      describe: (flow) => `flow ${flow}`,
      peer,
      network: (flow) => (this.processKnown ? `curl → net ${peer(flow)}` : null),
    };
  }

  /** Seconds since the beginning. */
  get atS(): number {
    return this.tenth / 10;
  }

  /** From now on it is looked at, at once for the first time. */
  watch(samples: SampleWindow | null, look: () => void): void {
    if (samples !== null) this.model.observer = samplesOnly(samples);
    this.#look = look;
    this.step();
  }

  step(...flows: readonly Step[]): void {
    this.tenth++;
    const at = this.tenth * 100;
    for (const { n, hi = '10.0.0.2', packets = 1, responseMs } of flows) {
      const key = { lo: '10.0.0.1', hi, loPort: 40_000 + n, hiPort: 80 };
      const total = (this.#packets.get(n) ?? 0) + packets;
      this.#packets.set(n, total);
      const lo = { packets: total, bytes: total * 100, payload: 0, frames: total, frameBytes: total * 100 };
      feed(this.#reducer, flowsFrame({ key, slot: n, epoch: n + 1, first: 1, last: at, lo }));
      if (responseMs !== undefined)
        feed(this.#reducer, eventsFrame({ kind: EVENT_RESPONSE, key, epoch: n + 1, hiToLo: true, valueNs: responseMs * 1e6, at })); // prettier-ignore
    }
    feed(this.#reducer, frame(FRAME_CLOCK, clockRecord(at)));
    this.#look();
  }

  steps(count: number, ...flows: readonly Step[]): void {
    for (let i = 0; i < count; i++) this.step(...flows);
  }
}
