/**
 * Flows that a filter cannot match any more, now that it is known whose they are: the kernel is told, and copies their
 * packets no longer. Nothing is lost by it: until the verdict, and for what the kernel does not hold, packets are copied
 * and judged one by one (packet-filter.ts).
 */
import { VERDICTS } from '../abi/generated.ts';
import { compile, type Expression, type Predicate } from '../filter/filter.ts';
import { settledFilter } from '../filter/loosen.ts';
import type { FlowFields } from '../filter/flow-fields.ts';
import { KEY_WORDS } from '../flow/flows.ts';
import type { FlowModel } from '../flow/model.ts';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../flow/names.ts';
import { isSettled } from '../flow/owners.ts';

/** Tells the helper of an interface; `key` = struct fg_key in place, to be copied. */
export type VerdictSink = (iface: number, key: Uint8Array, epoch: number, unwanted: boolean) => void;

/** A flow has to be this old: names of its process, its control group and who it is are looked up meanwhile. */
const AGE_NS = 1e9;

export class Verdicts {
  readonly #model: FlowModel;
  readonly #mayMatch: Predicate;
  readonly #tell: VerdictSink;
  /** Ids of flows that the kernel does not copy. */
  readonly #unwanted = new Set<number>();
  #seenNs = 0;

  private constructor(model: FlowModel, mayMatch: Predicate, tell: VerdictSink) {
    this.#model = model;
    this.#mayMatch = mayMatch;
    this.#tell = tell;
  }

  /** null when the filter asks nothing of processes: the kernel's rules say all that can be said then. */
  static of(model: FlowModel, filter: Expression, fields: FlowFields, tell: VerdictSink): Verdicts | null {
    const settled = settledFilter(filter);
    return settled === null ? null : new Verdicts(model, compile(settled, fields), tell);
  }

  /** Judges flows that had packets since the last time; a few times a second. */
  tick(): void {
    const { flows, nowNs } = this.#model;
    const since = this.#seenNs;
    // What is known of a flow comes up to two read-outs after its packets.
    this.#seenNs = nowNs - AGE_NS;
    for (let flow = 0; flow < flows.rows.count; flow++) {
      if (flows.lastNs.data[flow]! >= since && nowNs - flows.firstNs.data[flow]! >= AGE_NS) this.#judge(flow);
    }
  }

  #judge(flow: number): void {
    const { flows } = this.#model;
    const epoch = flows.epoch.data[flow]!;
    const protocol = flows.protocolOf(flow);
    // Without an epoch the next connection with this key could not be told from it.
    if (epoch === 0 || (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP)) return;
    const id = flows.id.data[flow]!;
    const unwanted = isSettled(this.#model, flow) && !this.#mayMatch(flow);
    if (unwanted === this.#unwanted.has(id)) return;
    // The kernel remembers so many, newer ones in the place of older ones.
    if (unwanted && this.#unwanted.size >= VERDICTS) this.#unwanted.clear();
    if (unwanted) this.#unwanted.add(id);
    else this.#unwanted.delete(id);
    const words = flows.key.data.subarray(flow * KEY_WORDS, (flow + 1) * KEY_WORDS);
    this.#tell(flows.ifaceOf(flow), new Uint8Array(words.buffer, words.byteOffset, words.byteLength), epoch, unwanted);
  }
}
