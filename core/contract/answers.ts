/** What the engine answers and tells by itself. Plain data; everything that came from the wire is untrusted text. */
import type { AlertAnswers } from './alerts.ts';
import type { ExportAnswers, Exporting } from './exports.ts';
import type { FlightState, RecordingAnswers, RecordingState } from './recording.ts';
import type { SessionAnswers } from './sessions.ts';
import type { Method } from './requests.ts';

/** A failure as a person reads it: what happened, where, and the one thing to do. */
export interface Trouble {
  code: string;
  what: string;
  where: string | null;
  hint: string | null;
}

export interface HelloAnswer {
  version: string;
  host: string;
  kernel: string;
  /** Can live traffic be watched from here, and if not, the one command that changes it. */
  capture: {
    possible: boolean;
    reason: string | null;
    command: string | null;
    /** The desktop app can install the helper that is missing. */
    installable: boolean;
  };
  btf: boolean;
  demo: boolean;
  /** Wireshark is on this machine, and so is whoever looks. */
  wireshark: boolean;
  /** Exports go to a path of the viewer's choice; false = they are fetched. */
  paths: boolean;
}

export interface InterfaceAnswer {
  name: string;
  index: number;
  kind: 'ethernet' | 'wifi' | 'loopback' | 'bridge' | 'tunnel' | 'veth' | 'other';
  detail: string;
  addresses: string[];
  driver: string | null;
  mtu: number;
  up: boolean;
  speedBps: number | null;
  /** The rung the ladder will try first, and why. */
  attach: { rung: string; reason: string };
  /** Counters of the device, for the page to make rates of. */
  rxBytes: number;
  txBytes: number;
  rxPackets: number;
  txPackets: number;
}

export type FilterAnswer =
  | { ok: true; matching: number; total: number }
  | { ok: false; position: number; length: number; message: string; fix: string | null };

export type FilterPart =
  'protocol' | 'field' | 'operator' | 'string' | 'number' | 'address' | 'keyword' | 'punctuation' | 'problem';

/** A range of a filter's text and what it is; in order, without overlaps, only white space is left out. */
export interface HighlightRange {
  readonly from: number;
  readonly to: number;
  readonly kind: FilterPart;
}

export interface CompletionAnswer {
  from: number;
  to: number;
  items: { text: string; detail: string }[];
}

export interface RecentAnswer {
  path: string;
  name: string;
  modified: string;
  bytes: number;
}

export interface LatencyAnswer {
  n: number;
  minUs: number;
  meanUs: number;
  p50Us: number;
  p90Us: number;
  p99Us: number;
  maxUs: number;
  jitterUs: number | null;
  /** Counts for a histogram drawing: [lower bound µs, count]. */
  bins: [number, number][];
}

export interface ProcessAnswer {
  pid: number;
  name: string;
  exe: string | null;
  commandLine: string | null;
  uid: number | null;
  started: string | null;
  cgroup: string | null;
  /** Container with image and pod, package or unit that it runs in, in words. */
  place: string | null;
  source: string;
}

/** What is done once for a connection, before its first exchange. */
export type SetupPart = 'dns' | 'connect' | 'tls';

/** Why a part of the time is not known: words of the summary, or one of these. */
export type SetupUnknown = 'own flow' | 'no handshake' | 'no tls' | 'not seen';

export interface OwnerAnswer {
  at: string | null;
  side: 'client' | 'server';
  pid: number;
  name: string;
  source: string;
}

/** What was recognised in the payload. */
export interface ApplicationAnswer {
  name: string | null;
  banner: string | null;
  dns: { question: string | null; type: string | null; code: string | null; questions: number } | null;
  tls: {
    serverName: string | null;
    alpn: string[];
    chosenAlpn: string | null;
    version: string | null;
    certificate: string | null;
    encryptedHello: boolean;
    resumed: boolean | null;
  } | null;
  http: { method: string | null; path: string | null; status: number | null; requests: number } | null;
}

export type WherePart =
  'network' | 'client kernel' | 'client application' | 'server kernel' | 'server application' | 'peer';

export interface EndAnswer {
  address: string;
  port: number | null;
  name: string | null;
  /** Autonomous system, organisation and country, or what the address's range is for: `AS64500 Example, DE`, `private`. */
  network: string;
  /** Every name this end goes by, best first, with where it comes from and when it was seen. */
  names: { name: string; source: string; at: string | null }[];
}

export interface FlowAnswer {
  flow: number;
  id: string;
  protocol: string;
  interface: string;
  client: EndAnswer;
  server: EndAnswer;
  roles: string;
  clientProcess: ProcessAnswer | null;
  clientProcessUnknown: string | null;
  serverProcess: ProcessAnswer | null;
  serverProcessUnknown: string | null;
  /** Ancestors of the local process, outermost first. */
  tree: { pid: number; name: string }[];
  startedNs: number;
  endedNs: number | null;
  started: string;
  ended: string | null;
  state: string;
  end: string | null;
  states: { atNs: number; from: string; to: string }[] | null;
  sent: { packets: number; bytes: number; payloadBytes: number };
  received: { packets: number; bytes: number; payloadBytes: number };
  connectUs: number | null;
  rtt: LatencyAnswer | null;
  response: LatencyAnswer | null;
  setup: { part: SetupPart; us: number | null; unknown: SetupUnknown | null }[];
  /** Where the time of the exchanges went: means; null with the reason where it cannot be seen. */
  where: { part: WherePart; meanUs: number | null; unknown: string | null }[];
  retransmits: number | null;
  resets: number;
  zeroWindows: number;
  /** What else TCP segments were, by summary's names (`outOfOrder`, `keepAlives` …), both directions; those that there were. */
  segments: { kind: string; count: number }[];
  drops: { reason: string; count: number }[];
  application: ApplicationAnswer;
  /** Each process that held the socket, in order; empty when it never changed. */
  owners: OwnerAnswer[];
  packetsStored: number;
}

export interface PacketRow {
  packet: number;
  atNs: number;
  time: string;
  outbound: boolean | null;
  /** client → server */
  fromClient: boolean;
  bytes: number;
  captured: number;
  kind: string;
  info: string;
}

/** A run of one side without a hole; or a hole: `missing` bytes and no data. */
export interface StreamPieceAnswer {
  fromClient: boolean;
  time: string;
  packet: number;
  /** base64; untrusted bytes. */
  data: string;
  missing: number;
  /** The hole is what the capture cut off packets that it has; else those packets were never seen. */
  cut: boolean;
}

export interface StreamAnswer {
  /** TCP, in order of sequence; else datagrams, in order of time. */
  ordered: boolean;
  pieces: StreamPieceAnswer[];
  /** More was said than is kept (1 MiB). */
  truncated: boolean;
}

export interface DecodedField {
  label: string;
  value: string;
  /** Where it stands in the packet's bytes. */
  offset: number;
  length: number;
}

export interface PacketAnswer extends PacketRow {
  interface: string;
  layers: { label: string; summary: string; offset: number; length: number; fields: DecodedField[] }[];
  /** base64 of the captured bytes. */
  data: string;
}

/** Databases of networks in use, of MMDB files: their own names, and the day they were made. */
export type DatabasesAnswer = { path: string; type: string; built: string }[];

export interface MeasureAnswer {
  packets: number;
  bytes: number;
  /** How far off either end may be; 0 = counted from the packets themselves. */
  resolutionNs: number;
}

/** The labels that the rules may give; what is wrong with their text, in a sentence with line and column. */
export interface LabelsAnswer {
  labels: string[];
  problem: string | null;
}

/** What a host has that was reached over ssh. */
export interface HostAnswer {
  /** Its own name. */
  name: string;
  interfaces: InterfaceAnswer[];
  /** Why the helper cannot run there; null = it can. */
  problem: Trouble | null;
  tcpdump: boolean;
}

export interface Answers extends ExportAnswers, RecordingAnswers, SessionAnswers, AlertAnswers {
  hello: HelloAnswer;
  interfaces: InterfaceAnswer[];
  attach: null;
  hosts: string[];
  hostConnect: HostAnswer;
  hostForget: null;
  detach: null;
  open: null;
  openDemo: null;
  recent: RecentAnswer[];
  stopReading: null;
  close: null;
  play: null;
  pause: null;
  seek: null;
  range: null;
  live: null;
  trouble: { atNs: number } | null;
  databases: DatabasesAnswer;
  labels: LabelsAnswer;
  filter: FilterAnswer;
  /** null = one of the texts is no filter. */
  refine: string | null;
  highlight: HighlightRange[];
  complete: CompletionAnswer;
  flow: FlowAnswer | null;
  packets: { total: number; rows: PacketRow[] };
  /** Places in the list of packets, in order; `most` = there may be more. */
  packetFind: { places: number[]; most: boolean };
  stream: StreamAnswer;
  measure: MeasureAnswer;
  packet: PacketAnswer | null;
  viewOpen: null;
  viewClose: null;
  viewAck: null;
  visible: null;
}

/** Everything the shell of the page shows; sent whole whenever any of it changes, at most ten times a second. */
export interface StateEvent {
  mode: 'idle' | 'attaching' | 'live' | 'opening' | 'replay';
  /** Name shown for the source: interfaces or the file. */
  source: { name: string; path: string | null; ours: boolean } | null;
  attached: { name: string; ingress: string; egress: string; up: boolean; reason: string }[];
  /** The host that is watched, when it is another one, and why it cannot be reached at the moment; null = it can. */
  remote: { name: string; lost: string | null } | null;
  recording: RecordingState | null;
  /** null = nothing is kept here, whatever is watched. */
  flight: FlightState | null;
  opening: { done: number; total: number } | null;
  exporting: Exporting | null;
  /** Session clock. Wall = epochNs + time since the first anchor, nanoseconds; as text because it passes 2^53. */
  clock: {
    epochNs: string;
    startNs: number;
    endNs: number;
    cursorNs: number;
    /** The cursor follows the newest data. */
    following: boolean;
    playing: boolean;
    rate: number;
  };
  /** Flows in the views, and those that ended so long ago that they are only in the totals (and in the file). */
  flows: number;
  folded: number;
  matching: number;
  filter: string;
  /** The chosen range of time, session ns; null = none. */
  range: { fromNs: number; toNs: number } | null;
  troubles: number;
  /** Findings of the session so far, and how many of them go on. */
  findings: number;
  activeFindings: number;
  /** The file was cut or damaged: not everything that was recorded can be shown. */
  truncated: boolean;
  /** What is wrong with it, where, and what could be read; null = nothing, or not known. */
  damage: string | null;
}

/** Health strip, twice a second. Rates are averages of the last second at the cursor. */
export interface StatsEvent {
  packetsPerSecond: number;
  bitsPerSecond: number;
  packets: number;
  bytes: number;
  lostEvents: number;
  lostPackets: number;
  lostFlowPackets: number;
  /** Percent of one core; null in replay. */
  helperCpu: number | null;
}

export interface NoticeEvent extends Trouble {
  level: 'error' | 'warning' | 'info';
}

export type EngineMessage =
  | { [M in Method]: { id: number; result: Answers[M] } }[Method]
  | { id: number; error: Trouble }
  | { event: 'state'; data: StateEvent }
  | { event: 'stats'; data: StatsEvent }
  | { event: 'notice'; data: NoticeEvent };
