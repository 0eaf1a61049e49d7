/**
 * The flow model as FlowFields. Accessors read columns; they stay valid while the model lives, whatever it grows to.
 * Texts are decoded once per interned string. What is concluded from a socket's history (state, end, owner) is asked
 * of the model each time, since it changes without the flow being touched; such fields are tried last (tests.ts).
 */
import { FEATURE_DROPS } from '../abi/generated.ts';
import { COUNTERS } from '../flow/flows.ts';
import type { Distribution } from '../flow/histogram.ts';
import type { FlowModel } from '../flow/model.ts';
import { PROTOCOL_TCP, PROTOCOL_SCTP, PROTOCOL_UDP, ROLES } from '../flow/names.ts';
import {
  answersOf,
  applicationOf,
  bannerOf,
  dnsOf,
  handshakeNsOf,
  httpOf,
  TIMED,
  tlsOf,
} from '../flow/application-facts.ts';
import { ownerOfSide } from '../flow/owners.ts';
import { nameOf, nameSourceOf } from '../flow/peer-name.ts';
import {
  containerName,
  packageOfProcess,
  placeOfProcess,
  scriptOfProcess,
  type Container,
} from '../processes/places.ts';
import { nameOfProcess } from '../processes/process-name.ts';
import { PROCESS_PARENT_KNOWN, PROCESS_UID_KNOWN } from '../flow/processes.ts';
import { RowMemory } from '../flow/row-memory.ts';
import { clientOf, rolesOf } from '../flow/roles.ts';
import { connectNsOf, lifeOf, resetsOf, responseOf, retransmitsOf, rttOf, zeroWindowsOf } from '../flow/state.ts';
import { NetworkPlaces } from '../place/places.ts';
import { duplicateAcksOf, outOfOrderOf, segmentsOf } from '../flow/tcp-trouble.ts';
import type { FlowFields } from './flow-fields.ts';
import { SEGMENT_FIELDS, type SegmentField } from './segment-fields.ts';

type NumberOf = (flow: number) => number;
type TextOf = (flow: number) => string | null;

/** What the model does not hold itself; fields that depend on what is left out are unknown. */
export interface Surroundings {
  /** `id` of the flow in summaries. */
  readonly id?: (flow: number) => string;
  readonly labels?: (flow: number) => readonly string[];
  readonly userName?: (uid: number) => string | null;
  /** Ranges, and whose networks they are. */
  readonly places?: NetworkPlaces;
}

const COUNTER_NAMES = ['packets', 'bytes', 'payload', 'frames'] as const;
const PART_NAMES: Readonly<Record<string, keyof Distribution>> = {
  n: 'n',
  min: 'minNs',
  mean: 'meanNs',
  p50: 'p50Ns',
  p90: 'p90Ns',
  p99: 'p99Ns',
  max: 'maxNs',
  jitter: 'jitterNs',
};
/** Decoded strings kept; beyond it the memory begins anew. */
const DECODED_MAX = 100_000;

/** The side of `client.…` or `server.…`. */
function sideOf(model: FlowModel, server: boolean): NumberOf {
  return server ? (flow) => 1 - clientOf(model, flow) : (flow) => clientOf(model, flow);
}

function swapped(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

function segmentCounter(which: SegmentField): (model: FlowModel, flow: number, side: number) => number | null {
  if (which === 'outOfOrder') return outOfOrderOf;
  if (which === 'duplicateAcks') return duplicateAcksOf;
  return (model, flow, side) => segmentsOf(model, flow, side, which);
}

function orNaN(value: number | null): number {
  return value ?? NaN;
}

class ModelFields implements FlowFields {
  private readonly model: FlowModel;
  private readonly surroundings: Surroundings;
  private readonly places: NetworkPlaces;
  private readonly decoded: RowMemory<string>;
  private readonly numbers: ReadonlyMap<string, NumberOf>;
  private readonly texts: ReadonlyMap<string, TextOf>;
  private readonly decoder = new TextDecoder();
  private alpnId = 0;
  private alpnFoldings = 0;
  private alpn: readonly string[] = [];

  constructor(model: FlowModel, surroundings: Surroundings) {
    this.model = model;
    this.decoded = new RowMemory(model, DECODED_MAX);
    this.surroundings = surroundings;
    this.places = surroundings.places ?? new NetworkPlaces(model, null);
    this.numbers = new Map([
      ...this.basics(),
      ...this.traffic(),
      ...this.latency(),
      ...this.processNumbers(),
      ...this.networkNumbers(),
    ]);
    this.texts = new Map([...this.flowTexts(), ...this.processTexts(), ...this.networkTexts()]);
  }

  number(field: string): NumberOf | null {
    return this.numbers.get(field) ?? null;
  }

  text(field: string): TextOf | null {
    return this.texts.get(field) ?? null;
  }

  list(field: string): ((flow: number, index: number) => string | null) | null {
    const { model } = this;
    const { flows } = model;
    if (field === 'label') {
      const { labels } = this.surroundings;
      return labels === undefined ? null : (flow, index) => labels(flow)[index] ?? null;
    }
    if (field === 'tls.alpn')
      return (flow, index) => {
        const row = flows.application.data[flow]!;
        return row < 0 ? null : (this.alpnOf(model.applications.tlsAlpn.data[row]!)[index] ?? null);
      };
    if (field !== 'drop.reason') return null;
    return (flow, index) => {
      let drop = flows.drops.data[flow]!;
      for (let i = 0; i < index && drop >= 0; i++) drop = model.dropNext.data[drop]!;
      return drop < 0 ? null : this.reason(model.dropReason.data[drop]!);
    };
  }

  address(field: string): ((flow: number, word: number) => number) | null {
    if (field !== 'client.addr' && field !== 'server.addr') return null;
    const { flows } = this.model;
    const side = sideOf(this.model, field === 'server.addr');
    return (flow, word) => swapped(flows.key.data[flows.addressWord(flow, side(flow)) + word]!);
  }

  zone(): TextOf {
    return this.interfaceName;
  }

  /** Through the anchors in force there: a step of the wall clock moves labels, and with them the answer. */
  fromStart(epochNs: bigint): number {
    const { clock } = this.model;
    let atNs = 0;
    for (let i = 0; i < 3; i++) {
      const wallNs = clock.wallNs(atNs);
      if (wallNs === null) return NaN;
      atNs += Number(epochNs - wallNs);
    }
    return atNs;
  }

  private readonly interfaceName: TextOf = (flow) => {
    const name = this.model.interfaces.get(this.model.flows.ifaceOf(flow))?.name ?? '';
    return name === '' ? null : name;
  };

  private basics(): [string, NumberOf][] {
    const { model } = this;
    const { flows } = model;
    const port = (server: boolean): NumberOf => {
      const side = sideOf(model, server);
      return (flow) => {
        const protocol = flows.protocolOf(flow);
        const has = protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP;
        return has ? flows.portOf(flow, side(flow)) : NaN;
      };
    };
    return [
      ['protocol', (flow) => flows.protocolOf(flow)],
      ['family', (flow) => flows.familyOf(flow)],
      ['client.port', port(false)],
      ['server.port', port(true)],
      ['netns', (flow) => (model.interfaces.get(flows.ifaceOf(flow))?.netns ?? model.netns) || NaN],
      ['started', (flow) => flows.firstNs.data[flow]!],
      ['ended', (flow) => lifeOf(model, flow).endedNs],
      ['duration', (flow) => this.durationOf(flow)],
      ['age', (flow) => model.nowNs - flows.firstNs.data[flow]!],
      ['idle', (flow) => model.nowNs - flows.lastNs.data[flow]!],
      ['resets', (flow) => orNaN(resetsOf(model, flow))],
      ['zero_windows', (flow) => orNaN(zeroWindowsOf(model, flow))],
      ['drops', (flow) => this.dropsOf(flow)],
    ];
  }

  private durationOf(flow: number): number {
    const { endedNs } = lifeOf(this.model, flow);
    return (Number.isNaN(endedNs) ? this.model.nowNs : endedNs) - this.model.flows.firstNs.data[flow]!;
  }

  private dropsOf(flow: number): number {
    const { model } = this;
    let drop = model.flows.drops.data[flow]!;
    if (drop < 0 && (model.countsFromPackets || (model.features & FEATURE_DROPS) === 0)) return NaN;
    let sum = 0;
    for (; drop >= 0; drop = model.dropNext.data[drop]!) sum += model.dropCount.data[drop]!;
    return sum;
  }

  private traffic(): [string, NumberOf][] {
    const { model } = this;
    const { flows } = model;
    const all: [string, NumberOf][] = [];
    const put = (name: string, sent: NumberOf, received: NumberOf, both: NumberOf): void => {
      all.push([name, both], [`sent.${name}`, sent], [`received.${name}`, received]);
    };
    const counted = new Map<string, readonly [NumberOf, NumberOf, NumberOf]>();
    COUNTER_NAMES.forEach((name, i) => {
      const from = (flow: number, side: number): number => flows.counters.data[(flow * 2 + side) * COUNTERS + i]!;
      const sent: NumberOf = (flow) => from(flow, clientOf(model, flow));
      const received: NumberOf = (flow) => from(flow, 1 - clientOf(model, flow));
      const both: NumberOf = (flow) => from(flow, 0) + from(flow, 1);
      counted.set(name, [sent, received, both]);
      put(name, sent, received, both);
    });
    const bytes = counted.get('bytes')!;
    const rate = (count: NumberOf): NumberOf => {
      return (flow) => {
        const ns = this.durationOf(flow);
        return ns > 0 ? (count(flow) * 1e9) / ns : NaN;
      };
    };
    put('rate', rate(bytes[0]), rate(bytes[1]), rate(bytes[2]));
    const sided = (name: string, of: (model: FlowModel, flow: number, side: number) => number | null): void => {
      const from = (flow: number, side: number): number => orNaN(of(model, flow, side));
      const both: NumberOf = (flow) => {
        const [lo, hi] = [of(model, flow, 0), of(model, flow, 1)];
        return lo === null && hi === null ? NaN : (lo ?? 0) + (hi ?? 0);
      };
      put(
        name,
        (flow) => from(flow, clientOf(model, flow)),
        (flow) => from(flow, 1 - clientOf(model, flow)),
        both,
      );
    };
    sided('retransmits', retransmitsOf);
    for (const [name, which] of SEGMENT_FIELDS) sided(name, segmentCounter(which));
    return all;
  }

  private latency(): [string, NumberOf][] {
    const { model } = this;
    const all: [string, NumberOf][] = [
      ['connect', (flow) => connectNsOf(model, flow)],
      ['tls.handshake', (flow) => handshakeNsOf(model, flow)],
      ['http.status', (flow) => httpOf(model, flow, () => null)?.status ?? NaN],
      ['tls.ech', (flow) => orNaN(Number(tlsOf(model, flow, () => null)?.encryptedHello ?? NaN))],
    ];
    for (const [metric, histogramOf] of [
      ['rtt', rttOf],
      ['response', responseOf],
      ...TIMED.map((protocol) => [protocol, (of: FlowModel, flow: number) => answersOf(of, flow, protocol)] as const),
    ] as const) {
      let memo: Distribution | null = null;
      let memoOf = -1;
      let { foldings } = model;
      // Several parts of one flow are usually asked for in a row; more samples make another distribution.
      const read = (flow: number): Distribution | null => {
        const histogram = histogramOf(model, flow);
        if (histogram < 0) return null;
        if (histogram !== memoOf || foldings !== model.foldings || memo?.n !== model.histograms.samples(histogram)) {
          memo = model.histograms.read(histogram);
          memoOf = histogram;
          foldings = model.foldings;
        }
        return memo;
      };
      for (const [part, key] of Object.entries(PART_NAMES))
        all.push([`${metric}.${part}`, (flow) => orNaN(read(flow)?.[key] ?? null)]);
    }
    return all;
  }

  /** Row of the process at a side, -1 = not known. */
  private processAt(server: boolean): NumberOf {
    const side = sideOf(this.model, server);
    return (flow) => ownerOfSide(this.model, flow, side(flow)).process;
  }

  private processNumbers(): [string, NumberOf][] {
    const { processes } = this.model;
    return (['client', 'server'] as const).flatMap((end): [string, NumberOf][] => {
      const at = this.processAt(end === 'server');
      const has = (process: number, flag: number): boolean =>
        process >= 0 && (processes.flags.data[process]! & flag) !== 0;
      return [
        [
          `${end}.process.pid`,
          (flow) => {
            const process = at(flow);
            return process < 0 ? NaN : processes.pid.data[process]!;
          },
        ],
        [
          `${end}.process.uid`,
          (flow) => {
            const process = at(flow);
            return has(process, PROCESS_UID_KNOWN) ? processes.uid.data[process]! : NaN;
          },
        ],
        [
          `${end}.parent.pid`,
          (flow) => {
            const process = at(flow);
            return has(process, PROCESS_PARENT_KNOWN) ? processes.parentPid.data[process]! : NaN;
          },
        ],
      ];
    });
  }

  private flowTexts(): [string, TextOf][] {
    const { model } = this;
    const { id } = this.surroundings;
    const name = (server: boolean): TextOf => {
      const side = sideOf(model, server);
      return (flow) => this.string(nameOf(model, flow, side(flow)));
    };
    const all: [string, TextOf][] = [
      ['client.name', name(false)],
      ['server.name', name(true)],
      ['interface', this.interfaceName],
      ['state', (flow) => lifeOf(model, flow).state],
      ['end', (flow) => lifeOf(model, flow).end],
      ['roles', (flow) => ROLES[rolesOf(model, flow)] ?? null],
      ...this.applicationTexts(),
    ];
    if (id !== undefined) all.push(['id', id]);
    return all;
  }

  /** What the payload said. */
  private applicationTexts(): [string, TextOf][] {
    const { model } = this;
    const text = (string: number): string | null => this.string(string);
    const source = (server: boolean): TextOf => {
      const side = sideOf(model, server);
      return (flow) => nameSourceOf(model, flow, side(flow));
    };
    return [
      ['client.name_source', source(false)],
      ['server.name_source', source(true)],
      ['application', (flow) => applicationOf(model, flow)],
      ['banner', (flow) => bannerOf(model, flow, text)],
      ['dns.question', (flow) => dnsOf(model, flow, text)?.question ?? null],
      ['dns.type', (flow) => dnsOf(model, flow, text)?.type ?? null],
      ['dns.code', (flow) => dnsOf(model, flow, text)?.code ?? null],
      ['tls.sni', (flow) => tlsOf(model, flow, text)?.serverName ?? null],
      ['tls.version', (flow) => tlsOf(model, flow, text)?.version ?? null],
      ['tls.certificate', (flow) => tlsOf(model, flow, text)?.certificate ?? null],
      ['http.method', (flow) => httpOf(model, flow, text)?.method ?? null],
      ['http.path', (flow) => httpOf(model, flow, text)?.path ?? null],
    ];
  }

  private networkNumbers(): [string, NumberOf][] {
    const { places } = this;
    return [false, true].map((server) => {
      const side = sideOf(this.model, server);
      return [`${server ? 'server' : 'client'}.asn`, (flow) => orNaN(places.owner(flow, side(flow)).asn)];
    });
  }

  private networkTexts(): [string, TextOf][] {
    const { model, places } = this;
    return [false, true].flatMap((server): [string, TextOf][] => {
      const [end, side] = [server ? 'server' : 'client', sideOf(model, server)];
      return [
        [`${end}.network`, (flow) => places.network(flow, side(flow))],
        [`${end}.organisation`, (flow) => places.owner(flow, side(flow)).organisation],
        [`${end}.country`, (flow) => places.owner(flow, side(flow)).country],
      ];
    });
  }

  private processTexts(): [string, TextOf][] {
    const { model } = this;
    const { processes } = model;
    const { userName } = this.surroundings;
    return (['client', 'server'] as const).flatMap((end): [string, TextOf][] => {
      const at = this.processAt(end === 'server');
      const text = (of: (process: number) => string | null): TextOf => {
        return (flow) => {
          const process = at(flow);
          return process < 0 ? null : of(process);
        };
      };
      const all: [string, TextOf][] = [
        [`${end}.process.name`, text((process) => this.processName(process))],
        [`${end}.process.exe`, text((process) => this.string(processes.exe.data[process]!))],
        [`${end}.process.cmdline`, text((process) => this.string(processes.args.data[process]!))],
        [`${end}.process.cgroup`, text((process) => this.cgroup(process))],
        ...placeTexts(model).map(([part, of]): [string, TextOf] => [`${end}.process.${part}`, text(of)]),
      ];
      if (userName !== undefined) {
        const known = (process: number): boolean => (processes.flags.data[process]! & PROCESS_UID_KNOWN) !== 0;
        const user = text((process) => (known(process) ? userName(processes.uid.data[process]!) : null));
        all.push([`${end}.process.user`, user]);
      }
      return all;
    });
  }

  /** By which text it was made from: comm, unless that is only the beginning of the program's name. */
  private processName(process: number): string | null {
    const { processes, strings } = this.model;
    const comm = processes.comm.data[process]!;
    if (comm === 0 || strings.bytesOf(comm - 1).length < 15) return this.string(comm);
    const name = nameOfProcess(this.model, process);
    return name === null ? null : this.decoder.decode(name);
  }

  /** Path of the process's control group, once somebody told it. */
  private cgroup(process: number): string | null {
    const { processes, cgroups } = this.model;
    return this.string(cgroups.pathOf(processes.cgroupLow.data[process]!, processes.cgroupHigh.data[process]!) + 1);
  }

  /** The interned string with that number + 1; arguments are joined by spaces. Null for 0. */
  private string(number: number): string | null {
    if (number === 0) return null;
    const known = this.decoded.get(number);
    if (known !== undefined) return known;
    const text = this.model.strings
      .text(number - 1)
      .replace(/\0+$/, '')
      .replaceAll('\0', ' ');
    this.decoded.set(number, text);
    return text;
  }

  private alpnOf(number: number): readonly string[] {
    if (number === this.alpnId && this.model.foldings === this.alpnFoldings) return this.alpn;
    this.alpnId = number;
    this.alpnFoldings = this.model.foldings;
    this.alpn = number === 0 ? [] : this.model.strings.text(number - 1).split('\0');
    return this.alpn;
  }

  private reason(reason: number): string {
    const { reasons, reasonName } = this.model;
    const name = reason < reasons.count ? reasonName.data[reason]! : 0;
    return this.string(name) ?? String(reason);
  }
}

/** Where a process runs, and what. */
function placeTexts(model: FlowModel): [part: string, of: (process: number) => string | null][] {
  const container = (process: number): Container | null => placeOfProcess(model, process).container;
  return [
    ['unit', (process) => placeOfProcess(model, process).unit],
    [
      'container',
      (process) => {
        const found = container(process);
        return found && containerName(found);
      },
    ],
    ['image', (process) => container(process)?.image ?? null],
    ['pod', (process) => container(process)?.pod ?? null],
    ['namespace', (process) => container(process)?.namespace ?? null],
    ['workload', (process) => container(process)?.workload ?? null],
    ['package', (process) => packageOfProcess(model, process)?.name ?? null],
    ['script', (process) => scriptOfProcess(model, process)],
  ];
}

/** Fields of a model's flows, for `compile`. */
export function modelFields(model: FlowModel, surroundings: Surroundings = {}): FlowFields {
  return new ModelFields(model, surroundings);
}
