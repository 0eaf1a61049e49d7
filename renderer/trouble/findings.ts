/** Rows of the trouble view as the page shows them: sentences, chips, and where to go. */
import { FINDING_KINDS, findingWords, type FindingKind } from '../../core/contract/findings.ts';
import type { ViewState } from '../../core/contract/view-codec.ts';
import { formatCount, formatLatency, formatSpan, joined, visibleText } from '../draw/format.ts';
import type { GlyphName } from '../draw/icons.ts';

export interface Finding {
  id: number;
  kind: FindingKind;
  glyph: GlyphName;
  title: string;
  detail: string;
  active: boolean;
  sinceNs: number;
  untilNs: number;
  count: number;
  flows: readonly number[];
  filter: string | null;
  /** Median before and at its worst, µs; NaN = it is not about latency. */
  usualUs: number;
  nowUs: number;
  waitedNs: number;
  measured: boolean;
}

export const FINDING_GLYPHS: Readonly<Record<FindingKind, GlyphName>> = {
  retransmits: 'retransmit',
  'rising-rtt': 'slow',
  'slow-answers': 'slow',
  'slow-reads': 'slow',
  'slow-reader': 'zeroWindow',
  'peer-stopped-reading': 'zeroWindow',
  refused: 'reset',
  resets: 'reset',
  'no-answer': 'handshake',
  dns: 'slow',
  'kernel-drops': 'drop',
  'listen-overflow': 'drop',
  'lost-data': 'drop',
  'link-away': 'handshake',
};

const NAME_MAX = 60;
const FORMAT = {
  latency: (us: number): string => joined(formatLatency(us)),
  count: (n: number): string => joined(formatCount(n)),
};

/** Findings in their order; `text` = the connection's interned strings. */
export function readFindings(state: ViewState, text: (id: number) => string | null): Finding[] {
  const table = state.table('findings');
  const column = (name: string): ArrayLike<number> => table.column(name);
  const at = (name: string, row: number): number => column(name)[row] ?? NaN;
  const words = (name: string, row: number): string | null => {
    const found = text(at(name, row));
    return found === null ? null : visibleText(found, NAME_MAX);
  };
  return Array.from({ length: table.length }, (_, row) => ({ row, rank: at('rank', row) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ row }) => {
      const kind = FINDING_KINDS[at('kind', row)] ?? 'lost-data';
      const facts = {
        kind,
        subject: words('subject', row) ?? '',
        process: words('process', row),
        reason: words('reason', row),
        count: at('count', row),
        flows: at('flows', row),
        usualUs: at('usualUs', row),
        nowUs: at('nowUs', row),
      };
      return {
        id: table.keys[row] ?? 0,
        kind,
        glyph: FINDING_GLYPHS[kind],
        ...findingWords(facts, FORMAT),
        active: at('active', row) === 1,
        sinceNs: at('sinceNs', row),
        untilNs: at('untilNs', row),
        count: facts.count,
        flows: (text(at('flowList', row)) ?? '').split(',').filter(Boolean).map(Number),
        filter: text(at('filter', row)),
        usualUs: facts.usualUs,
        nowUs: facts.nowUs,
        waitedNs: at('waitedNs', row),
        measured: at('measured', row) === 1,
      };
    });
}

/** How long it lasted, or since when it goes on. */
export function lastedText({ sinceNs, untilNs, active }: Finding): string {
  const spanNs = Math.max(0, untilNs - sinceNs);
  if (active) return spanNs === 0 ? 'just begun' : `goes on for ${formatSpan(spanNs)}`;
  return spanNs === 0 ? 'one moment' : `lasted ${formatSpan(spanNs)}`;
}

/** What was waited because of it; an estimate says so. */
export function waitedText({ waitedNs, measured }: Finding): string {
  if (!(waitedNs > 0)) return '';
  return `${measured ? '' : 'about '}${formatSpan(waitedNs)} waited`;
}
