/** What a finding says, in the language of the page: the sentences of core/contract/findings.ts. */
import type { FindingFacts, FindingWords } from '../../core/contract/findings.ts';
import { formatLatency, joined } from '../draw/format.ts';
import { t } from '../language/language.ts';

const latency = (us: number): string => joined(formatLatency(us));

function rose({ usualUs, nowUs }: FindingFacts): string {
  const now = latency(nowUs);
  return Number.isNaN(usualUs) ? t('findings.was', { now }) : t('findings.rose', { usual: latency(usualUs), now });
}
/** How many connections, and whose. */
function connectionsOf({ flows: n, process }: FindingFacts): string {
  return process === null ? t('findings.connections', { n }) : t('findings.connectionsOf', { n, process });
}
function connectsOf({ count: n, process }: FindingFacts): string {
  return process === null ? t('findings.connects', { n }) : t('findings.connectsOf', { n, process });
}

export function wordsOf(facts: FindingFacts): FindingWords {
  const { kind, subject, reason, count: n } = facts;
  const process = facts.process ?? t('findings.localProcess');
  const where = connectionsOf(facts);
  const connects = connectsOf(facts);
  switch (kind) {
    case 'retransmits':
      return {
        title: t('findings.retransmitsTitle', { subject }),
        detail: t('findings.retransmitsDetail', { n, where }),
      };
    case 'rising-rtt':
      return {
        title: t('findings.risingRttTitle', { subject }),
        detail: t('findings.risingRttDetail', { rose: rose(facts), where }),
      };
    case 'slow-answers':
      return {
        title: t('findings.slowAnswersTitle', { subject }),
        detail: t('findings.slowAnswersDetail', { n, rose: rose(facts), where }),
      };
    case 'slow-reads':
      return {
        title: t('findings.slowReadsTitle', { process }),
        detail: t('findings.slowReadsDetail', {
          rose: rose(facts),
          where: t('findings.connections', { n: facts.flows }),
          subject,
        }),
      };
    case 'slow-reader':
      return {
        title: t('findings.slowReaderTitle', { process }),
        detail:
          reason === null
            ? t('findings.slowReaderDetail', { n, where: t('findings.connections', { n: facts.flows }), subject })
            : t('findings.slowReaderDetailFull', { n, subject }),
      };
    case 'peer-stopped-reading':
      return {
        title: t('findings.peerStoppedReadingTitle', { subject }),
        detail: t('findings.peerStoppedReadingDetail', { n, where }),
      };
    case 'refused':
      return {
        title: t('findings.refusedTitle', { subject }),
        detail:
          reason === null
            ? t('findings.refusedDetail', { connects })
            : t('findings.refusedDetailWhy', { connects, reason }),
      };
    case 'resets':
      return { title: t('findings.resetsTitle', { subject }), detail: t('findings.resetsDetail', { n, where }) };
    case 'no-answer':
      return {
        title: t('findings.noAnswerTitle', { subject }),
        detail:
          reason === null
            ? t('findings.noAnswerDetail', { connects })
            : t('findings.noAnswerDetailWhy', { connects, reason }),
      };
    case 'dns':
      return {
        title: t('findings.dnsTitle', { subject }),
        detail: facts.process === null ? t('findings.dnsDetail', { n }) : t('findings.dnsDetailBy', { n, process }),
      };
    case 'kernel-drops':
      return {
        title: t('findings.kernelDropsTitle', { subject }),
        detail: t('findings.kernelDropsDetail', { n, reason: reason ?? t('findings.reasonUnknown'), where }),
      };
    case 'listen-overflow':
      return {
        title: t('findings.listenOverflowTitle', { subject }),
        detail:
          facts.process === null
            ? t('findings.listenOverflowDetail', { n })
            : t('findings.listenOverflowDetailOf', { n, process }),
      };
    case 'lost-data':
      return { title: t('findings.lostDataTitle'), detail: t('findings.lostDataDetail', { n }) };
    case 'link-away':
      return { title: t('findings.linkAwayTitle'), detail: t('findings.linkAwayDetail') };
  }
}
