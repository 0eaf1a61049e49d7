/** Several who want the newest latency samples of one model: triggers, alerts. */
import type { FlowModel } from '../flow/model.ts';
import { samplesOnly, type SampleSink, type SampleWindow } from './samples.ts';

export class SampleListeners implements SampleSink {
  readonly #windows = new Map<string, SampleWindow>();
  #all: readonly SampleWindow[] = [];

  /** `who` gets samples in this window from now on; null = no more. */
  set(who: string, window: SampleWindow | null): void {
    if (window === null) this.#windows.delete(who);
    else this.#windows.set(who, window);
    this.#all = [...this.#windows.values()];
  }

  /** The same for a model that nothing else watches. */
  setFor(model: FlowModel, who: string, window: SampleWindow | null): void {
    this.set(who, window);
    model.observer = this.#all.length === 0 ? null : samplesOnly(this);
  }

  rtt(flow: number, valueNs: number, atNs: number): void {
    for (const window of this.#all) window.rtt(flow, valueNs, atNs);
  }

  socketRtt(socket: number, valueNs: number, atNs: number): void {
    for (const window of this.#all) window.socketRtt(socket, valueNs, atNs);
  }

  response(flow: number, valueNs: number, atNs: number): void {
    for (const window of this.#all) window.response(flow, valueNs, atNs);
  }
}
