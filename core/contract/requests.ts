/**
 * What a page may ask of the engine. One handler table serves both transports (MessagePort and WebSocket); each
 * request is validated here, at the boundary, before a handler sees it.
 *
 * A request travels as `{ id, method, params }`, its answer as `{ id, result }` or `{ id, error }`.
 */
import { z } from 'zod';
import { alertRequests } from './alerts.ts';
import { exportRequests } from './exports.ts';
import { recordingRequests } from './recording.ts';
import { sessionRequests } from './sessions.ts';

const name = z.string().min(1).max(256);
/** user@host, a name of ssh_config, or ssh://user@host:port. */
const destination = z.string().min(1).max(255);
const path = z.string().min(1).max(4096);
/** Nanoseconds since the session's first anchor; a double is exact to the nanosecond for 104 days. */
const sessionNs = z.number().finite().min(0);
const viewId = z.number().int().min(1).max(0xffff);

export const graphParams = z.strictObject({
  kind: z.literal('graph'),
  /** Edges wanted at most; what is left is folded into "+N" rows. */
  edges: z.number().int().min(1).max(5000).default(400),
  /** Plates that processes stand on: none, the container, unit or session, or the user. */
  groupLeft: z.enum(['process', 'unit', 'user']).default('process'),
  /** What a peer is: a name on the plate of its domain, a whole domain, or a whole network. */
  groupRight: z.enum(['name', 'domain', 'network', 'owner', 'label']).default('name'),
  /** Nodes with this text in their name, detail or group are never left out. */
  find: z.string().max(256).default(''),
  /** Window the rates are averaged over, ms. */
  windowMs: z.number().int().min(250).max(600_000).default(5000),
});

export const sortColumns = [
  'process',
  'peer',
  'protocol',
  'state',
  'rate',
  'sent',
  'received',
  'packets',
  'rttP50',
  'rttP99',
  'responseP50',
  'responseP99',
  'retransmits',
  'age',
  'started',
] as const;

/** By what the flows of the table can be put together. */
export const groupings = [
  'process',
  'pid',
  'user',
  'unit',
  'container',
  'peer',
  'domain',
  'network',
  'owner',
  'label',
  'protocol',
  'application',
  'port',
  'state',
  'interface',
] as const;

export const tableParams = z.strictObject({
  kind: z.literal('table'),
  sort: z
    .array(z.strictObject({ column: z.enum(sortColumns), descending: z.boolean() }))
    .max(4)
    .default([]),
  from: z.number().int().min(0).default(0),
  count: z.number().int().min(1).max(1000).default(60),
  /** With `matches`, rows outside the filter are left out; else they follow the matching ones. */
  show: z.enum(['matches', 'all']).default('all'),
  /** Groups and the flows of open ones are rows; `from` and `count` are of both. null = no groups. */
  group: z.enum(groupings).nullable().default(null),
  /** Labels of open groups. */
  open: z.array(z.string().max(4096)).max(500).default([]),
});

export const timelineParams = z.strictObject({
  kind: z.literal('timeline'),
  /** Flows that have a lane in any case, in this order, above the others, which are the most interesting ones. */
  flows: z.array(z.number().int().min(0)).max(200).default([]),
  /** One more that has a lane, wherever it was; above the others when it had none. */
  also: z.number().int().min(0).nullable().default(null),
  lanes: z.number().int().min(0).max(200).default(8),
  /** Session time range; `to` null = follow the cursor with a span of `spanNs`. */
  fromNs: sessionNs.nullable().default(null),
  toNs: sessionNs.nullable().default(null),
  spanNs: z.number().min(1000).default(60e9),
  /** Width in device-independent pixels: bins are never narrower than one. */
  width: z.number().int().min(16).max(8192).default(800),
});

/** The whole session at a glance for the scrubber: heatmap bins and troubles. */
export const overviewParams = z.strictObject({
  kind: z.literal('overview'),
  width: z.number().int().min(16).max(8192).default(1200),
});

/** What went wrong in the whole session, most important first (docs/trouble.md). */
export const troubleParams = z.strictObject({
  kind: z.literal('trouble'),
  /** Findings wanted at most. */
  count: z.number().int().min(1).max(1000).default(200),
});

export const viewParams = z.discriminatedUnion('kind', [
  graphParams,
  tableParams,
  timelineParams,
  overviewParams,
  troubleParams,
]);

export const requests = {
  /** First request: who the engine is and what it may do. */
  hello: z.strictObject({}),
  /** Interfaces of this machine with their counters; needs no privilege. */
  interfaces: z.strictObject({}),
  /** Starts watching; replaces what was watched before. */
  attach: z.strictObject({
    /** `IFACE`, or `NETNS:IFACE` and `:IFACE` to say in which namespace. */
    interfaces: z.array(path).max(64).default([]),
    all: z.boolean().default(false),
    /** Network namespaces by name, path or pid, and containers by id; neither = where the engine is. */
    netns: z.array(path).max(64).default([]),
    containers: z.array(name).max(64).default([]),
    /** Another host, reached over ssh; null = the engine's. */
    host: destination.nullable().default(null),
    /** There: packets only, by tcpdump, without our helper. */
    tcpdump: z.boolean().default(false),
  }),
  /** Hosts that ssh's configuration names, for suggestions. */
  hosts: z.strictObject({}),
  /** Reaches a host over ssh and says what it has; the connection is kept until another is asked for, or `hostForget`. */
  hostConnect: z.strictObject({ host: destination }),
  hostForget: z.strictObject({}),
  detach: z.strictObject({}),
  ...recordingRequests,
  ...sessionRequests,
  ...alertRequests,
  /** Opens a capture file of the engine's machine. */
  open: z.strictObject({ path }),
  openDemo: z.strictObject({}),
  /** Sessions opened or recorded lately, newest first. */
  recent: z.strictObject({}),
  /** Ends reading a file that is shown while it is read; what was read stays. */
  stopReading: z.strictObject({}),
  /** Leaves the file or the live source: back to the start screen. */
  close: z.strictObject({}),
  play: z.strictObject({ rate: z.number().min(0.1).max(100).default(1) }),
  pause: z.strictObject({}),
  seek: z.strictObject({ atNs: sessionNs }),
  /** Chooses a range of time, or none: playing loops in it, and only flows that did something in it match. */
  range: z.strictObject({ range: z.strictObject({ fromNs: sessionNs, toNs: sessionNs }).nullable() }),
  /** Leaves the past of a live source. */
  live: z.strictObject({}),
  /** Moves the cursor to the next (or previous) trouble mark. */
  trouble: z.strictObject({ direction: z.enum(['next', 'previous']) }),
  /** Sets the filter; an empty text shows everything. Answers with the error instead of failing. */
  filter: z.strictObject({ text: z.string().max(4096) }),
  /** The filter `text` with a condition added by "and", or its opposite: "only this", "not this". */
  refine: z.strictObject({ text: z.string().max(4096), condition: z.string().max(4096), hide: z.boolean() }),
  /** Databases of networks (MMDB files of the engine's machine) to use; none = those of the command line. */
  databases: z.strictObject({ paths: z.array(path).max(8) }),
  /** Rules for labels, as the text of their file (docs/labels.md); none = those of the command line. */
  labels: z.strictObject({ text: z.string().max(200_000) }),
  /** What the parts of a filter's text are, for colouring it; never fails. */
  highlight: z.strictObject({ text: z.string().max(4096) }),
  complete: z.strictObject({ text: z.string().max(4096), cursor: z.number().int().min(0).max(4096) }),
  flow: z.strictObject({ flow: z.number().int().min(0) }),
  packets: z.strictObject({
    flow: z.number().int().min(0),
    from: z.number().int().min(0).default(0),
    count: z.number().int().min(1).max(500).default(100),
  }),
  /** Which of a flow's packets have a text or bytes (pairs of hex digits) in them. */
  packetFind: z.strictObject({
    flow: z.number().int().min(0),
    typed: z.string().max(400),
    as: z.enum(['text', 'hex']),
    caseless: z.boolean(),
  }),
  /** What both sides of a flow said, from its stored packets. */
  stream: z.strictObject({ flow: z.number().int().min(0) }),
  /** What passed between two moments; of one flow, or (null) of all. */
  measure: z.strictObject({ flow: z.number().int().min(0).nullable(), fromNs: sessionNs, toNs: sessionNs }),
  packet: z.strictObject({ packet: z.number().int().min(0) }),
  ...exportRequests,
  viewOpen: z.strictObject({ view: viewId, params: viewParams }),
  viewClose: z.strictObject({ view: viewId }),
  viewAck: z.strictObject({ view: viewId, version: z.number().int().min(0).max(0xffffffff) }),
  /** The page is hidden (no views are sent) or visible again. */
  visible: z.strictObject({ visible: z.boolean() }),
} as const;

export type Method = keyof typeof requests;
export type Params<M extends Method> = z.output<(typeof requests)[M]>;
export type ParamsInput<M extends Method> = z.input<(typeof requests)[M]>;
export type ViewParams = z.output<typeof viewParams>;
export type ViewParamsInput = z.input<typeof viewParams>;
export type GraphParams = z.output<typeof graphParams>;
export type TableParams = z.output<typeof tableParams>;
export type TimelineParams = z.output<typeof timelineParams>;
export type OverviewParams = z.output<typeof overviewParams>;
export type TroubleParams = z.output<typeof troubleParams>;
export type GroupBy = (typeof groupings)[number];
export type SortColumn = (typeof sortColumns)[number];

export const requestEnvelope = z.strictObject({
  id: z.number().int().min(1),
  method: z.string().max(32),
  params: z.unknown(),
});
