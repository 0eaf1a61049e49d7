/** Network and place of both ends of a flow. */
import { ipv4Text, ipv6Text } from '../dissect/address.ts';
import type { FlowModel } from '../flow/model.ts';
import { RowMemory } from '../flow/row-memory.ts';
import { NO_OWNER, type Databases, type Owner } from './databases.ts';
import { networkOf, type Network } from './ranges.ts';

const REMEMBERED_MAX = 100_000;

/** Looks each address of a model up once. */
export class NetworkPlaces {
  readonly #model: FlowModel;
  readonly #databases: Databases | null;
  /** By flow and side. */
  readonly #owners: RowMemory<Owner>;
  readonly #byAddress = new Map<string, Owner>();

  constructor(model: FlowModel, databases: Databases | null) {
    this.#model = model;
    this.#owners = new RowMemory(model, REMEMBERED_MAX);
    this.#databases = databases;
  }

  /** What the range of that side's address is for. */
  network(flow: number, side: number): Network {
    const { flows } = this.#model;
    return networkOf(flows.key.data, flows.addressWord(flow, side), flows.familyOf(flow));
  }

  /** Whose network it is in, as far as the databases tell. */
  owner(flow: number, side: number): Owner {
    if (this.#databases === null) return NO_OWNER;
    const key = flow * 2 + side;
    let owner = this.#owners.get(key);
    if (owner === undefined) {
      owner = this.#lookup(flow, side, this.#databases);
      this.#owners.set(key, owner);
    }
    return owner;
  }

  #lookup(flow: number, side: number, databases: Databases): Owner {
    const { flows } = this.#model;
    const { buffer, byteOffset } = flows.key.data;
    const bytes = new Uint8Array(buffer, byteOffset + flows.addressWord(flow, side) * 4, 16);
    const address = flows.familyOf(flow) === 4 ? ipv4Text(bytes, 0) : ipv6Text(bytes, 0);
    let owner = this.#byAddress.get(address);
    if (owner === undefined) {
      owner = databases.lookup(address);
      if (this.#byAddress.size >= REMEMBERED_MAX) this.#byAddress.clear();
      this.#byAddress.set(address, owner);
    }
    return owner;
  }
}

/** Whose network an address is in, else what its range is for: `AS64500 Example, DE`, `private`. */
export function networkText(network: Network, { asn, organisation, country }: Owner): string {
  const system = [asn === null ? null : `AS${asn}`, organisation].filter((part) => part !== null).join(' ');
  const text = [system === '' ? null : system, country].filter((part) => part !== null).join(', ');
  return text === '' ? network : text;
}
