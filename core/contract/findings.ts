/** What a finding is, and how it is said: one place for the page and the command line. */

/** Kinds of findings; the number is what the view sends. docs/trouble.md has the rule of each. */
export const FINDING_KINDS = [
  'retransmits',
  'rising-rtt',
  'slow-answers',
  'slow-reads',
  'slow-reader',
  'peer-stopped-reading',
  'refused',
  'resets',
  'no-answer',
  'dns',
  'kernel-drops',
  'listen-overflow',
  'lost-data',
  'link-away',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** The numbers and names that a finding's sentences are made of. Names are untrusted text. */
export interface FindingFacts {
  kind: FindingKind;
  /** The service or address that it is about. */
  subject: string;
  /** Local processes that suffer, most first; null = not known. */
  process: string | null;
  /** Kernel's name of a drop reason, or ports. */
  reason: string | null;
  count: number;
  flows: number;
  /** Medians before and in the worst time, µs; NaN = does not apply. */
  usualUs: number;
  nowUs: number;
}

/** Words for durations given in µs and for counts, as the caller's medium writes them. */
export interface FindingFormat {
  latency: (us: number) => string;
  count: (n: number) => string;
}

export interface FindingWords {
  /** The cause first. */
  title: string;
  /** What happened, with numbers. */
  detail: string;
}

/** Title and detail of a finding: cause, number, who suffers. */
export function findingWords(facts: FindingFacts, format: FindingFormat): FindingWords {
  const { subject, process, reason, count, flows } = facts;
  const n = (value: number, one: string, many = `${one}s`): string =>
    `${format.count(value)} ${value === 1 ? one : many}`;
  const [usual, now] = [format.latency(facts.usualUs), format.latency(facts.nowUs)];
  const connections = n(flows, 'connection');
  const who = process === null ? '' : ` of ${process}`;
  const rose = Number.isNaN(facts.usualUs) ? `was ${now}` : `rose from ${usual} to ${now}`;
  switch (facts.kind) {
    case 'retransmits':
      return {
        title: `Packets to or from ${subject} were lost`,
        detail: `${n(count, 'segment was', 'segments were')} sent again on ${connections}${who}.`,
      };
    case 'rising-rtt':
      return {
        title: `The way to ${subject} became slower`,
        detail: `The median round trip ${rose} on ${connections}${who}.`,
      };
    case 'slow-answers':
      return {
        title: `${subject} answers slowly`,
        detail: `The median response ${rose}: ${n(count, 'slow answer')} on ${connections}${who}.`,
      };
    case 'slow-reads':
      return {
        title: `${process ?? 'A local process'} reads late`,
        detail: `Data waited in the kernel until it was read: the median ${rose} on ${connections} with ${subject}.`,
      };
    case 'slow-reader':
      return {
        title: `${process ?? 'A local process'} does not read fast enough`,
        detail:
          reason === null
            ? `Its receive window closed ${n(count, 'time')} on ${connections} with ${subject}.`
            : `The kernel dropped ${n(count, 'packet')} from ${subject} because its receive buffer was full.`,
      };
    case 'peer-stopped-reading':
      return {
        title: `${subject} stopped reading`,
        detail: `Its receive window closed ${n(count, 'time')} on ${connections}${who}.`,
      };
    case 'refused':
      return {
        title: `${subject} refused connections`,
        detail: `${n(count, 'connect')}${who} answered with a reset${reason === null ? '' : ` (${reason})`}.`,
      };
    case 'resets':
      return {
        title: `Connections with ${subject} were reset`,
        detail: `${n(count, 'reset')} on ${connections}${who}.`,
      };
    case 'no-answer':
      return {
        title: `${subject} does not answer`,
        detail: `${n(count, 'connect')}${who} had to be repeated${reason === null ? '' : ` (${reason})`}.`,
      };
    case 'dns':
      return {
        title: `DNS answers from ${subject} went missing`,
        detail: `${n(count, 'question')} got no answer within 5 s${process === null ? '' : `, asked by ${process}`}.`,
      };
    case 'kernel-drops':
      return {
        title: `The kernel dropped packets with ${subject}`,
        detail: `${n(count, 'packet')}, reason ${reason ?? 'not told'}, on ${connections}${who}.`,
      };
    case 'listen-overflow':
      return {
        title: `${subject} cannot accept fast enough`,
        detail: `${n(count, 'connect was', 'connects were')} turned away because the accept queue${who} was full.`,
      };
    case 'lost-data':
      return {
        title: 'Flowglass lost events',
        detail: `${n(count, 'record')} did not arrive. Totals are complete; states and latency of that time may not be.`,
      };
    case 'link-away':
      return { title: 'An interface was away', detail: 'It was down or gone; nothing was seen on it.' };
  }
}
