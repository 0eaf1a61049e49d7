/** Rows of the graph view: who talks to whom at the cursor, folded to the busiest edges. */
import type { GraphParams } from '../../contract/requests.ts';
import type { RowSet, StringInterner } from '../../contract/view-codec.ts';
import { quote } from '../../filter/check.ts';
import { detailOf, leftGroup, peerAs } from './graph-groups.ts';
import type { Moment } from './state.ts';

/** A flow that ended is still drawn this long, so that short ones are seen. */
const LINGER_NS = 60e9;

interface Node {
  key: number;
  side: number;
  label: string;
  detail: string;
  group: string | null;
  groupKind: string;
  bps: number;
  flows: number;
  trouble: number;
  matches: number;
  filter: string | null;
  /** Of a peer that runs here too. */
  process: string | null;
  same: number;
  /** Peers that a domain or a network stands for; null = the node is one peer or process. */
  members: Set<string> | null;
}

interface Edge {
  key: number;
  left: Node;
  right: Node;
  bps: number;
  flows: number;
  retransmits: number;
  drops: number;
  segments: number;
  trouble: number;
  inbound: number;
  matches: number;
  /** Id of the busiest flow, and its bytes. */
  flow: number;
  weight: number;
  rtts: [us: number, p99: number, weight: number][];
  responses: [us: number, us: number, weight: number][];
}

/** Gives things a key that stays theirs for the life of the view, in order of first appearance. */
class Keys {
  private readonly known = new Map<string, number>();
  of(name: string): number {
    let key = this.known.get(name);
    if (key === undefined) this.known.set(name, (key = this.known.size + 1));
    return key;
  }
}

/** From so many processes of one name on, they are one node: a loop of short commands is one thing to look at. */
const SAME_NAME = 4;

export class GraphRows {
  private readonly nodeKeys = new Keys();
  private readonly edgeKeys = new Keys();
  /** Processes seen so far by name and group; what became one node stays one. */
  private readonly byName = new Map<string, Set<string>>();

  fill(params: GraphParams, moment: Moment, tables: readonly RowSet[], strings: StringInterner): void {
    const [nodes, edges, info] = tables as [RowSet, RowSet, RowSet];
    const all = [...this.collect(params, moment).values()];
    infoRow(all, info);
    const wanted = wantedBy(params.find);
    const list = all
      .sort(
        (a, b) =>
          wanted(b) - wanted(a) ||
          b.matches - a.matches ||
          b.trouble - a.trouble ||
          b.bps - a.bps ||
          b.weight - a.weight,
      )
      .slice(0, params.edges);
    const shown = new Set<Node>();
    for (const edge of list) {
      shown.add(edge.left);
      shown.add(edge.right);
      edgeRow(edge, edges);
    }
    for (const node of shown) nodeRow(node, nodes, strings);
  }

  /** One pass over the flows that are open or ended lately. */
  private collect(params: GraphParams, moment: Moment): Map<number, Edge> {
    const { model, cache, cursorNs } = moment;
    const { lastNs, throughput } = model.flows;
    const lefts = new Map<string | number, Node>();
    const rights = new Map<string | number, Node>();
    const edgeOf = new Map<number, Edge>();
    const toSecond = Math.floor(cursorNs / 1e9);
    const fromSecond = Math.floor((cursorNs - params.windowMs * 1e6) / 1e9);
    const perSecond = 8 / Math.max(0.25, Math.min(params.windowMs / 1000, (cursorNs - moment.startNs) / 1e9));
    for (let flow = 0; flow < cache.count; flow++) {
      const quietNs = cursorNs - lastNs.data[flow]!;
      if (quietNs > LINGER_NS && cache.ended.data[flow] === 1) continue;
      if (cache.packets.data[flow] === 0 || cache.shown.data[flow] === 0) continue;
      const ring = throughput.data[flow]!;
      const silent = ring < 0 || quietNs > params.windowMs * 1e6 + 1e9;
      const bps = silent ? 0 : model.throughput.between(ring, fromSecond, toSecond) * perSecond;
      const left = this.leftNode(params, moment, flow, lefts);
      const right = this.rightNode(params, moment, flow, rights);
      const inbound = cache.inbound.data[flow]!;
      const name = (left.key * 2 ** 21 + right.key) * 2 + inbound;
      let edge = edgeOf.get(name);
      if (!edge) {
        edge = newEdge(this.edgeKeys.of(String(name)), left, right, inbound);
        edgeOf.set(name, edge);
      }
      addFlow(edge, moment, flow, bps);
    }
    return edgeOf;
  }

  private leftNode(
    params: GraphParams,
    { cache, words, model }: Moment,
    flow: number,
    nodes: Map<string | number, Node>,
  ): Node {
    const left = cache.left.data[flow]!;
    const known = nodes.get(left);
    if (known) return known;
    const at = words.read(flow);
    const identity = at.process < 0 ? '' : identityOf(model, at.process);
    const several = this.sameName(identity, at.processName, at.group);
    const name =
      several > 0
        ? `n${at.group ?? ''} ${at.processName ?? ''}`
        : at.process >= 0
          ? `p${identity}`
          : `?${cache.reasonText(left)}`;
    let found = nodes.get(name);
    if (!found) {
      const pid = at.process >= 0 ? model.processes.pid.data[at.process]! : 0;
      found = newNode(this.nodeKeys.of(`0${name}`), 0, at.processName ?? 'unknown process');
      found.detail = several > 0 ? `${several} processes` : at.process >= 0 ? String(pid) : cache.reasonText(left);
      Object.assign(found, leftGroup(params.groupLeft, at, model));
      found.filter =
        several > 0
          ? `process.name == ${quote(at.processName ?? '')}`
          : at.process >= 0
            ? `process.pid == ${pid}`
            : null;
      nodes.set(name, found);
    }
    nodes.set(left, found);
    return found;
  }

  private rightNode(
    params: GraphParams,
    { cache, words, model }: Moment,
    flow: number,
    nodes: Map<string | number, Node>,
  ): Node {
    const right = cache.right.data[flow]!;
    // Labels are of flows, so one peer may have several nodes.
    const known = params.groupRight === 'label' ? undefined : nodes.get(right);
    if (known) return known;
    const at = words.read(flow);
    const peer = peerAs(params.groupRight, at, words, flow);
    let found = nodes.get(peer.name);
    if (!found) {
      found = newNode(this.nodeKeys.of(`1${peer.name}`), 1, peer.label);
      found.detail = peer.detail;
      found.group = peer.group;
      found.groupKind = peer.groupKind;
      found.filter = peer.filter;
      if (peer.collapsed) found.members = new Set();
      else if (at.peerProcessRow >= 0) {
        found.process = `${at.peerProcess ?? ''} ${model.processes.pid.data[at.peerProcessRow]!}`;
        found.same = this.nodeKeys.of(`0p${identityOf(model, at.peerProcessRow)}`);
      }
      nodes.set(peer.name, found);
    }
    found.members?.add(at.peerName ?? at.peerAddress);
    nodes.set(right, found);
    return found;
  }

  /** How many processes share the node; 0 = it has its own. */
  private sameName(process: string, name: string | null, group: string | null): number {
    if (process === '' || name === null) return 0;
    const key = `${group ?? ''} ${name}`;
    let seen = this.byName.get(key);
    if (!seen) this.byName.set(key, (seen = new Set()));
    seen.add(process);
    return seen.size >= SAME_NAME ? seen.size : 0;
  }
}

/** What stays a process's own, whichever row it has. */
function identityOf({ processes }: Moment['model'], row: number): string {
  const { pid, startLow, startHigh, execs } = processes;
  return `${pid.data[row]} ${startLow.data[row]} ${startHigh.data[row]} ${execs.data[row]}`;
}

/** 1 = an end of the edge has the text. */
function wantedBy(find: string): (edge: Edge) => number {
  const text = find.toLowerCase();
  if (text === '') return () => 0;
  const has = ({ label, detail, group }: Node): boolean => `${label} ${detail} ${group ?? ''}`.toLowerCase().includes(text); // prettier-ignore
  return (edge) => Number(has(edge.left) || has(edge.right));
}

function infoRow(all: readonly Edge[], info: RowSet): void {
  const row = info.upsert(0);
  const values = [new Set(all.map(({ left }) => left)).size, new Set(all.map(({ right }) => right)).size, all.length];
  values.forEach((value, i) => (info.columns[i]![row] = value));
}

function edgeRow(edge: Edge, rows: RowSet): void {
  const row = rows.upsert(edge.key);
  const [p50, p99] = weighted(edge.rtts);
  const [response] = weighted(edge.responses);
  const values = [
    edge.left.key,
    edge.right.key,
    edge.bps,
    p50,
    p99,
    response,
    edge.flows,
    edge.retransmits,
    edge.drops,
    edge.segments,
    edge.trouble,
    edge.inbound,
    edge.matches,
    edge.flow,
  ];
  values.forEach((value, i) => (rows.columns[i]![row] = value));
}

const newNode = (key: number, side: number, label: string): Node => ({
  key,
  side,
  label,
  detail: '',
  group: null,
  groupKind: '',
  bps: 0,
  flows: 0,
  trouble: 0,
  matches: 0,
  filter: null,
  process: null,
  same: 0,
  members: null,
});

const newEdge = (key: number, left: Node, right: Node, inbound: number): Edge => ({
  key,
  left,
  right,
  bps: 0,
  flows: 0,
  retransmits: 0,
  drops: 0,
  segments: 0,
  trouble: 0,
  inbound,
  matches: 0,
  flow: -1,
  weight: -1,
  rtts: [],
  responses: [],
});

function nodeRow(node: Node, rows: RowSet, strings: StringInterner): void {
  const row = rows.upsert(node.key);
  const values = [
    node.side,
    node.key,
    strings.id(node.label),
    strings.id(detailOf(node)),
    strings.id(node.group),
    strings.id(node.groupKind),
    node.bps,
    node.flows,
    node.trouble,
    node.matches,
    strings.id(node.filter),
    strings.id(node.process),
    node.same,
  ];
  values.forEach((value, i) => (rows.columns[i]![row] = value));
}

function addFlow(edge: Edge, { cache, model }: Moment, flow: number, bps: number): void {
  const packets = cache.packets.data[flow]!;
  const trouble = cache.trouble.data[flow]!;
  const matches = cache.matches.data[flow]!;
  edge.bps += bps;
  edge.flows++;
  edge.segments += packets;
  edge.trouble |= trouble;
  edge.matches |= matches;
  edge.retransmits += cache.retransmits.data[flow]! || 0; // NaN where nothing can be observed
  edge.drops += cache.drops.data[flow]!;
  for (const end of [edge.left, edge.right]) {
    end.bps += bps;
    end.flows++;
    end.trouble |= trouble;
    end.matches |= matches;
  }
  const weight = bps * 1e6 + cache.bytes.data[flow]!;
  if (weight > edge.weight) {
    edge.weight = weight;
    edge.flow = model.flows.id.data[flow]!;
  }
  const p50 = cache.rttP50.data[flow]!;
  if (!Number.isNaN(p50)) edge.rtts.push([p50, cache.rttP99.data[flow]!, packets]);
  const response = cache.responseP50.data[flow]!;
  if (!Number.isNaN(response)) edge.responses.push([response, response, packets]);
}

/** Median of the flows' medians by packets, and the largest p99; NaN without any. */
function weighted(values: readonly [us: number, p99: number, weight: number][]): [number, number] {
  if (values.length === 0) return [NaN, NaN];
  const sorted = values.toSorted((a, b) => a[0] - b[0]);
  const half = sorted.reduce((sum, [, , weight]) => sum + weight, 0) / 2;
  let sum = 0;
  let median = sorted[0]![0];
  for (const [us, , weight] of sorted) {
    median = us;
    sum += weight;
    if (sum >= half) break;
  }
  return [median, Math.max(...sorted.map(([, p99]) => p99))];
}
