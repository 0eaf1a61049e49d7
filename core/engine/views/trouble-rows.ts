/** Rows of the trouble view: findings, ranked. */
import { FINDING_KINDS } from '../../contract/findings.ts';
import type { TroubleParams } from '../../contract/requests.ts';
import type { RowSet, StringInterner } from '../../contract/view-codec.ts';
import type { Moment } from './state.ts';

export function fillTrouble(params: TroubleParams, moment: Moment, rows: RowSet, strings: StringInterner): void {
  moment.findings
    .rows(moment.gaps, moment.endNs)
    .slice(0, params.count)
    .forEach((finding, rank) => {
      const row = rows.upsert(finding.id);
      const values = [
        rank,
        FINDING_KINDS.indexOf(finding.kind),
        Number(finding.active),
        strings.id(finding.subject),
        strings.id(finding.process),
        strings.id(finding.reason),
        finding.sinceNs,
        finding.untilNs,
        finding.count,
        finding.flows,
        strings.id(finding.flowList.join(',')),
        strings.id(finding.filter),
        finding.usualUs,
        finding.nowUs,
        finding.waitedNs,
        Number(finding.measured),
      ];
      values.forEach((value, i) => (rows.columns[i]![row] = value));
    });
}
