/** Classes of TCP segments, each by a conversation made for it; test/captures/truth.test.ts compares real ones with tshark. */
import { describe, expect, it } from 'vitest';
import { ACK, FIN, PSH, SYN } from '../../core/dissect/test-packets.ts';
import { told } from './build.ts';
import { connection, handshake, type Segment } from './connection.ts';

const C = 1001;
const S = 5001;
const bytes = (n: number): number[] => Array<number>(n).fill(7);
const c = (atMs: number, at: number, size: number, more: Partial<Segment> = {}): Segment => ({ from: 'c', seq: C + at, ack: S, flags: ACK | (size > 0 ? PSH : 0), payload: bytes(size), atMs, ...more }); // prettier-ignore
const s = (atMs: number, acked: number, more: Partial<Segment> = {}): Segment => ({ from: 's', seq: S, ack: C + acked, flags: ACK, atMs, ...more }); // prettier-ignore

/** What is counted beyond zero, sent and received. */
function classes(...segments: Segment[]): [Record<string, number>, Record<string, number>] {
  const flow = told(connection([...handshake(), ...segments])).flows[0]!;
  const some = (counts: Record<string, number | null>): Record<string, number> =>
    Object.fromEntries(Object.entries(counts).flatMap(([name, n]) => (n !== null && n > 0 ? [[name, n]] : [])));
  const { sentRetransmits, sentOutOfOrder, sentDuplicateAcks } = flow;
  const { receivedRetransmits, receivedOutOfOrder, receivedDuplicateAcks } = flow;
  return [
    some({ retransmits: sentRetransmits, outOfOrder: sentOutOfOrder, duplicateAcks: sentDuplicateAcks, ...flow.segments!.sent }),
    some({ retransmits: receivedRetransmits, outOfOrder: receivedOutOfOrder, duplicateAcks: receivedDuplicateAcks, ...flow.segments!.received }),
  ]; // prettier-ignore
}

describe('segments', () => {
  it('a hole, duplicate ACKs that ask for it, and what fills it', () => {
    const lost = [c(100, 0, 100), s(140, 100), c(150, 200, 100), s(190, 100), c(191, 300, 100), s(231, 100)];
    expect(classes(...lost, c(235, 100, 100))).toEqual([
      { retransmits: 1, fastRetransmits: 1, lostBefore: 1 },
      { duplicateAcks: 2 },
    ]);
    expect(classes(...lost, c(400, 100, 100))).toEqual([{ retransmits: 1, lostBefore: 1 }, { duplicateAcks: 2 }]);
  });

  it('overtaken within a round trip is out of order; acknowledged before it is sent again, spurious', () => {
    expect(classes(c(100, 100, 100), c(101, 0, 100))).toEqual([{ outOfOrder: 1, lostBefore: 1 }, {}]);
    expect(classes(c(100, 0, 100), s(140, 100), c(300, 0, 100))[0]).toEqual({ retransmits: 1, spuriousRetransmits: 1 });
  });

  it('keep-alives, their answers, and what moves the window', () => {
    const idle = [c(100, 0, 100), s(140, 100)];
    expect(classes(...idle, c(5000, 99, 0), s(5040, 100), c(9000, 99, 1), s(9040, 100))).toEqual([
      { keepAlives: 2 },
      { keepAliveAnswers: 2 },
    ]);
    expect(classes(...idle, s(200, 100, { window: 9000 }))).toEqual([{}, { windowUpdates: 1 }]);
    const closed = [...idle, s(200, 100, { window: 0 }), c(400, 100, 1), s(440, 100, { window: 0 })];
    expect(classes(...closed)[0]).toEqual({ zeroWindowProbes: 1 });
  });

  it('a window that is filled to its last byte; without the SYNs its scale is not known', () => {
    expect(classes(c(100, 0, 4096), c(101, 4096, 4096))[0]).toEqual({ windowFull: 1 });
    expect(classes(c(100, 0, 4096), c(101, 4096, 4095))[0]).toEqual({});
    const middle = [s(90, 0), c(100, 0, 4096), c(101, 4096, 4096)];
    expect(told(connection(middle)).flows[0]!.segments!.sent.windowFull).toBe(0);
  });

  it('an acknowledgement of what was not captured, once; a FIN and a SYN take a number each', () => {
    expect(classes(c(100, 0, 100), s(140, 300), s(141, 300))[1]).toEqual({ acknowledgedUnseen: 1, duplicateAcks: 1 });
    expect(classes(c(100, 0, 100), s(140, 100), c(150, 100, 0, { flags: FIN | ACK }), s(190, 101))).toEqual([{}, {}]);
    expect(classes(c(100, -1, 0, { flags: SYN, ack: 0 }))[0]).toEqual({ retransmits: 1 });
  });

  it('numbers wrap', () => {
    const isn = 2 ** 32 - 50;
    const data = (at: number, atMs: number): Segment => ({ from: 'c', seq: isn + 1 + at, ack: S, flags: ACK | PSH, payload: bytes(100), atMs }); // prettier-ignore
    const flow = told(connection([...handshake(isn), data(0, 100), data(100, 101)])).flows[0]!;
    expect([flow.segments!.sent.lostBefore, flow.retransmits, flow.sentOutOfOrder]).toEqual([0, 0, 0]);
  });
});
