/** What views say of a flow, in words: which side is this machine, its process and group, the peer. */
import { TROUBLE } from '../contract/tables.ts';
import { ipv4Text, ipv6Text } from '../dissect/address.ts';
import { COUNTERS } from '../flow/flows.ts';
import type { FlowModel } from '../flow/model.ts';
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP, protocolName } from '../flow/names.ts';
import { localSide } from '../flow/local-side.ts';
import { nameOf } from '../flow/peer-name.ts';
import { RowMemory } from '../flow/row-memory.ts';
import { PROTOCOL_LABELS, PROTOCOLS, tlsVersionText } from '../flow/applications.ts';
import { clientOf } from '../flow/roles.ts';
import { containerName, NOWHERE, packageOfProcess, placeOfProcess, scriptOfProcess } from '../processes/places.ts';
import { processName } from '../summary/process.ts';
import type { Surroundings } from '../filter/adapter.ts';
import type { Owner } from '../place/databases.ts';
import { networkText, NetworkPlaces } from '../place/places.ts';
import type { Network } from '../place/ranges.ts';
import { lifeOf, resetsOf, retransmitsOf } from '../flow/state.ts';

/** Reused by `FlowWords.read`: read it before the next call. */
export interface Words {
  /** Side of this machine: its process is the left end. */
  local: number;
  /** Row of `processes`, −1 = unknown. */
  process: number;
  processName: string | null;
  pid: number;
  unknown: string | null;
  /** Name of the script that it runs, which is then `processName`. */
  script: string | null;
  unit: string | null;
  container: string | null;
  pod: string | null;
  group: string | null;
  groupKind: string;
  peerAddress: string;
  peerName: string | null;
  /** Port that means something: the server's; 0 when the peer is the client. */
  peerPort: number;
  /** Name of the peer's process when it runs here too. */
  peerProcess: string | null;
  /** Its row of `processes`, −1 = it does not run here, or is unknown. */
  peerProcessRow: number;
  inbound: boolean;
  protocol: string;
  application: string | null;
}

const DECODED_MAX = 50_000;

export class FlowWords {
  readonly model: FlowModel;
  private readonly texts: RowMemory<string>;
  private readonly addresses: RowMemory<string>;
  private readonly bytes = new Uint8Array(16);
  private readonly words: Words = {
    local: 0,
    process: -1,
    processName: null,
    pid: 0,
    unknown: null,
    script: null,
    unit: null,
    container: null,
    pod: null,
    group: null,
    groupKind: '',
    peerAddress: '',
    peerName: null,
    peerPort: 0,
    peerProcess: null,
    peerProcessRow: -1,
    inbound: false,
    protocol: '',
    application: null,
  };

  /** What is known beside the model. */
  readonly surroundings: Surroundings;
  private readonly places: NetworkPlaces;

  constructor(model: FlowModel, surroundings: Surroundings = {}) {
    this.model = model;
    this.texts = new RowMemory(model, DECODED_MAX);
    this.addresses = new RowMemory(model, DECODED_MAX);
    this.surroundings = surroundings;
    this.places = surroundings.places ?? new NetworkPlaces(model, null);
  }

  /** Labels of the user's rules. */
  labels(flow: number): readonly string[] {
    return this.surroundings.labels?.(flow) ?? [];
  }

  /** Whose network a side's address is in, as far as databases tell. */
  owner(flow: number, side: number): Owner {
    return this.places.owner(flow, side);
  }

  /** What the range of a side's address is for. */
  range(flow: number, side: number): Network {
    return this.places.network(flow, side);
  }

  /** Whose network a side's address is in, else what its range is for. */
  network(flow: number, side: number): string {
    return networkText(this.range(flow, side), this.places.owner(flow, side));
  }

  read(flow: number): Words {
    const { model, words } = this;
    const { flows } = model;
    const { side: local, process: mine, peerProcess: theirs, inbound, unknown } = localSide(model, flow);
    words.local = local;
    words.inbound = inbound;
    words.process = mine;
    words.processName = mine < 0 ? null : this.processName(mine);
    words.pid = mine < 0 ? 0 : model.processes.pid.data[mine]!;
    words.unknown = unknown;
    this.place(mine);
    const peer = 1 - local;
    words.peerAddress = this.address(flow, peer);
    words.peerName = this.text(nameOf(model, flow, peer));
    words.peerProcess = theirs < 0 ? null : this.processName(theirs);
    words.peerProcessRow = theirs;
    const protocol = flows.protocolOf(flow);
    const ported = protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP;
    words.peerPort = ported && !words.inbound ? flows.portOf(flow, peer) : 0;
    words.protocol = protocolName(protocol);
    words.application = this.application(flow);
    return words;
  }

  /** Where the process of this machine runs. */
  private place(process: number): void {
    const { model, words } = this;
    const place = process < 0 ? NOWHERE : placeOfProcess(model, process);
    words.script = process < 0 ? null : scriptOfProcess(model, process);
    words.unit = place.unit;
    words.container = place.container === null ? null : containerName(place.container);
    words.pod = place.container?.pod ?? null;
    // What only the executable's path tells: an AppImage runs in the session's scope.
    const app = process < 0 || place.container !== null ? null : packageOfProcess(model, process);
    words.group = app?.name ?? place.group;
    words.groupKind = app?.kind ?? place.groupKind;
  }

  /** Application protocol as tables show it: `TLS 1.3 h2`, `HTTP`, `DNS`; null = not recognised. */
  private application(flow: number): string | null {
    const { applications, flows } = this.model;
    const row = flows.application.data[flow]!;
    const protocol = row < 0 ? null : (PROTOCOLS[applications.protocol.data[row]!] ?? null);
    if (protocol === null) return null;
    if (protocol !== 'tls' && protocol !== 'quic') return PROTOCOL_LABELS[protocol];
    const chosen = this.text(applications.tlsChosen.data[row]!) ?? this.text(applications.tlsAlpn.data[row]!) ?? '';
    const version = tlsVersionText(applications.tlsVersion.data[row]!);
    return `${PROTOCOL_LABELS[protocol]} ${version ?? ''} ${chosen.replaceAll('\0', ' ')}`.replace(/ +/g, ' ').trim();
  }

  /** Port of the server, 0 where there is none. */
  serverPort(flow: number): number {
    const protocol = this.model.flows.protocolOf(flow);
    const ported = protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP;
    return ported ? this.model.flows.portOf(flow, 1 - clientOf(this.model, flow)) : 0;
  }

  /** Canonical text of a side's address. */
  address(flow: number, side: number): string {
    const key = flow * 2 + side;
    const known = this.addresses.get(key);
    if (known !== undefined) return known;
    const { flows } = this.model;
    const word = flows.addressWord(flow, side);
    for (let i = 0; i < 16; i++) this.bytes[i] = (flows.key.data[word + (i >> 2)]! >>> ((i & 3) * 8)) & 0xff;
    const text = flows.familyOf(flow) === 4 ? ipv4Text(this.bytes, 0) : ipv6Text(this.bytes, 0);
    this.addresses.set(key, text);
    return text;
  }

  /** Its name, else its number. */
  processName(process: number): string {
    return processName(this.model, process) || `process ${this.model.processes.pid.data[process]!}`;
  }

  /** An interned string + 1; null for 0. */
  text(number: number): string | null {
    if (number === 0) return null;
    let text = this.texts.get(number);
    if (text === undefined) {
      text = this.model.strings.text(number - 1);
      this.texts.set(number, text);
    }
    return text;
  }
}

/** Trouble bits of a flow, from its state now. */
export function troubleOf(model: FlowModel, flow: number): number {
  const { flows } = model;
  let bits = 0;
  if ((retransmitsOf(model, flow, 0) ?? 0) + (retransmitsOf(model, flow, 1) ?? 0) > 0) bits |= TROUBLE.retransmit;
  if (flows.drops.data[flow]! >= 0) bits |= TROUBLE.drop;
  if (flows.zeroWindows.data[flow * 2]! + flows.zeroWindows.data[flow * 2 + 1]! > 0) bits |= TROUBLE.zeroWindow;
  const { end } = lifeOf(model, flow);
  if (end === 'refused') bits |= TROUBLE.refused;
  else if (end === 'timeout') bits |= TROUBLE.timeout;
  else if ((resetsOf(model, flow) ?? 0) > 0) bits |= TROUBLE.reset;
  return bits;
}

/** Counter of a side (0 packets, 1 bytes, 2 payload). */
export const counterOf = (model: FlowModel, flow: number, side: number, which: number): number =>
  model.flows.counters.data[(flow * 2 + side) * COUNTERS + which]!;
