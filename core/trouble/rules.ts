/** Thresholds of every rule, in one place; docs/trouble.md says why. All times ns. */

/** Latency is judged in windows of this length. */
export const WINDOW_NS = 5e9;
/** What one window weighs against those before it in what is usual: half is forgotten after about 33 s of samples. */
export const FORGET = 0.9;
/** Windows in a row that begin, or end, a finding. */
export const IN_A_ROW = 2;
/** So long a new level lasts until it is what is usual. */
export const ADAPT_NS = 600e9;

export interface LatencyRule {
  /** Samples that a window needs to be judged, and that what is usual must rest on. */
  readonly samples: number;
  readonly usualSamples: number;
  /** Begins at so many times the usual median, and so much above it. */
  readonly times: number;
  readonly aboveNs: number;
  /** Ends below so many times the usual median. */
  readonly endTimes: number;
  /** Slow without any comparison; Infinity = never. */
  readonly slowNs: number;
}
export const RTT_RULE: LatencyRule = {
  samples: 4,
  usualSamples: 8,
  times: 2.5,
  aboveNs: 5e6,
  endTimes: 1.5,
  slowNs: Infinity,
};
export const RESPONSE_RULE: LatencyRule = {
  samples: 3,
  usualSamples: 6,
  times: 2.5,
  aboveNs: 20e6,
  endTimes: 1.5,
  slowNs: 1e9,
};

/** How long data waits in our kernel until the process reads it. */
export const READ_RULE: LatencyRule = {
  samples: 3,
  usualSamples: 6,
  times: 2.5,
  aboveNs: 20e6,
  endTimes: 1.5,
  slowNs: 100e6,
};

export interface CountRule {
  /** Begins at so many within that time. */
  readonly count: number;
  readonly withinNs: number;
  /** Weight of one, ns of waiting: measured where it can be, else what one usually costs. */
  readonly weightNs: number;
}
export const COUNT_RULES = {
  retransmits: { count: 5, withinNs: 10e9, weightNs: 200e6 },
  'slow-reader': { count: 3, withinNs: 10e9, weightNs: 100e6 },
  'peer-stopped-reading': { count: 3, withinNs: 10e9, weightNs: 100e6 },
  refused: { count: 1, withinNs: 60e9, weightNs: 1e9 },
  resets: { count: 3, withinNs: 60e9, weightNs: 1e9 },
  'no-answer': { count: 1, withinNs: 60e9, weightNs: 3e9 },
  dns: { count: 1, withinNs: 60e9, weightNs: 5e9 },
  'kernel-drops': { count: 3, withinNs: 10e9, weightNs: 200e6 },
  'listen-overflow': { count: 1, withinNs: 60e9, weightNs: 1e9 },
} as const satisfies Record<string, CountRule>;
export type CountedKind = keyof typeof COUNT_RULES;

/** So long without another event, and a finding is over. */
export const QUIET_NS = 30e9;
/** One that begins again within that time after its end is the same finding. */
export const AGAIN_NS = 120e9;
/** A DNS question without an answer for so long is a finding. */
export const DNS_ANSWER_NS = 5e9;

/** Kernel drop reasons that have a finding of their own. */
export const RECEIVE_BUFFER_REASONS: ReadonlySet<string> = new Set(['SOCKET_RCVBUFF', 'PROTO_MEM', 'SOCKET_BACKLOG']);
export const LISTEN_OVERFLOW_REASON = 'TCP_LISTEN_OVERFLOW';
/** Said by another finding: a segment to a port where nothing listens is a refusal. */
export const SAID_ELSEWHERE: ReadonlySet<string> = new Set(['NO_SOCKET']);

/** Bounds of memory: what comes after is counted, not kept. */
export const FINDINGS_MAX = 1000;
export const SERVICES_MAX = 8192;
export const FLOWS_MAX = 64;
