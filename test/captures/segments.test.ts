/** Classes of TCP segments, each by a conversation made for it; test/captures/truth.test.ts compares real ones with tshark. */
import { describe, expect, it } from 'vitest';
import { ACK, FIN, PSH, RST, SYN } from '../../core/dissect/test-packets.ts';
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

  it('acknowledged before it comes in the file it is neither overtaken nor sent again', () => {
    expect(classes(s(100, 200), c(101, 0, 200), c(140, 200, 100))).toEqual([{}, { acknowledgedUnseen: 1 }]);
    expect(classes(s(100, 200), c(900, 0, 300))[0]).toEqual({});
    expect(classes(s(100, 200), c(900, 0, 200))[0]).toEqual({ retransmits: 1, spuriousRetransmits: 1 });
  });

  it('keep-alives of which only the answers tell are none of the duplicate ACKs, and what was not seen is told once', () => {
    const idle = [c(5000, -1, 0), s(5040, 0), c(9000, -1, 0), s(9040, 0), c(13_000, -1, 0), s(13_040, 0)];
    const flow = told(connection(idle)).flows[0]!;
    expect([flow.sentDuplicateAcks, flow.receivedDuplicateAcks]).toEqual([0, 0]);
    expect(flow.segments!.sent.keepAlives).toBe(2);
    expect(flow.segments!.received.acknowledgedUnseen).toBe(1);
  });

  it('a stale answer to a SYN, reset by the client, does not end its attempt (RFC 9293, 3.10.7.3)', () => {
    const stale: Segment[] = [
      { from: 'c', seq: 1000, flags: SYN, atMs: 0 },
      { from: 's', seq: 777, ack: 900_000_000, flags: ACK, atMs: 30 },
      { from: 'c', seq: 900_000_000, flags: RST, atMs: 31 },
      { from: 'c', seq: 1000, flags: SYN, atMs: 1000 },
      { from: 's', seq: 5000, ack: 1001, flags: SYN | ACK, atMs: 1040 },
      c(1041, 0, 0),
      c(1050, 0, 100),
    ];
    const { flows } = told(connection(stale));
    expect(flows).toHaveLength(1);
    expect(flows[0]).toMatchObject({ state: 'established', retransmits: 1, resets: 1 });
  });

  it('numbers wrap', () => {
    const isn = 2 ** 32 - 50;
    const data = (at: number, atMs: number): Segment => ({ from: 'c', seq: isn + 1 + at, ack: S, flags: ACK | PSH, payload: bytes(100), atMs }); // prettier-ignore
    const flow = told(connection([...handshake(isn), data(0, 100), data(100, 101)])).flows[0]!;
    expect([flow.segments!.sent.lostBefore, flow.retransmits, flow.sentOutOfOrder]).toEqual([0, 0, 0]);
  });
});
