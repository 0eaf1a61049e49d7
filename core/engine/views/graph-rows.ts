/** Rows of the graph view: who talks to whom at the cursor, folded to the busiest edges. */
import type { GraphParams } from '../../contract/requests.ts';
import { TROUBLE } from '../../contract/tables.ts';
import type { RowSet, StringInterner } from '../../contract/view-codec.ts';
import { lifeOf, retransmitsOf } from '../../flow/state.ts';
import { counterOf, troubleOf } from '../facts.ts';
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
  /** Busiest flow, and its bytes. */
  flow: number;
  weight: number;
  rtts: [us: number, p99: number, weight: number][];
  responses: [us: number, weight: number][];
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

const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** From so many processes of one name on, they are one node: a loop of short commands is one thing to look at. */
const SAME_NAME = 4;

export class GraphRows {
  private readonly nodeKeys = new Keys();
  private readonly edgeKeys = new Keys();
  /** Processes seen so far by name and group; what became one node stays one. */
  private readonly byName = new Map<string, Set<number>>();

  fill(params: GraphParams, moment: Moment, nodes: RowSet, edges: RowSet, strings: StringInterner): void {
    const nodeOf = new Map<string, Node>();
    const edgeOf = new Map<string, Edge>();
    this.collect(params, moment, nodeOf, edgeOf);
    const list = [...edgeOf.values()]
      .sort((a, b) => b.matches - a.matches || b.trouble - a.trouble || b.bps - a.bps || b.weight - a.weight)
      .slice(0, params.edges);
    const shown = new Set<Node>();
    for (const edge of list) {
      shown.add(edge.left);
      shown.add(edge.right);
      this.edgeRow(edge, edges);
    }
    for (const node of shown) nodeRow(node, nodes, strings);
  }

  private collect(params: GraphParams, moment: Moment, nodeOf: Map<string, Node>, edgeOf: Map<string, Edge>): void {
    const { model, words, cursorNs } = moment;
    const { flows } = model;
    const toSecond = Math.floor(cursorNs / 1e9);
    const fromSecond = Math.floor((cursorNs - params.windowMs * 1e6) / 1e9);
    const seconds = Math.max(0.25, Math.min(params.windowMs / 1000, (cursorNs - moment.startNs) / 1e9));
    for (let flow = 0; flow < flows.rows.count; flow++) {
      const lastNs = flows.lastNs.data[flow]!;
      if (cursorNs - lastNs > LINGER_NS && lifeOf(model, flow).end !== null) continue;
      if (counterOf(model, flow, 0, 0) + counterOf(model, flow, 1, 0) === 0) continue;
      const at = words.read(flow);
      const matches = moment.matches(flow) ? 1 : 0;
      const ring = flows.throughput.data[flow]!;
      const bps = ring < 0 ? 0 : (model.throughput.between(ring, fromSecond, toSecond) * 8) / seconds;
      const several = this.sameName(at.process, at.processName, at.group);
      const leftName =
        several > 0
          ? `n${at.group ?? ''} ${at.processName ?? ''}`
          : at.process >= 0
            ? `p${at.process}`
            : `?${at.unknown ?? ''}`;
      const peer = at.peerName ?? at.peerAddress;
      const rightName = `${peer} ${at.peerPort}`;
      const left = node(nodeOf, `0${leftName}`, this.nodeKeys, () => ({
        side: 0,
        label: at.processName ?? 'unknown process',
        detail: several > 0 ? `${several} processes` : at.process >= 0 ? String(at.pid) : (at.unknown ?? ''),
        group: params.groupLeft === 'unit' ? at.group : null,
        groupKind: at.groupKind,
        filter:
          several > 0
            ? `process.name == ${quote(at.processName ?? '')}`
            : at.process >= 0
              ? `process.pid == ${at.pid}`
              : null,
      }));
      const right = node(nodeOf, `1${rightName}`, this.nodeKeys, () => ({
        side: 1,
        label: peer,
        detail: at.peerPort ? `:${at.peerPort}` : at.inbound ? 'inbound' : '',
        ...groupOfPeer(params.groupRight, at.peerName, at.peerAddress),
        filter: `${at.peerName === null ? `ip.addr == ${at.peerAddress}` : `peer.name == ${quote(at.peerName)}`}${at.peerPort ? ` && port == ${at.peerPort}` : ''}`,
      }));
      const trouble = troubleOf(model, flow);
      for (const end of [left, right]) {
        end.bps += bps;
        end.flows++;
        end.trouble |= trouble;
        end.matches |= matches;
      }
      const name = `${left.key} ${right.key} ${at.inbound ? 1 : 0}`;
      let edge = edgeOf.get(name);
      if (!edge) {
        edge = {
          key: this.edgeKeys.of(name),
          left,
          right,
          bps: 0,
          flows: 0,
          retransmits: 0,
          drops: 0,
          segments: 0,
          trouble: 0,
          inbound: at.inbound ? 1 : 0,
          matches: 0,
          flow,
          weight: -1,
          rtts: [],
          responses: [],
        };
        edgeOf.set(name, edge);
      }
      addFlow(edge, moment, flow, bps, trouble, matches);
    }
  }

  /** How many processes share the node; 0 = it has its own. */
  private sameName(process: number, name: string | null, group: string | null): number {
    if (process < 0 || name === null) return 0;
    const key = `${group ?? ''} ${name}`;
    let seen = this.byName.get(key);
    if (!seen) this.byName.set(key, (seen = new Set()));
    seen.add(process);
    return seen.size >= SAME_NAME ? seen.size : 0;
  }

  private edgeRow(edge: Edge, rows: RowSet): void {
    const row = rows.upsert(edge.key);
    const [p50, p99] = weighted(edge.rtts);
    const values = [
      edge.left.key,
      edge.right.key,
      edge.bps,
      p50,
      p99,
      weighted(edge.responses.map(([us, weight]) => [us, us, weight]))[0],
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
}

function node(
  nodes: Map<string, Node>,
  name: string,
  keys: Keys,
  make: () => Omit<Node, 'key' | 'bps' | 'flows' | 'trouble' | 'matches'>,
): Node {
  let found = nodes.get(name);
  if (!found) nodes.set(name, (found = { ...make(), key: keys.of(name), bps: 0, flows: 0, trouble: 0, matches: 0 }));
  return found;
}

function nodeRow(node: Node, rows: RowSet, strings: StringInterner): void {
  const row = rows.upsert(node.key);
  const values = [
    node.side,
    node.key,
    strings.id(node.label),
    strings.id(node.detail),
    strings.id(node.group),
    strings.id(node.groupKind),
    node.bps,
    node.flows,
    node.trouble,
    node.matches,
    strings.id(node.filter),
    0,
  ];
  values.forEach((value, i) => (rows.columns[i]![row] = value));
}

function addFlow(edge: Edge, moment: Moment, flow: number, bps: number, trouble: number, matches: number): void {
  const { model } = moment;
  const bytes = counterOf(model, flow, 0, 1) + counterOf(model, flow, 1, 1);
  const packets = counterOf(model, flow, 0, 0) + counterOf(model, flow, 1, 0);
  edge.bps += bps;
  edge.flows++;
  edge.segments += packets;
  edge.trouble |= trouble;
  edge.matches |= matches;
  if ((trouble & TROUBLE.retransmit) !== 0)
    edge.retransmits += (retransmitsOf(model, flow, 0) ?? 0) + (retransmitsOf(model, flow, 1) ?? 0);
  for (let drop = model.flows.drops.data[flow]!; drop >= 0; drop = model.dropNext.data[drop]!)
    edge.drops += model.dropCount.data[drop]!;
  const weight = bps * 1e6 + bytes;
  if (weight > edge.weight) {
    edge.weight = weight;
    edge.flow = flow;
  }
  const latency = moment.latency.of(flow);
  if (!Number.isNaN(latency.rttP50Us)) edge.rtts.push([latency.rttP50Us, latency.rttP99Us, packets]);
  if (!Number.isNaN(latency.responseP50Us)) edge.responses.push([latency.responseP50Us, packets]);
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

/** Plate of a peer: the registered domain of its name, or its network. */
function groupOfPeer(
  by: 'name' | 'network',
  name: string | null,
  address: string,
): { group: string | null; groupKind: string } {
  if (by === 'name') {
    const labels = name?.split('.').filter((label) => label !== '') ?? [];
    return labels.length > 2
      ? { group: labels.slice(-2).join('.'), groupKind: 'domain' }
      : { group: null, groupKind: '' };
  }
  if (address.includes(':'))
    return { group: `${address.split(':').slice(0, 4).join(':')}::/64`.replace(/:{3,}/, '::'), groupKind: 'network' };
  return { group: `${address.split('.').slice(0, 3).join('.')}.0/24`, groupKind: 'network' };
}
