/**
 * What flows bring that was not there since watching began: a peer, or a network that a process did not talk to. What is
 * there at the first look is known; what comes is new for a while, in which more may become known of its flows.
 */
import type { FlowModel } from '../flow/model.ts';

/** Of something new so long: who talks to it may be known a little later than it. */
const NEW_NS = 2e9;
/** Of what is known, the oldest are forgotten beyond it. */
const KNOWN_MAX = 200_000;

/** What may be new of a flow; null = not known yet, undefined = nothing. */
export type KeyOf = (flow: number) => string | null | undefined;

export interface Newcomer {
  readonly key: string;
  readonly sinceNs: number;
  /** ids */
  readonly flows: number[];
  /** Whoever told of it. */
  readonly told: Set<object>;
}

export class Newcomers {
  readonly #model: FlowModel;
  readonly #keyOf: KeyOf;
  readonly #known: Set<string>;
  readonly #fresh = new Map<string, Newcomer>();
  /** Flows whose key cannot be told yet: id, and when they came; before the first look = −1. */
  readonly #waiting = new Map<number, number>();
  /** Ids below are known; −1 = none was looked at. */
  #seenFlows = -1;
  /** Until then everything is known already; Infinity before the first look. */
  #learnedNs = Infinity;
  readonly #learnNs: number;

  /**
   * `known` = from an earlier watch, and grows. What comes within `learnNs` of the first
   * look is known too.
   */
  constructor(
    model: FlowModel,
    keyOf: KeyOf,
    { known = new Set<string>(), learnNs = 0 }: { known?: Set<string>; learnNs?: number } = {},
  ) {
    this.#model = model;
    this.#keyOf = keyOf;
    this.#known = known;
    this.#learnNs = learnNs;
  }

  /** Takes in flows that began since the last look. */
  look(): void {
    const { nowNs, flows } = this.#model;
    const first = this.#seenFlows;
    if (first < 0) this.#learnedNs = nowNs + this.#learnNs;
    const learning = first < 0 || nowNs < this.#learnedNs;
    this.#seenFlows = flows.begun;
    for (let flow = flows.firstFrom(Math.max(0, first)); flow < flows.rows.count; flow++)
      this.#take(flow, learning ? -1 : nowNs);
    for (const [id, sinceNs] of this.#waiting) this.#again(id, sinceNs);
    for (const [key, { sinceNs }] of this.#fresh) {
      if (nowNs - sinceNs <= NEW_NS) continue;
      this.#fresh.delete(key);
      this.#learn(key);
    }
  }

  get fresh(): IterableIterator<Newcomer> {
    return this.#fresh.values();
  }

  #take(flow: number, sinceNs: number): void {
    const key = this.#keyOf(flow);
    if (key === undefined) return;
    const id = this.#model.flows.id.data[flow]!;
    if (key === null) {
      if (this.#waiting.size < KNOWN_MAX) this.#waiting.set(id, sinceNs);
      return;
    }
    if (sinceNs < 0) this.#learn(key);
    if (this.#known.has(key)) return;
    const known = this.#fresh.get(key);
    if (known === undefined) this.#fresh.set(key, { key, sinceNs, flows: [id], told: new Set() });
    else known.flows.push(id);
  }

  #again(id: number, sinceNs: number): void {
    const row = this.#model.flows.rowOf(id);
    if (row >= 0 && this.#keyOf(row) !== null) {
      this.#waiting.delete(id);
      this.#take(row, sinceNs);
    } else if (row < 0 || this.#model.nowNs - this.#model.flows.firstNs.data[row]! > NEW_NS) this.#waiting.delete(id);
  }

  #learn(key: string): void {
    this.#known.add(key);
    if (this.#known.size <= KNOWN_MAX) return;
    const [oldest] = this.#known;
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}
