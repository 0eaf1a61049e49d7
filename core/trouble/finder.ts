/**
 * Findings: what went wrong, since when, of whom; worked out while the model is filled, one look at each sample and event.
 * A finding begins by its rule (rules.ts), goes on while it is renewed within half a minute, and begins anew as the same
 * one within two minutes: so the list does not dance. Nothing of it is part of the model's state.
 */
import {
  FLOW_EGRESS_HI,
  FLOW_EGRESS_LO,
  FLOW_SYN_HI,
  FLOW_SYN_LO,
  FLOW_SYNACK_HI,
  FLOW_SYNACK_LO,
} from '../abi/generated.ts';
import type { FindingKind } from '../contract/findings.ts';
import { COUNTERS } from '../flow/flows.ts';
import type { FlowModel } from '../flow/model.ts';
import type { TroubleKind } from '../flow/observer.ts';
import { pathsOf, type Paths } from '../flow/paths.ts';
import { clientOf } from '../flow/roles.ts';
import { LatencyWatch, type LatencyVerdict } from './latency-watch.ts';
import {
  AGAIN_NS,
  COUNT_RULES,
  DNS_ANSWER_NS,
  FINDINGS_MAX,
  FLOWS_MAX,
  LISTEN_OVERFLOW_REASON,
  QUIET_NS,
  READ_RULE,
  RECEIVE_BUFFER_REASONS,
  RESPONSE_RULE,
  RTT_RULE,
  SAID_ELSEWHERE,
  type CountedKind,
  type LatencyRule,
} from './rules.ts';
import { Services } from './services.ts';

export interface Finding {
  /** Stays: number in the list of all. */
  readonly id: number;
  readonly kind: FindingKind;
  sinceNs: number;
  /** Last time that it was renewed. */
  untilNs: number;
  count: number;
  /** Distinct flows by id, the first of them (FLOWS_MAX), and the side of those that it is about. */
  readonly flows: Set<number>;
  readonly side: number;
  /** About the address, whatever the port. */
  readonly host: boolean;
  readonly reason: string | null;
  usualNs: number;
  nowNs: number;
  /** What was waited because of it: measured for slow answers, else what one such event usually costs. */
  waitedNs: number;
  /** `waitedNs` is measured. */
  readonly measured: boolean;
}

/** Events of one kind and subject, before and while they are a finding. */
interface Counting {
  /** Of the span that `rule.withinNs` looks at. */
  sinceNs: number;
  count: number;
  lastNs: number;
  /** The same segment on another interface: its ports and when. */
  ports: number;
  iface: number;
  /** ids */
  flows: number[];
  finding: Finding | null;
}

/** One segment is seen on all its interfaces within this. */
const SAME_SEGMENT_NS = 2e6;
/** Nothing goes on, or again, after this: longer than AGAIN_NS and the spans of all rules. */
const FORGET_NS = 600e9;
/** Subjects that are counted at a time. */
const COUNTING_MAX = 20_000;

type LatencyKind = 'rising-rtt' | 'slow-answers' | 'slow-reads';
const LATENCY_KINDS: ReadonlySet<FindingKind> = new Set<LatencyKind>(['rising-rtt', 'slow-answers', 'slow-reads']);

/** One kind of latency of all services, by number of the service. */
class ServiceLatency {
  readonly watches: (LatencyWatch | undefined)[] = [];
  /** The finding that it is now. */
  readonly findings: (Finding | undefined)[] = [];
  readonly kind: LatencyKind;
  readonly rule: LatencyRule;
  constructor(kind: LatencyKind, rule: LatencyRule) {
    this.kind = kind;
    this.rule = rule;
  }
}

export class TroubleFinder {
  readonly findings: Finding[] = [];
  /** Findings that were not kept because there are too many. */
  lost = 0;
  readonly model: FlowModel;
  readonly services: Services;
  private readonly paths: Paths;
  private readonly rtts = new ServiceLatency('rising-rtt', RTT_RULE);
  private readonly responses = new ServiceLatency('slow-answers', RESPONSE_RULE);
  /** Of local sockets that connected, and of those that serve. */
  private readonly clientReads = new ServiceLatency('slow-reads', READ_RULE);
  private readonly servedReads = new ServiceLatency('slow-reads', READ_RULE);
  private readonly counting = new Map<string, Counting>();
  /** `id` of the flow */
  private readonly questions: { id: number; atNs: number }[] = [];

  constructor(model: FlowModel) {
    this.model = model;
    this.services = new Services(model);
    this.paths = pathsOf(model);
  }

  rtt(flow: number, valueNs: number, atNs: number): void {
    this.sample(this.rtts, flow, valueNs, atNs, this.server(flow));
  }

  response(flow: number, valueNs: number, atNs: number): void {
    this.sample(this.responses, flow, valueNs, atNs, this.server(flow));
  }

  /** Data waited in our kernel for the reader of `side`; about the peer's service, or the peer of a local one. */
  read(flow: number, valueNs: number, atNs: number, side: number): void {
    const watches = side === this.server(flow) ? this.servedReads : this.clientReads;
    this.sample(watches, flow, valueNs, atNs, 1 - side);
  }

  /** Something was sent: a first sight of a DNS flow is a question that wants an answer. */
  bytes(flow: number, atNs: number): void {
    if (!this.services.isNew(flow)) return;
    this.services.of(flow);
    if (this.services.isDns(flow)) this.questions.push({ id: this.id(flow), atNs });
  }

  trouble(flow: number, kind: TroubleKind, atNs: number, count: number, text: string | null, side: number): void {
    if (flow < 0 || !this.paths.shown(flow)) return;
    switch (kind) {
      case 'retransmit':
        if (this.unanswered(flow)) this.count('no-answer', flow, this.server(flow), true, atNs, count, null);
        else this.count('retransmits', flow, this.server(flow), false, atNs, count, null);
        return;
      case 'timeout':
        this.count('no-answer', flow, this.server(flow), true, atNs, count, null);
        return;
      case 'refused':
        this.count('refused', flow, this.server(flow), true, atNs, count, null);
        return;
      case 'reset':
        this.count('resets', flow, this.server(flow), false, atNs, count, null);
        return;
      case 'zero-window':
        this.zeroWindow(flow, atNs, count, side);
        return;
      case 'drop':
        this.drop(flow, atNs, count, text ?? 'unknown');
    }
  }

  /** Takes in what only time tells; `nowNs` = the newest moment. To be called now and then. */
  settle(nowNs: number): void {
    this.paths.update();
    let kept = 0;
    for (const question of this.questions) {
      if (nowNs - question.atNs < DNS_ANSWER_NS) this.questions[kept++] = question;
      else {
        const flow = this.model.flows.rowOf(question.id);
        if (flow >= 0 && this.isUnansweredQuestion(flow))
          this.count('dns', flow, this.server(flow), false, question.atNs, 1, null);
      }
    }
    this.questions.length = kept;
  }

  /** The session is over: what the last windows hold is judged too. */
  finish(): void {
    for (const { watches } of [this.rtts, this.responses, this.clientReads, this.servedReads])
      for (const watch of watches) watch?.close();
    this.settle(this.model.nowNs);
  }

  /** Flows have other rows now. What is counted and quiet for long is not counted on: it would begin anew. */
  folded(numbers: Int32Array): void {
    this.services.folded(numbers);
    for (const [subject, { lastNs }] of this.counting)
      if (this.model.nowNs - lastNs > FORGET_NS) this.counting.delete(subject);
  }

  // ---- events -------------------------------------------------------------------------------------------------------

  private id(flow: number): number {
    return this.model.flows.id.data[flow]!;
  }

  private server(flow: number): number {
    return 1 - clientOf(this.model, flow);
  }

  private zeroWindow(flow: number, atNs: number, count: number, side: number): void {
    const flags = this.model.flows.flags.data[flow]!;
    const sentHere = (flags & (side === 1 ? FLOW_EGRESS_HI : FLOW_EGRESS_LO)) !== 0;
    // What is the matter is at the side that closed its window; of a local one, the peer names the service.
    if (sentHere) this.count('slow-reader', flow, 1 - side, false, atNs, count, null);
    else this.count('peer-stopped-reading', flow, Math.max(0, side), false, atNs, count, null);
  }

  private drop(flow: number, atNs: number, count: number, reason: string): void {
    if (SAID_ELSEWHERE.has(reason)) return;
    const server = this.server(flow);
    if (reason === LISTEN_OVERFLOW_REASON) this.count('listen-overflow', flow, server, false, atNs, count, reason);
    else if (RECEIVE_BUFFER_REASONS.has(reason)) this.count('slow-reader', flow, server, false, atNs, count, reason);
    else this.count('kernel-drops', flow, server, false, atNs, count, reason);
  }

  /** A SYN went out and nothing came back. */
  private unanswered(flow: number): boolean {
    const flags = this.model.flows.flags.data[flow]!;
    return (flags & (FLOW_SYN_LO | FLOW_SYN_HI)) !== 0 && (flags & (FLOW_SYNACK_LO | FLOW_SYNACK_HI)) === 0;
  }

  private isUnansweredQuestion(flow: number): boolean {
    if (!this.paths.shown(flow)) return false;
    const counters = this.model.flows.counters.data;
    const server = this.server(flow);
    return counters[(flow * 2 + server) * COUNTERS] === 0 && counters[(flow * 2 + 1 - server) * COUNTERS]! > 0;
  }

  private count(
    kind: CountedKind,
    flow: number,
    side: number,
    host: boolean,
    atNs: number,
    count: number,
    reason: string | null,
  ): void {
    const subject = host ? this.services.hostOf(flow, side) : String(this.services.of(flow));
    const counting = this.countingOf(`${kind} ${side === this.server(flow) ? 's' : 'c'} ${subject} ${reason ?? ''}`);
    if (!counting || this.isCopy(counting, flow, atNs)) return;
    const rule = COUNT_RULES[kind];
    const { finding } = counting;
    const quietNs = atNs - counting.lastNs;
    counting.lastNs = Math.max(counting.lastNs, atNs);
    if (finding && quietNs < QUIET_NS) {
      this.renew(finding, flow, atNs, count, rule.weightNs);
      return;
    }
    if (counting.count === 0 || atNs - counting.sinceNs > rule.withinNs) {
      counting.sinceNs = atNs;
      counting.count = 0;
      counting.flows.length = 0;
    }
    counting.count += count;
    const id = this.id(flow);
    if (counting.flows.length < FLOWS_MAX && !counting.flows.includes(id)) counting.flows.push(id);
    if (counting.count < rule.count) return;
    const again = finding && counting.sinceNs - finding.untilNs < AGAIN_NS ? finding : null;
    const begun = again ?? this.begin(kind, counting.sinceNs, side, host, reason, false);
    counting.finding = begun;
    if (begun) {
      for (const each of counting.flows) addFlow(begun, each);
      this.renew(begun, flow, atNs, counting.count, rule.weightNs);
    }
    counting.count = 0;
  }

  /** The same segment was told of on another of its interfaces just before. */
  private isCopy(counting: Counting, flow: number, atNs: number): boolean {
    const { flows } = this.model;
    const ports = flows.portOf(flow, 0) * 65536 + flows.portOf(flow, 1);
    const iface = flows.ifaceOf(flow);
    if (counting.ports === ports && counting.iface !== iface && Math.abs(atNs - counting.lastNs) < SAME_SEGMENT_NS)
      return true;
    counting.ports = ports;
    counting.iface = iface;
    return false;
  }

  private countingOf(key: string): Counting | null {
    let found = this.counting.get(key);
    if (!found) {
      if (this.counting.size >= COUNTING_MAX) return null;
      found = { sinceNs: 0, count: 0, lastNs: -Infinity, ports: -1, iface: -1, flows: [], finding: null };
      this.counting.set(key, found);
    }
    return found;
  }

  // ---- latency ------------------------------------------------------------------------------------------------------

  /** `side` = the end of the flow that a finding would be about. */
  private sample(of: ServiceLatency, flow: number, valueNs: number, atNs: number, side: number): void {
    if (!this.paths.shown(flow)) return;
    const service = this.services.of(flow);
    if (service < 0) return;
    (of.watches[service] ??= this.newWatch(of, service, side)).add(valueNs, atNs);
    const finding = of.findings[service];
    if (finding) addFlow(finding, this.id(flow));
  }

  private newWatch({ kind, rule, findings }: ServiceLatency, service: number, side: number): LatencyWatch {
    let last: Finding | null = null;
    let before = { samples: 0, waitedNs: 0 };
    return new LatencyWatch(rule, (verdict, ended) => {
      if (ended) {
        findings[service] = undefined;
        before = { samples: 0, waitedNs: 0 };
        return;
      }
      if (!findings[service] && (!last || verdict.sinceNs - last.untilNs >= AGAIN_NS))
        last = this.begin(kind, verdict.sinceNs, side, false, null, kind !== 'rising-rtt');
      if (!last) return;
      findings[service] = last;
      this.apply(last, verdict, before);
      before = { samples: verdict.samples, waitedNs: verdict.waitedNs };
    });
  }

  /** `before` = what of the verdict the finding has already. */
  private apply(finding: Finding, verdict: LatencyVerdict, before: { samples: number; waitedNs: number }): void {
    finding.untilNs = Math.max(finding.untilNs, Math.min(verdict.untilNs, this.model.nowNs));
    finding.count += verdict.samples - before.samples;
    finding.waitedNs += verdict.waitedNs - before.waitedNs;
    if (Number.isNaN(finding.usualNs)) finding.usualNs = verdict.usualNs;
    finding.nowNs = Math.max(finding.nowNs, verdict.worstNs);
  }

  // ---- findings -----------------------------------------------------------------------------------------------------

  private begin(
    kind: FindingKind,
    sinceNs: number,
    side: number,
    host: boolean,
    reason: string | null,
    measured: boolean,
  ): Finding | null {
    if (this.findings.length >= FINDINGS_MAX) {
      this.lost++;
      return null;
    }
    const latency = LATENCY_KINDS.has(kind);
    const finding: Finding = {
      id: this.findings.length,
      kind,
      sinceNs,
      untilNs: sinceNs,
      count: 0,
      flows: new Set(),
      side,
      host,
      reason,
      usualNs: NaN,
      nowNs: latency ? 0 : NaN,
      waitedNs: 0,
      measured,
    };
    this.findings.push(finding);
    return finding;
  }

  private renew(finding: Finding, flow: number, atNs: number, count: number, weightNs: number): void {
    finding.untilNs = Math.max(finding.untilNs, atNs);
    finding.sinceNs = Math.min(finding.sinceNs, atNs);
    finding.count += count;
    finding.waitedNs += count * weightNs;
    addFlow(finding, this.id(flow));
  }
}

/** The finding still goes on at that time. */
export const isActive = ({ untilNs }: { readonly untilNs: number }, nowNs: number): boolean =>
  nowNs - untilNs < QUIET_NS;

function addFlow(finding: Finding, id: number): void {
  if (finding.flows.size < FLOWS_MAX) finding.flows.add(id);
}
