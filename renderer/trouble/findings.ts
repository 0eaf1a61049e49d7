/** Rows of the trouble view as the page shows them: sentences, chips, and where to go. */
import { FINDING_KINDS, type FindingFacts, type FindingKind, type FindingWords } from '../../core/contract/findings.ts';
import type { ViewState } from '../../core/contract/view-codec.ts';
import { formatSpan, visibleText } from '../draw/format.ts';
import type { GlyphName } from '../draw/icons.ts';
import { t } from '../language/language.ts';
import { wordsOf } from './words.ts';

export interface Finding {
  id: number;
  glyph: GlyphName;
  /** What its sentences are made of. */
  facts: FindingFacts;
  words: FindingWords;
  active: boolean;
  sinceNs: number;
  untilNs: number;
  /** Of its flows, the worst. */
  flows: readonly number[];
  filter: string | null;
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
        glyph: FINDING_GLYPHS[kind],
        facts,
        words: wordsOf(facts),
        active: at('active', row) === 1,
        sinceNs: at('sinceNs', row),
        untilNs: at('untilNs', row),
        flows: (text(at('flowList', row)) ?? '').split(',').filter(Boolean).map(Number),
        filter: text(at('filter', row)),
        waitedNs: at('waitedNs', row),
        measured: at('measured', row) === 1,
      };
    });
}

/** How long it lasted, or since when it goes on. */
export function lastedText({ sinceNs, untilNs, active }: Finding): string {
  const spanNs = Math.max(0, untilNs - sinceNs);
  if (active) return spanNs === 0 ? t('trouble.justBegun') : t('trouble.goesOnFor', { span: formatSpan(spanNs) });
  return spanNs === 0 ? t('trouble.oneMoment') : t('trouble.lasted', { span: formatSpan(spanNs) });
}

/** What was waited because of it; an estimate says so. */
export function waitedText({ waitedNs, measured }: Finding): string {
  if (!(waitedNs > 0)) return '';
  return t(measured ? 'trouble.spanWaited' : 'trouble.aboutWaited', { span: formatSpan(waitedNs) });
}
