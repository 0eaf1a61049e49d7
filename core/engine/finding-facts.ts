/** Findings as viewers get them: ranked, with names, the flows they are about and a filter that names those. */
import { FLOW_EGRESS_HI, FLOW_EGRESS_LO, GAP_SUSPENDED } from '../abi/generated.ts';
import { GAP_PAUSED } from '../flow/note-records.ts';
import type { FindingFacts, FindingKind } from '../contract/findings.ts';
import { FlowModel } from '../flow/model.ts';
import { ownerOfSide } from '../flow/owners.ts';
import { nameOf } from '../flow/peer-name.ts';
import { GAP_INTERFACE, type Gap } from '../flow/reducer.ts';
import { clientOf } from '../flow/roles.ts';
import { isActive, type Finding, type TroubleFinder } from '../trouble/finder.ts';
import { FlowWords } from './facts.ts';

/** Names and ports that one sentence has room for. */
const NAMED_MAX = 3;
/** Numbers of findings made of gaps: above all others. */
const GAP_ID = 1_000_000;

export interface DescribedFinding extends FindingFacts {
  id: number;
  sinceNs: number;
  untilNs: number;
  active: boolean;
  /** ns; `measured` or estimated from what one such event usually costs. */
  waitedNs: number;
  measured: boolean;
  /** Ids of flows, first seen first. */
  flowList: readonly number[];
  /** Filter text that names its flows; null = not about flows. */
  filter: string | null;
}

/** What is said of a finding's flows. */
type FlowTexts = Pick<DescribedFinding, 'subject' | 'process' | 'reason' | 'filter'>;

export class FindingList {
  private finder: TroubleFinder | null;
  private words: FlowWords;
  private frozen: DescribedFinding[];
  /** Of findings some of whose flows are folded: what was said of them before. */
  private readonly kept = new Map<Finding, FlowTexts>();

  /** `frozen`: what another list kept, without a finder. */
  constructor(finder: TroubleFinder | null, frozen: DescribedFinding[] = []) {
    this.finder = finder;
    this.words = new FlowWords(finder?.model ?? new FlowModel());
    this.frozen = frozen;
  }

  /** All findings in words, as they were found. */
  get described(): readonly DescribedFinding[] {
    return this.describe();
  }

  /** How many there are, gaps left aside. */
  get count(): number {
    return this.finder?.findings.length ?? this.frozen.length;
  }

  /** How many of them go on at that time. */
  active(nowNs: number): number {
    let active = 0;
    for (const finding of this.finder?.findings ?? this.frozen) if (isActive(finding, nowNs)) active++;
    return active;
  }

  /** All findings, most important first. `nowNs` = the newest moment of the session. */
  rows(gaps: readonly Gap[], nowNs: number): DescribedFinding[] {
    const all = [...this.describe(), ...fromGaps(gaps)];
    for (const each of all) each.active = isActive(each, nowNs);
    return all.sort(order);
  }

  /** Flows are about to go: those for which `keep` is 0. */
  folding(keep: Uint8Array): void {
    for (const finding of this.finder?.findings ?? []) {
      if (this.kept.has(finding)) continue;
      const rows = this.rowsOf(finding);
      if (rows.some((flow) => keep[flow] === 0)) this.kept.set(finding, this.textsOf(finding, rows));
    }
  }

  /** Keeps the words, so that the model may change. */
  freeze(): void {
    this.frozen = this.describe();
    this.finder = null;
    this.words = new FlowWords(new FlowModel());
  }

  private describe(): DescribedFinding[] {
    return this.finder?.findings.map((finding) => this.describeOne(finding)) ?? this.frozen;
  }

  private describeOne(finding: Finding): DescribedFinding {
    const flowList = [...finding.flows];
    const texts = this.kept.get(finding) ?? this.textsOf(finding, this.rowsOf(finding));
    return {
      ...texts,
      id: finding.id,
      kind: finding.kind,
      count: finding.count,
      flows: flowList.length,
      usualUs: finding.usualNs / 1000,
      nowUs: finding.nowNs / 1000,
      sinceNs: finding.sinceNs,
      untilNs: finding.untilNs,
      active: false,
      waitedNs: finding.waitedNs,
      measured: finding.measured,
      flowList,
    };
  }

  private rowsOf({ flows }: Finding): number[] {
    const table = this.words.model.flows;
    return [...flows].map((id) => table.rowOf(id)).filter((flow) => flow >= 0);
  }

  private textsOf(finding: Finding, rows: readonly number[]): FlowTexts {
    return {
      subject: this.subject(finding, rows[0] ?? 0),
      process: this.processes(rows),
      reason: finding.reason ?? (finding.host ? this.ports(finding, rows) : null),
      filter: this.filter(finding, rows),
    };
  }

  /** The service or address that it is about; clients of a local service are told as such. */
  private subject({ kind, side, host }: Finding, flow: number): string {
    const { words } = this;
    const { model } = words;
    const { flows } = model;
    const address = words.address(flow, side);
    const name = words.text(nameOf(model, flow, side));
    const isServer = side !== clientOf(model, flow);
    const port = isServer && !host ? words.serverPort(flow) : 0;
    const sentHere = (flows.flags.data[flow]! & (side === 1 ? FLOW_EGRESS_HI : FLOW_EGRESS_LO)) !== 0;
    const process = sentHere ? ownerOfSide(model, flow, side).process : -1;
    if (process >= 0 && isServer && !host) {
      const service = `${words.processName(process)} :${port}`;
      return kind === 'slow-answers' || kind === 'listen-overflow' ? service : `clients of ${service}`;
    }
    return port > 0 ? `${name ?? bracketed(address)}:${port}` : (name ?? address);
  }

  private processes(flows: readonly number[]): string | null {
    const names = new Set<string>();
    for (const flow of flows) {
      const at = this.words.read(flow);
      if (at.processName !== null) names.add(at.processName);
    }
    return names.size === 0 ? null : listed([...names]);
  }

  private ports(finding: Finding, flows: readonly number[]): string | null {
    const ports = new Set<number>();
    for (const flow of flows) ports.add(this.words.serverPort(flow));
    ports.delete(0);
    const sorted = [...ports].sort((a, b) => a - b);
    return sorted.length === 0 ? null : `port${sorted.length === 1 ? '' : 's'} ${listed(sorted.map(String))}`;
  }

  private filter({ side, host }: Finding, flows: readonly number[]): string | null {
    const [flow] = flows;
    if (flow === undefined) return null;
    const port = host ? 0 : this.words.serverPort(flow);
    return `ip.addr == ${this.words.address(flow, side)}${port > 0 ? ` && port == ${port}` : ''}`;
  }
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);
const listed = (names: readonly string[]): string =>
  names.length <= NAMED_MAX
    ? names.join(', ')
    : `${names.slice(0, NAMED_MAX).join(', ')} and ${names.length - NAMED_MAX} more`;

/** What goes on comes first, then what cost most (in powers of two, so that it does not dance), then what began first. */
function order(a: DescribedFinding, b: DescribedFinding): number {
  const weight = ({ waitedNs }: DescribedFinding): number => Math.floor(Math.log2(1 + waitedNs / 1e6));
  return Number(b.active) - Number(a.active) || weight(b) - weight(a) || a.sinceNs - b.sinceNs || a.id - b.id;
}

/** Lost data of our own, and interfaces that were away: one finding of each, however many gaps. */
function fromGaps(gaps: readonly Gap[]): DescribedFinding[] {
  const found: DescribedFinding[] = [];
  for (const kind of ['lost-data', 'link-away'] as const satisfies readonly FindingKind[]) {
    // While the machine slept, or a person paused the recording, nothing was lost.
    const own = gaps.filter(
      ({ stream }) =>
        stream !== GAP_SUSPENDED && stream !== GAP_PAUSED && (stream === GAP_INTERFACE) === (kind === 'link-away'),
    );
    if (own.length === 0) continue;
    found.push({
      id: GAP_ID + Number(kind === 'link-away'),
      kind,
      subject: '',
      process: null,
      reason: null,
      count: own.reduce((sum, { records }) => sum + records, 0),
      flows: 0,
      usualUs: NaN,
      nowUs: NaN,
      sinceNs: Math.min(...own.map(({ fromNs }) => fromNs)),
      untilNs: Math.max(...own.map(({ fromNs, toNs }) => (Number.isFinite(toNs) ? toNs : fromNs))),
      active: false,
      waitedNs: own.reduce((sum, { fromNs, toNs }) => sum + (Number.isFinite(toNs) ? toNs - fromNs : 0), 0),
      measured: false,
      flowList: [],
      filter: null,
    });
  }
  return found;
}
