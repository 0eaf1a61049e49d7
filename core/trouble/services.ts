/** Which service a flow belongs to: the server's address, port and protocol, as a number that stays. */
import type { FlowModel } from '../flow/model.ts';
import { PROTOCOL_UDP } from '../flow/names.ts';
import { clientOf } from '../flow/roles.ts';
import { SERVICES_MAX } from './rules.ts';

const DNS_PORT = 53;
const UNKNOWN = -1;
const UNSEEN = -2;

export class Services {
  /** Flows that were not followed because there are too many services. */
  skipped = 0;
  private readonly model: FlowModel;
  private readonly numbers = new Map<string, number>();
  private ofFlow = new Int32Array(256).fill(UNSEEN);

  constructor(model: FlowModel) {
    this.model = model;
  }

  /** The service of a flow; −1 when there are too many. Concluded when it is first asked for. */
  of(flow: number): number {
    if (flow >= this.ofFlow.length) this.grow(flow);
    const known = this.ofFlow[flow]!;
    return known !== UNSEEN ? known : (this.ofFlow[flow] = this.find(flow));
  }

  /** First time that the flow is asked about. */
  isNew(flow: number): boolean {
    return flow >= this.ofFlow.length || this.ofFlow[flow] === UNSEEN;
  }

  isDns(flow: number): boolean {
    const { flows } = this.model;
    return flows.protocolOf(flow) === PROTOCOL_UDP && flows.portOf(flow, 1 - clientOf(this.model, flow)) === DNS_PORT;
  }

  /** The address alone, as a key: what refuses does so on many ports. */
  hostOf(flow: number, side: number): string {
    const { flows } = this.model;
    const at = flows.addressWord(flow, side);
    return `${flows.key.data[at]} ${flows.key.data[at + 1]} ${flows.key.data[at + 2]} ${flows.key.data[at + 3]}`;
  }

  /** Flows have other rows now, -1 = none any more. */
  folded(numbers: Int32Array): void {
    const before = this.ofFlow;
    this.ofFlow = new Int32Array(before.length).fill(UNSEEN);
    const count = Math.min(before.length, numbers.length);
    for (let flow = 0; flow < count; flow++) if (numbers[flow]! >= 0) this.ofFlow[numbers[flow]!] = before[flow]!;
  }

  private find(flow: number): number {
    const { flows } = this.model;
    const side = 1 - clientOf(this.model, flow);
    const key = `${this.hostOf(flow, side)} ${flows.portOf(flow, side)} ${flows.protocolOf(flow)}`;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    if (this.numbers.size >= SERVICES_MAX) {
      this.skipped++;
      return UNKNOWN;
    }
    const number = this.numbers.size;
    this.numbers.set(key, number);
    return number;
  }

  private grow(flow: number): void {
    const grown = new Int32Array(Math.max(flow + 1, this.ofFlow.length * 2)).fill(UNSEEN);
    grown.set(this.ofFlow);
    this.ofFlow = grown;
  }
}
