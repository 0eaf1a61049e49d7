/** Findings of the invented machine, made of its marks as the engine makes them of events. */
import { FINDING_KINDS, type FindingKind } from '../../core/contract/findings.ts';
import { MARK_KINDS } from '../../core/contract/tables.ts';
import type { RowSet, StringInterner } from '../../core/contract/view-codec.ts';
import type { FakeMoment } from './fake-views.ts';

const KINDS: Readonly<Partial<Record<(typeof MARK_KINDS)[number], FindingKind>>> = {
  retransmit: 'retransmits',
  drop: 'kernel-drops',
  reset: 'resets',
  refused: 'refused',
  'zero-window': 'peer-stopped-reading',
  timeout: 'dns',
};
const AGAIN_S = 120;

export interface FakeFinding {
  kind: FindingKind;
  flow: number;
  sinceS: number;
  untilS: number;
  count: number;
  reason: string | null;
}

/** One finding a flow and kind, and a slower way to the flow that lost segments. */
export function findingsOf({ world, endS }: Pick<FakeMoment, 'world' | 'endS'>): FakeFinding[] {
  const found: FakeFinding[] = [];
  for (const { atS, flow, kind, count, text } of world.marks) {
    const wanted = KINDS[MARK_KINDS[kind] ?? 'slow'];
    if (wanted === undefined || atS > endS) continue;
    const same = found.find((each) => each.kind === wanted && each.flow === flow && atS - each.untilS < AGAIN_S);
    if (same) {
      same.count += count;
      same.untilS = atS;
    } else found.push({ kind: wanted, flow, sinceS: atS, untilS: atS, count, reason: text });
    if (wanted === 'retransmits' && flow === 0 && !same)
      found.push({ kind: 'rising-rtt', flow, sinceS: atS, untilS: atS + 60, count: 240, reason: null });
  }
  return found.sort((a, b) => b.count - a.count);
}

export function fillTrouble(moment: FakeMoment, rows: RowSet, strings: StringInterner): void {
  findingsOf(moment).forEach((finding, rank) => {
    const flow = moment.world.flows[finding.flow];
    const rising = finding.kind === 'rising-rtt';
    const subject = flow ? `${flow.peer.name ?? flow.peer.address}:${flow.peer.port}` : '';
    const filter = flow ? `ip.addr == ${flow.peer.address} && port == ${flow.peer.port}` : null;
    const row = rows.upsert(finding.sinceS * 100 + finding.flow * 20 + FINDING_KINDS.indexOf(finding.kind));
    const values = [
      rank,
      FINDING_KINDS.indexOf(finding.kind),
      moment.endS - finding.untilS < 30 ? 1 : 0,
      strings.id(subject),
      strings.id(flow?.process?.name ?? null),
      strings.id(finding.reason),
      finding.sinceS * 1e9,
      finding.untilS * 1e9,
      finding.count,
      1,
      strings.id(String(finding.flow)),
      strings.id(filter),
      rising ? (flow?.rttUs ?? NaN) : NaN,
      rising ? (flow?.rttUs ?? NaN) * (flow?.slowBy ?? 1) : NaN,
      finding.count * 2e8,
      0,
    ];
    values.forEach((value, c) => ((rows.columns[c] as Float64Array)[row] = value));
  });
}
