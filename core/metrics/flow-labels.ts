/** What a flow is counted under: the values of the labels, worked out from the model. */
import { addressText, decode } from '../summary/text.ts';
import { containerName, NOWHERE, placeOfProcess } from '../processes/places.ts';
import { processName } from '../summary/process.ts';
import { localSide } from '../flow/local-side.ts';
import type { FlowModel } from '../flow/model.ts';
import {
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  protocolName,
  ROLES_CONNECT,
  ROLES_PORT,
  ROLES_SYN,
} from '../flow/names.ts';
import { nameOf } from '../flow/peer-name.ts';
import { clientOf, rolesOf } from '../flow/roles.ts';
import type { PeerGroups } from './peer-groups.ts';

/**
 * `process`, `unit`, `container`, `pod` and its `namespace`: of this machine's end. `service`: what the rules of the configuration call the flow.
 * `peer`: its group of addresses. `role`: what this machine is in it. `port`: the server's, where it is a service's.
 * `name`: the peer's name, `address`: its address; both only when asked for.
 */
export const LABEL_NAMES = [
  'process',
  'unit',
  'container',
  'pod',
  'namespace',
  'service',
  'peer',
  'role',
  'protocol',
  'port',
  'name',
  'address',
] as const;
export type LabelName = (typeof LABEL_NAMES)[number];

const ON_REQUEST: ReadonlySet<LabelName> = new Set(['name', 'address']);
export const DEFAULT_LABELS: readonly LabelName[] = LABEL_NAMES.filter((name) => !ON_REQUEST.has(name));

export interface LabelOptions {
  readonly names: readonly LabelName[];
  readonly peers: PeerGroups;
  /** First port that the kernel gives out by itself (ip_local_port_range): from there on a port says nothing. */
  readonly ephemeralFrom: number;
  /** What a rule calls the flow; null = nothing. */
  readonly serviceOf: (flow: number) => string | null;
}

/** While the owner of a fresh flow is not known, it is waited for this long, ns: labels of what was counted never change. */
const PATIENCE_NS = 1e9;
const LONG_PATIENCE_NS = 5e9;

export class FlowLabels {
  readonly options: LabelOptions;
  readonly #model: FlowModel;
  readonly #values: Record<LabelName, string>;

  constructor(model: FlowModel, options: LabelOptions) {
    this.#model = model;
    this.options = options;
    this.#values = { process: '', unit: '', container: '', pod: '', namespace: '', service: '', peer: '', role: '', protocol: '', port: '', name: '', address: '' }; // prettier-ignore
  }

  /** Side of this machine: what its end sent is "sent". */
  localSideOf(flow: number): number {
    return localSide(this.#model, flow).side;
  }

  /** What is known may still change: the owner of a socket is told when it is used, the path of a group a little later. */
  waits(flow: number): boolean {
    const model = this.#model;
    const age = model.nowNs - model.flows.firstNs.data[flow]!;
    if (age > LONG_PATIENCE_NS) return false;
    const { process, unknown } = localSide(model, flow);
    if (process < 0) return age < (unknown === 'not yet used' ? LONG_PATIENCE_NS : PATIENCE_NS);
    const { cgroupLow, cgroupHigh } = model.processes;
    const [low, high] = [cgroupLow.data[process]!, cgroupHigh.data[process]!];
    return (low | high) !== 0 && model.cgroups.pathOf(low, high) < 0;
  }

  /** The values, in the order of `options.names`. */
  of(flow: number): string[] {
    const model = this.#model;
    const { flows } = model;
    const { side, inbound, process, peerProcess, unknown } = localSide(model, flow);
    const values = this.#values;
    const { unit, container } = process < 0 ? NOWHERE : placeOfProcess(model, process);
    const protocol = flows.protocolOf(flow);
    const peer = 1 - side;
    values.process = process < 0 ? '' : processName(model, process);
    values.unit = unit ?? '';
    values.container = container === null ? '' : containerName(container);
    values.pod = container?.pod ?? '';
    values.namespace = container?.namespace ?? '';
    values.service = this.options.serviceOf(flow) ?? '';
    values.peer = this.options.peers.of(flows.key.data, flows.addressWord(flow, peer), flows.familyOf(flow));
    const between = process < 0 && peerProcess < 0 && unknown === 'remote';
    values.role = between ? 'forwarded' : inbound ? 'server' : 'client';
    values.protocol = protocolName(protocol);
    values.port = this.#servicePort(flow, protocol);
    const wanted = this.options.names;
    values.name = wanted.includes('name') ? this.#peerName(flow, peer) : '';
    values.address = wanted.includes('address')
      ? addressText(flows.key.data, flows.addressWord(flow, peer), flows.familyOf(flow))
      : '';
    return wanted.map((name) => values[name]);
  }

  #peerName(flow: number, peer: number): string {
    const name = nameOf(this.#model, flow, peer);
    return name === 0 ? '' : decode(this.#model.strings.bytesOf(name - 1)).text;
  }

  /** The server's port, unless it is one that the kernel gives out or nobody knows who the server is. */
  #servicePort(flow: number, protocol: number): string {
    if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP && protocol !== PROTOCOL_SCTP) return '';
    const port = this.#model.flows.portOf(flow, 1 - clientOf(this.#model, flow));
    const roles = rolesOf(this.#model, flow);
    const known = roles === ROLES_SYN || roles === ROLES_CONNECT || roles === ROLES_PORT;
    return known && port > 0 && port < this.options.ephemeralFrom ? String(port) : '';
  }
}
