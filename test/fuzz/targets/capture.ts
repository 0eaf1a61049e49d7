/** pcap and pcapng, whole and in pieces; the same compressed; the model that is made of them. */
import { gzipSync } from 'node:zlib';
import { CaptureParser, type CaptureResult } from '../../../core/capture/parser.ts';
import { readCaptureStream } from '../../../core/capture/read.ts';
import type { CaptureHandlers } from '../../../core/capture/interface.ts';
import { flowSummary } from '../../../core/summary/flow.ts';
import { sessionSummary } from '../../../core/summary/session.ts';
import { summaryFlows } from '../../../core/summary/summary.ts';
import { ForeignCapture } from '../../../core/tracker/open-foreign.ts';
import { firstDifference } from '../mutate.ts';
import { captures } from '../seeds.ts';
import { hold, refusable, refusableAsync, type Target } from '../target.ts';

interface Seen {
  /** Where the record of each packet ends. */
  readonly ends: number[];
  readonly marks: string[];
  result: CaptureResult | null;
}

/** Everything that the reader gives out, every getter asked. */
function read(bytes: Uint8Array, piece: number): Seen {
  const seen: Seen = { ends: [], marks: [], result: null };
  let delivered = 0;
  let at = -1;
  const handlers: CaptureHandlers = {
    packet: (packet) => {
      hold(packet.offset + packet.captured <= packet.bytes.length, 'a packet outside the buffer');
      hold(Number.isFinite(packet.seconds) && packet.nanos >= 0 && packet.nanos <= 999_999_999, 'an impossible time');
      hold(packet.length >= packet.captured, 'shorter than what was captured');
      delivered += packet.captured;
      packet.comments();
      at = packet.at;
      seen.ends.push(packet.at + 24 + packet.captured);
      seen.marks.push(`${packet.at} ${packet.captured} ${packet.original} ${packet.seconds}.${packet.nanos}`);
    },
    names: () => undefined,
    secrets: () => undefined,
    process: () => undefined,
    statistics: () => undefined,
    local: () => undefined,
    block: (_type, _bytes, start, end) => {
      if (at >= 0) seen.ends[seen.ends.length - 1] = at + end - start;
      at = -1;
    },
  };
  const parser = new CaptureParser(handlers, { bufferBytes: 64 });
  seen.result = refusable(() => {
    for (let at = 0; at < bytes.length; at += piece) parser.push(bytes.subarray(at, at + piece));
    return parser.end();
  });
  hold(delivered <= bytes.length, 'more packet bytes than there are', delivered, bytes.length);
  hold(parser.buffer.length <= Math.max(128, bytes.length * 4), 'a buffer larger than the input', parser.buffer.length);
  return seen;
}

/** Damage is told with its place, and nothing before it is lost. */
function judge({ marks, result }: Seen, bytes: Uint8Array, parent: Uint8Array): void {
  if (result !== null) {
    hold(result.packets === marks.length, 'packets that were not delivered', result.packets, marks.length);
    hold(result.problems.length <= 64 && result.problemCount >= result.problems.length, 'problems without bound');
    for (const { at, what } of result.problems) {
      hold(at >= 0 && at <= bytes.length && what !== '' && !what.includes('\n'), 'a problem without place', at, what);
    }
    if (result.truncated)
      hold(
        result.problems.some(({ damage }) => damage),
        'truncated, and no word of why',
      );
    hold(result.wholeBytes >= 0 && result.wholeBytes <= bytes.length, 'wholeBytes', result.wholeBytes);
  }
  if (bytes === parent) return;
  // The reader sees one byte after the other: what lies before the first change is what it was.
  const same = firstDifference(bytes, parent);
  const before = read(parent, parent.length);
  const kept = before.marks.filter((_, i) => before.ends[i]! <= same);
  hold(
    kept.every((mark, i) => marks[i] === mark),
    'a packet before the damage is gone',
    kept.length,
    marks.length,
  );
}

const parser: Target = {
  name: 'capture',
  seeds: captures,
  run: (bytes, parent) => {
    const whole = read(bytes, Math.max(1, bytes.length));
    judge(whole, bytes, parent);
    if (bytes.length > 4096) return;
    for (const piece of [1, 7]) {
      const again = read(bytes, piece);
      hold(again.marks.join() === whole.marks.join(), 'other packets in pieces of', piece);
      const told = JSON.stringify(again.result?.problems) === JSON.stringify(whole.result?.problems);
      hold(told, 'other problems in pieces of', piece);
    }
  },
};

const compressed: Target = {
  name: 'compressed',
  seeds: () => captures().slice(0, 12).map((bytes) => new Uint8Array(gzipSync(bytes))), // prettier-ignore
  run: async (bytes) => {
    let packets = 0;
    const source = (async function* () {
      yield bytes;
    })();
    const result = await refusableAsync(() => readCaptureStream(source, { packet: () => packets++ }, { name: 'f' }));
    if (result === null) return;
    hold(result.packets === packets, 'packets that were not delivered');
    if (result.truncated)
      hold(
        result.problems.some(({ damage }) => damage),
        'truncated, and no word of why',
      );
  },
};

/** The flow model of a foreign capture: every packet in a flow or under a reason, and no figure that cannot be. */
const flows: Target = {
  name: 'flows',
  seeds: captures,
  run: (bytes) => {
    const capture = new ForeignCapture();
    const reader = new CaptureParser(capture.handlers, { bufferBytes: 64 });
    const result = refusable(() => {
      reader.push(bytes);
      return reader.end();
    });
    const source = capture.finish(result?.truncated ?? true);
    const session = sessionSummary(source);
    let inFlows = 0;
    for (const row of summaryFlows(source)) {
      const flow = flowSummary(source, row);
      for (const { packets, bytes: sum, payloadBytes } of [flow.sent, flow.received]) {
        hold(packets >= 0 && sum >= 0 && payloadBytes >= 0 && payloadBytes <= sum, 'impossible counters', sum);
        inFlows += packets;
      }
      const { connectUs, rtt, response } = flow.latency;
      hold((connectUs ?? 0) >= 0 && (rtt?.minUs ?? 0) >= 0 && (response?.minUs ?? 0) >= 0, 'a negative duration');
      hold((flow.retransmits ?? 0) <= flow.sent.packets + flow.received.packets, 'more retransmits than packets');
    }
    const unparsed = Object.values(session.unparsed).reduce((sum, count) => sum + count, 0);
    hold(inFlows + unparsed === session.packets, 'packets that are nowhere', inFlows, unparsed, session.packets);
    hold(session.packets === reader.packets, 'packets that were not counted', session.packets, reader.packets);
    hold(source.durationNs >= 0n, 'a negative duration of the session', source.durationNs);
  },
};

export const captureTargets: readonly Target[] = [parser, compressed, flows];
