/** Groups of the flow table: which flow is in which, the exact totals of each, and on which lines they and their flows are. */
import type { GroupBy, TableParams } from '../../contract/requests.ts';
import { counterOf } from '../facts.ts';
import { rateOf } from './flow-order.ts';
import type { FlowOrder } from './flow-order.ts';
import { groupNameOf, type GroupName } from './group-of-flow.ts';
import type { Moment } from './state.ts';

export interface Group {
  /** Number that stays its own as long as the grouping does. */
  key: number;
  name: GroupName;
  open: boolean;
  /** Its flows: from this place of the members on, so many. */
  first: number;
  flows: number;
  /** Line that its own row is on; those of its flows follow when it is open. */
  line: number;
  matching: number;
  sent: number;
  received: number;
  packets: number;
  bps: number;
  /** NaN = of no flow observable. */
  retransmits: number;
  trouble: number;
}

/** Groupings that depend on the peer alone. */
const BY_PEER: ReadonlySet<GroupBy> = new Set(['peer', 'domain', 'network', 'owner']);

/** Flows that did not change whose group is looked at again each time: owners become known without a packet. */
const SHARE = 500;
const SHARE_PART = 1 / 20;

/** Remembers the group of every flow: words are read again only for what changed. */
export class TableGroups {
  /** In the order of the table. */
  list: Group[] = [];
  /** Rows of groups and of the flows in open ones. */
  lines = 0;
  /** Flows, those of a group one after the other. */
  private members = new Uint32Array(0);
  private by: GroupBy | null = null;
  private keys = new Map<string, number>();
  private names: GroupName[] = [];
  private group = new Int32Array(0);
  private seen = new Float64Array(0);
  private next = 0;
  /** What the rows of flows mean in `group`: in another model, or when rows moved, all is looked at again. */
  private of: { model: Moment['model']; foldings: number } | null = null;
  /** Group of each peer, where that tells the group; what is known of peers belongs to these words. */
  private ofPeer: number[] = [];
  private words: Moment['words'] | null = null;

  /** Puts the flows of `order` into groups; `by` = by what. */
  arrange(by: GroupBy, { sort, open }: TableParams, order: FlowOrder, moment: Moment): void {
    this.remember(by, moment);
    const groups = this.total(order, moment);
    this.place(groups, order);
    for (const { column, descending } of sort.toReversed()) sortBy(groups, column, descending ? -1 : 1);
    const opened = new Set(open);
    this.lines = 0;
    for (const group of groups) {
      group.open = opened.has(group.name.label);
      group.line = this.lines;
      this.lines += 1 + (group.open ? group.flows : 0);
    }
    this.list = groups;
  }

  /** What is on lines [from, to): a group, or a flow. */
  window(
    from: number,
    to: number,
    order: FlowOrder,
    group: (group: Group) => void,
    flow: (flow: number, line: number) => void,
  ): void {
    for (let i = this.at(from); i < this.list.length && this.list[i]!.line < to; i++) {
      const each = this.list[i]!;
      if (each.line >= from) group(each);
      if (!each.open) continue;
      const begins = each.line + 1;
      const [start, end] = [Math.max(from, begins), Math.min(to, begins + each.flows)];
      const place = each.first - begins;
      order.window(this.members, [each.first, each.first + each.flows], place + start, place + end);
      for (let line = start; line < end; line++) flow(this.members[place + line]!, line);
    }
  }

  /** Index of the group that a line belongs to. */
  private at(line: number): number {
    let [low, high] = [0, this.list.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.list[middle]!.line <= line) low = middle;
      else high = middle;
    }
    return low;
  }

  private remember(by: GroupBy, moment: Moment): void {
    const { model, cache } = moment;
    const { foldings } = model;
    if (by !== this.by) {
      this.by = by;
      this.keys = new Map();
      this.names = [];
      this.of = null;
      this.words = null;
    }
    if (this.words !== moment.words) {
      this.words = moment.words;
      this.ofPeer = [];
    }
    if (this.of?.model !== model || this.of.foldings !== foldings || this.group.length < cache.count) {
      const same = this.of?.model === model && this.of.foldings === foldings;
      const group = new Int32Array(Math.max(1024, cache.count * 2)).fill(-1);
      const seen = new Float64Array(group.length);
      if (same) {
        group.set(this.group);
        seen.set(this.seen);
      }
      [this.group, this.seen, this.of] = [group, seen, { model, foldings }];
    }
    for (let flow = 0; flow < cache.count; flow++)
      if (this.group[flow]! < 0 || this.seen[flow] !== cache.seen.data[flow]) this.look(by, flow, moment);
    const share = Math.min(cache.count, Math.max(SHARE, Math.ceil(cache.count * SHARE_PART)));
    for (let i = 0; i < share; i++) {
      if (this.next >= cache.count) this.next = 0;
      this.look(by, this.next++, moment);
    }
  }

  private look(by: GroupBy, flow: number, moment: Moment): void {
    const { cache } = moment;
    const peer = BY_PEER.has(by) ? cache.right.data[flow]! : -1;
    const known = this.ofPeer[peer];
    const key = known ?? this.keyOf(groupNameOf(by, flow, moment));
    if (peer >= 0) this.ofPeer[peer] = key;
    this.group[flow] = key;
    this.seen[flow] = cache.seen.data[flow]!;
  }

  private keyOf(name: GroupName): number {
    let key = this.keys.get(name.label);
    if (key === undefined) {
      key = this.names.push(name) - 1;
      this.keys.set(name.label, key);
    }
    return key;
  }

  /** The groups that have flows, in the order of first appearance, with their totals. */
  private total(order: FlowOrder, moment: Moment): Group[] {
    const groups: (Group | undefined)[] = [];
    for (let i = 0; i < order.count; i++) {
      const flow = order.flows[i]!;
      const key = this.group[flow]!;
      add((groups[key] ??= newGroup(key, this.names[key]!)), flow, moment);
    }
    return groups.filter((group) => group !== undefined);
  }

  /** Lays the flows of each group beside each other, in the order in which they stand. */
  private place(groups: readonly Group[], order: FlowOrder): void {
    if (this.members.length < order.count) this.members = new Uint32Array(order.flows.length);
    const next = new Uint32Array(this.names.length);
    let first = 0;
    for (const group of groups) {
      group.first = next[group.key] = first;
      first += group.flows;
    }
    for (let i = 0; i < order.count; i++) {
      const flow = order.flows[i]!;
      const key = this.group[flow]!;
      this.members[next[key]!++] = flow;
    }
  }
}

const newGroup = (key: number, name: GroupName): Group => ({
  key,
  name,
  open: false,
  first: 0,
  flows: 0,
  line: 0,
  matching: 0,
  sent: 0,
  received: 0,
  packets: 0,
  bps: 0,
  retransmits: NaN,
  trouble: 0,
});

function add(group: Group, flow: number, moment: Moment): void {
  const { model, cache } = moment;
  const local = cache.local.data[flow]!;
  group.flows++;
  group.matching += cache.matches.data[flow]!;
  group.sent += counterOf(model, flow, local, 1);
  group.received += counterOf(model, flow, 1 - local, 1);
  group.packets += cache.packets.data[flow]!;
  group.bps += rateOf(moment, flow);
  group.trouble |= cache.trouble.data[flow]!;
  const again = cache.retransmits.data[flow]!;
  if (!Number.isNaN(again)) group.retransmits = (group.retransmits || 0) + again;
}

/** By what groups can be sorted; by everything else they stay in the order that they have. */
function valueOf(column: string, group: Group): number {
  switch (column) {
    case 'rate':
      return group.bps;
    case 'sent':
    case 'received':
    case 'packets':
    case 'retransmits':
      return group[column];
    case 'state':
      return group.trouble === 0 ? 1 : 0;
    default:
      return 0;
  }
}

function sortBy(groups: Group[], column: string, sign: number): void {
  if (column === 'process' || column === 'peer' || column === 'protocol')
    groups.sort((a, b) => byLabel.compare(a.name.label, b.name.label) * sign); // prettier-ignore
  else groups.sort((a, b) => compare(valueOf(column, a), valueOf(column, b), sign));
}
/** Ports by their number, and everything as people look for it. */
const byLabel = new Intl.Collator('en', { numeric: true });

/** Unknown (NaN) is last in both orders. */
function compare(a: number, b: number, sign: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return (a - b) * sign;
}
