import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ACK,
  be16,
  be32,
  clientHello,
  concat,
  dnsName,
  FIN,
  icmp,
  ipv4,
  PSH,
  RST,
  SYN,
  tcp,
  timestamps,
  udp,
} from '../dissect/test-packets.ts';
import { FlowModel } from '../flow/model.ts';
import { flowSummary, type FlowSummary } from '../summary/flow.ts';
import { summaryFlows } from '../summary/summary.ts';
import { Tracker } from './tracker.ts';

const C = '192.0.2.1';
const S = '198.51.100.2';
const MS = 1e6;

interface Extra {
  payload?: Uint8Array | number[];
  window?: number;
  options?: number[];
  iface?: number;
  id?: number;
  direction?: number;
}

/** A capture of raw IPv4 being written by hand; times in ms. */
class Lab {
  readonly model = new FlowModel();
  readonly tracker = new Tracker(this.model);
  isnC: number;
  isnS: number;
  #id = 1;

  constructor(isnC = 1000, isnS = 5000) {
    this.isnC = isnC;
    this.isnS = isnS;
    this.model.clock.anchor(1n << 62n, 1_700_000_000_000_000_000n, 0);
  }

  raw(atMs: number, packet: Uint8Array, { iface = 0, direction = 0 }: Extra = {}): void {
    this.model.interfaces.ensure(iface).linkType = 101;
    this.tracker.packet(iface, 101, packet, 0, packet.length, packet.length, atMs * MS, direction);
  }

  /** Sequence and acknowledgement relative to the ISNs: 1 is the first byte. */
  c(atMs: number, seq: number, ack: number, flags: number, extra: Extra = {}): this {
    const bytes = tcp(40000, 443, (this.isnC + seq) >>> 0, ack < 0 ? 0 : (this.isnS + ack) >>> 0, flags, extra);
    this.raw(atMs, ipv4(C, S, 6, bytes, { id: extra.id ?? this.#id++ }), extra);
    return this;
  }

  s(atMs: number, seq: number, ack: number, flags: number, extra: Extra = {}): this {
    const bytes = tcp(443, 40000, (this.isnS + seq) >>> 0, ack < 0 ? 0 : (this.isnC + ack) >>> 0, flags, extra);
    this.raw(atMs, ipv4(S, C, 6, bytes, { id: extra.id ?? this.#id++ }), extra);
    return this;
  }

  handshake(atMs = 0): this {
    return this.c(atMs, 0, -1, SYN)
      .s(atMs + 10, 0, 1, SYN | ACK)
      .c(atMs + 10.1, 1, 1, ACK);
  }

  get flows(): FlowSummary[] {
    this.tracker.finish();
    const source = {
      model: this.model,
      startedNs: 0n,
      durationNs: 0n,
      host: null,
      application: null,
      captured: { packets: 0, bytes: 0, wirePackets: 0 },
      late: 0,
      truncated: false,
    };
    return [...summaryFlows(source)].map((flow) => flowSummary(source, flow));
  }

  get flow(): FlowSummary {
    const { flows } = this;
    expect(flows).toHaveLength(1);
    return flows[0]!;
  }
}

const bytes = (n: number, fill = 1): number[] => Array<number>(n).fill(fill);

describe('TCP state', () => {
  it('opens and closes by four FIN segments; roles by SYN', () => {
    const { flow } = new Lab()
      .handshake()
      .c(20, 1, 1, FIN | ACK)
      .s(30, 1, 2, ACK)
      .s(31, 1, 2, FIN | ACK)
      .c(40, 2, 2, ACK);
    expect(flow).toMatchObject({ state: 'closed', end: 'fin', roles: 'syn', resets: 0, retransmits: 0 });
    expect(flow.ended).toBe('2023-11-14T22:13:20.040000000Z');
    expect(flow.latency.connectUs).toBe(10_100);
  });

  it('half closed is closing while the other half goes on', () => {
    const { flow } = new Lab()
      .handshake()
      .c(20, 1, 1, FIN | ACK)
      .s(30, 1, 2, ACK)
      .s(31, 1, 2, ACK | PSH, { payload: bytes(100) });
    expect(flow).toMatchObject({ state: 'closing', end: null, ended: null });
    expect(flow.received.payloadBytes).toBe(100);
  });

  it('a FIN recorded before its data takes effect at its sequence number', () => {
    const lab = new Lab().handshake().c(20, 1001, 1, FIN | ACK);
    lab.s(21, 1, 1, ACK);
    expect(lab.flow.state).toBe('closing');
    lab
      .c(22, 1, 1, ACK, { payload: bytes(1000) })
      .s(30, 1, 1002, FIN | ACK)
      .c(31, 1002, 2, ACK);
    expect(lab.flow).toMatchObject({ state: 'closed', end: 'fin', retransmits: 0 });
    expect(lab.flow.sent.payloadBytes).toBe(1000);
  });

  it('simultaneous close', () => {
    const { flow } = new Lab()
      .handshake()
      .c(20, 1, 1, FIN | ACK)
      .s(20, 1, 1, FIN | ACK)
      .c(30, 2, 2, ACK)
      .s(30, 2, 2, ACK);
    expect(flow).toMatchObject({ state: 'closed', end: 'fin', retransmits: 0 });
  });

  it('simultaneous open: two SYNs, two SYN-ACKs, one connection', () => {
    const { flow } = new Lab()
      .c(0, 0, -1, SYN)
      .s(1, 0, -1, SYN)
      .c(11, 0, 1, SYN | ACK)
      .s(12, 0, 1, SYN | ACK)
      .c(13, 1, 1, ACK);
    expect(flow).toMatchObject({ state: 'established', retransmits: 0, roles: 'syn' });
    expect(flow.client.address).toBe(C);
  });

  it('RST ends both sides at once', () => {
    const { flow } = new Lab()
      .handshake()
      .s(20, 1, 1, RST | ACK)
      .c(21, 1, 1, ACK);
    expect(flow).toMatchObject({ state: 'closed', end: 'reset', resets: 1 });
    expect(flow.ended).toBe('2023-11-14T22:13:20.020000000Z');
  });

  it('RST to a SYN is refused; one that acknowledges nothing of ours is not', () => {
    expect(new Lab().c(0, 0, -1, SYN).s(1, 0, 1, RST | ACK).flow).toMatchObject({ end: 'refused', resets: 1 });
    expect(new Lab().c(0, 0, -1, SYN).s(1, 0, -1, RST).flow.end).toBe('refused');
    const stale = new Lab().c(0, 0, -1, SYN);
    stale.raw(1, ipv4(S, C, 6, tcp(443, 40000, 9, (stale.isnC - 7) >>> 0, RST | ACK)));
    expect(stale.flow).toMatchObject({ state: 'syn-sent', end: null, resets: 1 });
  });

  it('a SYN that nobody answers times out when the capture goes on long enough', () => {
    const short = new Lab().c(0, 0, -1, SYN).c(1000, 0, -1, SYN);
    expect(short.flow).toMatchObject({ state: 'syn-sent', end: null, retransmits: 1 });
    const lab = new Lab().c(0, 0, -1, SYN).c(1000, 0, -1, SYN);
    lab.raw(200_000, ipv4(C, '10.0.0.9', 17, udp(1, 2, [1])));
    expect(lab.flows[0]).toMatchObject({ state: 'closed', end: 'timeout', retransmits: 1 });
  });

  it('a SYN with another number on the same addresses is another connection, with the known one a repeat', () => {
    const lab = new Lab()
      .handshake()
      .c(20, 1, 1, FIN | ACK)
      .s(30, 1, 2, FIN | ACK)
      .c(31, 2, 2, ACK);
    lab.c(32, 2, 2, ACK);
    lab.isnC = 777_777;
    lab.isnS = 888_888;
    lab.handshake(1000);
    const { flows } = lab;
    expect(flows.map(({ end }) => end)).toEqual(['fin', null]);
    expect(flows[0]!.sent.packets).toBe(5);
  });

  it('a late copy of the first SYN, after data and FIN, splits nothing', () => {
    const { flow } = new Lab()
      .s(10, 0, 1, SYN | ACK)
      .c(11, 1, 1, ACK, { payload: bytes(10) })
      .c(12, 11, 1, FIN | ACK)
      .c(13, 0, -1, SYN);
    expect(flow.sent.packets).toBe(3);
    expect(flow).toMatchObject({ roles: 'syn', retransmits: 0 });
    expect(flow.client.address).toBe(C);
  });

  it('a capture that begins in the middle: established, roles by port, no connect time', () => {
    const { flow } = new Lab().s(0, 100, 50, ACK, { payload: bytes(10) }).c(1, 50, 110, ACK);
    expect(flow).toMatchObject({ state: 'established', roles: 'port', retransmits: 0 });
    expect(flow.client.address).toBe(C);
    expect(flow.latency.connectUs).toBeNull();
  });
});

describe('retransmissions', () => {
  const data = (n: number): Extra => ({ payload: bytes(n) });

  it('only what was seen before is sent again; an ACK and data with the same number are not', () => {
    const lab = new Lab()
      .handshake()
      .c(20, 1, 1, ACK)
      .c(21, 1, 1, ACK | PSH, data(221));
    expect(lab.flow.retransmits).toBe(0);
    lab.c(400, 1, 1, ACK | PSH, data(221));
    expect(lab.flow).toMatchObject({ retransmits: 1, sentRetransmits: 1, receivedRetransmits: 0 });
  });

  it('a hole filled at once is out of order, filled later it is a retransmission', () => {
    const soon = new Lab().handshake().c(20, 101, 1, ACK, data(100)).c(21, 1, 1, ACK, data(100));
    expect(soon.flow.retransmits).toBe(0);
    const late = new Lab().handshake().c(20, 101, 1, ACK, data(100)).c(300, 1, 1, ACK, data(100));
    expect(late.flow.retransmits).toBe(1);
  });

  it('duplicate ACKs that ask for a segment make even a quick one a (fast) retransmission', () => {
    const lab = new Lab().handshake().s(20, 1, 1, ACK, data(100)).s(20.1, 201, 1, ACK, data(100));
    lab.c(20.2, 1, 101, ACK).c(20.3, 1, 101, ACK).c(20.4, 1, 101, ACK).s(20.5, 101, 1, ACK, data(100));
    expect(lab.flow.receivedRetransmits).toBe(1);
  });

  it('keep-alives with and without their byte are no retransmissions and no requests', () => {
    const lab = new Lab().handshake().c(20, 1, 1, ACK, data(10)).s(30, 1, 11, ACK, data(10)).c(30.1, 11, 11, ACK);
    lab.c(10_000, 10, 11, ACK, data(1)).s(10_001, 11, 11, ACK).c(20_000, 10, 11, ACK).s(20_001, 11, 11, ACK);
    expect(lab.flow.retransmits).toBe(0);
    expect(lab.flow.latency.response).toMatchObject({ n: 1, minUs: 10_000 });
  });

  it('the last byte sent again before it was acknowledged is one', () => {
    const lab = new Lab().handshake().c(20, 1, 1, ACK, data(1)).c(300, 1, 1, ACK, data(1));
    expect(lab.flow.retransmits).toBe(1);
  });

  it('probes of a zero window are a class of their own; zero windows are counted', () => {
    const lab = new Lab().handshake().c(20, 1, 1, ACK, data(100)).s(30, 1, 101, ACK, { window: 0 });
    lab.c(300, 101, 1, ACK, data(1)).s(301, 1, 101, ACK, { window: 0 });
    lab.c(600, 101, 1, ACK, data(1)).s(601, 1, 101, ACK, { window: 0 });
    expect(lab.flow).toMatchObject({ retransmits: 0, zeroWindows: 3 });
    lab.s(700, 1, 101, ACK, { window: 500 }).c(701, 101, 1, ACK, data(50));
    expect(lab.flow).toMatchObject({ retransmits: 0, zeroWindows: 3 });
  });

  it('a repeated FIN and SYN-ACK are retransmissions', () => {
    const lab = new Lab()
      .handshake()
      .c(20, 1, 1, FIN | ACK)
      .c(300, 1, 1, FIN | ACK);
    expect(lab.flow.sentRetransmits).toBe(1);
    expect(
      new Lab()
        .c(0, 0, -1, SYN)
        .s(1, 0, 1, SYN | ACK)
        .s(1001, 0, 1, SYN | ACK).flow.receivedRetransmits,
    ).toBe(1);
  });

  it('property: any stream cut anywhere, across the wrap, has none; a shuffle within the handshake time has none', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.array(fc.integer({ min: 1, max: 1400 }), { minLength: 1, maxLength: 12 }),
        fc.nat(3),
        (isn, sizes, swap) => {
          const lab = new Lab(isn, 0xffffff00).handshake();
          const segments: [number, number][] = [];
          let at = 1;
          for (const size of sizes) {
            segments.push([at, size]);
            at += size;
          }
          for (let i = 0; i + 1 < segments.length; i += 2 + swap) {
            [segments[i], segments[i + 1]] = [segments[i + 1]!, segments[i]!];
          }
          segments.forEach(([seq, size], i) => lab.c(20 + i, seq, 1, ACK, data(size)));
          lab
            .s(100, 1, at, ACK)
            .c(101, at, 1, FIN | ACK)
            .s(102, 1, at + 1, FIN | ACK)
            .c(103, at + 1, 2, ACK);
          const { flow } = lab;
          expect([flow.retransmits, flow.end, flow.sent.payloadBytes]).toEqual([0, 'fin', at - 1]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('property: each segment sent once more after the round trip counts once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.array(fc.nat(1), { minLength: 1, maxLength: 20 }),
        (isn, again) => {
          const lab = new Lab(isn).handshake();
          again.forEach((_, i) => lab.c(20 + i, 1 + i * 100, 1, ACK, data(100)));
          again.forEach((repeat, i) => {
            if (repeat === 1) lab.c(500 + i, 1 + i * 100, 1, ACK, data(100));
          });
          expect(lab.flow.sentRetransmits).toBe(again.reduce((sum, repeat) => sum + repeat, 0));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('latency', () => {
  it('no connect time and no round trip when the SYN was repeated', () => {
    const { flow } = new Lab()
      .c(0, 0, -1, SYN)
      .c(1000, 0, -1, SYN)
      .s(1040, 0, 1, SYN | ACK)
      .c(1040.1, 1, 1, ACK);
    expect(flow.latency.connectUs).toBeNull();
    expect(flow.latency.rtt).toBeNull();
    expect(flow.state).toBe('established');
  });

  it('timestamps tell which SYN was answered', () => {
    const lab = new Lab().c(0, 0, -1, SYN, { options: timestamps(100, 0) });
    lab.c(1000, 0, -1, SYN, { options: timestamps(1100, 0) });
    lab
      .s(1040, 0, 1, SYN | ACK, { options: timestamps(7, 1100) })
      .c(1040.1, 1, 1, ACK, { options: timestamps(1140, 7) });
    expect(lab.flow.latency.rtt).toMatchObject({ n: 1, minUs: 40_000 });
  });

  it('timestamps tell which transmission of data was answered', () => {
    const lab = new Lab().handshake();
    lab.c(100, 1, 1, ACK, { payload: bytes(50), options: timestamps(1, 0) });
    lab.c(400, 1, 1, ACK, { payload: bytes(50), options: timestamps(301, 0) });
    lab.s(460, 1, 51, ACK, { options: timestamps(9, 301) });
    expect(lab.flow.latency.rtt).toMatchObject({ n: 2, minUs: 10_000, maxUs: 60_000 });
  });

  it('of a burst of which only some segments are timed, an answer to another gives no round trip', () => {
    const lab = new Lab().handshake();
    for (let i = 0; i < 8; i++) lab.c(100 + i, 1 + i * 100, 1, ACK, { payload: bytes(100) });
    lab.s(127, 1, 801, ACK);
    lab.c(200, 801, 1, ACK, { payload: bytes(100) }).s(210, 1, 901, ACK);
    expect(lab.flow.latency.rtt).toMatchObject({ n: 2, minUs: 10_000, maxUs: 10_000 });
  });

  it('near the server the half towards the client is the round trip', () => {
    const lab = new Lab()
      .c(0, 0, -1, SYN)
      .s(0.1, 0, 1, SYN | ACK)
      .c(50, 1, 1, ACK);
    lab
      .c(60, 1, 1, ACK, { payload: bytes(5) })
      .s(60.2, 1, 6, ACK, { payload: bytes(9) })
      .c(110.2, 6, 10, ACK);
    const { rtt } = lab.flow.latency;
    expect([rtt!.n, rtt!.minUs, rtt!.maxUs]).toEqual([2, 49_900, 50_000]);
  });

  it('response: last request segment before the turn to the first payload of the answer, once a turn', () => {
    const lab = new Lab().handshake();
    lab.c(20, 1, 1, ACK, { payload: bytes(10) }).c(30, 11, 1, ACK, { payload: bytes(10) });
    lab
      .s(31, 1, 21, ACK)
      .s(75, 1, 21, ACK, { payload: bytes(10) })
      .s(90, 11, 21, ACK, { payload: bytes(10) });
    lab.c(100, 21, 21, ACK, { payload: bytes(10) });
    expect(lab.flow.latency.response).toMatchObject({ n: 1, minUs: 45_000 });
  });

  it('time that steps back gives no negative times', () => {
    const lab = new Lab().handshake(1000);
    lab
      .c(2000, 1, 1, ACK, { payload: bytes(10) })
      .s(500, 1, 11, ACK, { payload: bytes(10) })
      .c(400, 11, 11, ACK);
    const { flow } = lab;
    expect(flow.latency.response).toBeNull();
    expect(flow.latency.rtt!.n).toBe(1);
    expect(flow.started).toBe('2023-11-14T22:13:20.400000000Z');
  });

  it('ping: request to reply of the same number', () => {
    const lab = new Lab();
    lab.raw(0, ipv4(C, S, 1, icmp(8, 0, [...be16(5), ...be16(1)], bytes(56))));
    lab.raw(30, ipv4(S, C, 1, icmp(0, 0, [...be16(5), ...be16(1)], bytes(56))));
    lab.raw(1000, ipv4(C, S, 1, icmp(8, 0, [...be16(5), ...be16(2)], bytes(56))));
    expect(lab.flow).toMatchObject({ protocol: 'icmp', client: { address: C, port: null }, state: 'active' });
    expect(lab.flow.latency.rtt).toMatchObject({ n: 1, minUs: 30_000 });
  });

  it('an ICMP error counts in the flow it quotes', () => {
    const lab = new Lab();
    const question = ipv4(C, S, 17, udp(1111, 9, [1, 2, 3]));
    lab.raw(0, question);
    lab.raw(5, ipv4('10.0.0.1', C, 1, icmp(3, 3, be32(0), question.subarray(0, 28))));
    expect([lab.flow.protocol, lab.flow.sent.packets, lab.flow.received.packets]).toEqual(['udp', 1, 1]);
  });
});

describe('copies', () => {
  it('a conversation seen on two interfaces counts once, a real retransmission still counts', () => {
    const lab = new Lab();
    lab.model.interfaces.ensure(0).linkType = 101;
    lab.model.interfaces.ensure(1).linkType = 101;
    const both = (atMs: number, side: 'c' | 's', seq: number, ack: number, flags: number, extra: Extra = {}): void => {
      const id = 100 + atMs;
      lab[side](atMs, seq, ack, flags, { ...extra, id, iface: 0 });
      lab[side](atMs + 0.02, seq, ack, flags, { ...extra, id, iface: 1 });
    };
    both(0, 'c', 0, -1, SYN);
    both(10, 's', 0, 1, SYN | ACK);
    both(11, 'c', 1, 1, ACK);
    both(20, 'c', 1, 1, ACK, { payload: bytes(10) });
    both(300, 'c', 1, 1, ACK, { payload: bytes(10) });
    expect([lab.flow.sent.packets, lab.flow.received.packets, lab.flow.retransmits]).toEqual([4, 1, 1]);
    expect(lab.model.interfaces.sum(8 + 9)).toBe(5);
  });

  it('one or two look-alikes are no evidence', () => {
    const lab = new Lab();
    lab.raw(0, ipv4(C, S, 17, udp(1, 2, [1])), { iface: 0 });
    lab.raw(0.1, ipv4(C, S, 17, udp(1, 2, [1])), { iface: 1 });
    expect(lab.flow.sent.packets + lab.flow.received.packets).toBe(2);
  });
});

describe('names', () => {
  const answer = (name: string, records: number[][]): Uint8Array =>
    concat([0, 1, 0x81, 0x80, 0, 1, 0, records.length, 0, 0, 0, 0], dnsName(name), [0, 1, 0, 1], records.flat());
  const record = (owner: number[], type: number, data: number[]): number[] => [
    ...owner,
    ...be16(type),
    0,
    1,
    ...be32(60),
    ...be16(data.length),
    ...data,
  ];

  it('an answer names the server for who asked, through CNAMEs, and for nobody else', () => {
    const lab = new Lab();
    const reply = answer('shop.example', [
      record([0xc0, 12], 5, dnsName('cdn.example')),
      record(dnsName('cdn.example'), 1, [198, 51, 100, 2]),
    ]);
    lab.raw(0, ipv4('10.0.0.53', C, 17, udp(53, 3333, reply)));
    lab.handshake(1);
    lab.raw(20, ipv4('192.0.2.99', S, 6, tcp(5, 443, 1, 0, SYN)));
    const flows = lab.flows.filter(({ protocol }) => protocol === 'tcp');
    expect(flows.map(({ client, server }) => [client.address, server.name])).toEqual([
      [C, 'shop.example'],
      ['192.0.2.99', null],
    ]);
  });

  it('property: a ClientHello in any segments, any order, any records, is read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 8 }),
        fc.nat(3000),
        fc.integer({ min: 20, max: 16384 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.boolean(),
        (sizes, pad, record, isn, reversed) => {
          const hello = clientHello('shop.example', ['h2', 'http/1.1'], pad, record);
          const parts: [number, Uint8Array][] = [];
          for (let at = 0, i = 0; at < hello.length; i++) {
            const size = sizes[i % sizes.length]!;
            parts.push([at, hello.subarray(at, at + size)]);
            at += size;
          }
          // Beyond 32 pieces out of order the gatherer gives up: no real stack sends that.
          if (reversed && parts.length > 30) return;
          if (reversed) parts.reverse();
          const lab = new Lab(isn).handshake();
          parts.forEach(([at, payload], i) => lab.c(20 + i * 0.1, 1 + at, 1, ACK, { payload }));
          expect(lab.flow.tls).toMatchObject({ serverName: 'shop.example', alpn: ['h2', 'http/1.1'] });
          expect(lab.flow.server.name).toBe('shop.example');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives up after 16 KiB, and on what is no TLS', () => {
    const lab = new Lab().handshake();
    lab.c(20, 1, 1, ACK, { payload: [...'GET / HTTP/1.1'].map((char) => char.charCodeAt(0)) });
    expect(lab.flow.tls).toBeNull();
    const endless = new Lab().handshake();
    const head = [22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff];
    endless.c(20, 1, 1, ACK, { payload: head });
    for (let at = 10; at < 20_000; at += 1400) endless.c(20 + at / 1000, at, 1, ACK, { payload: bytes(1400, 0) });
    expect(endless.flow.tls).toBeNull();
  });
});

describe('bounds', () => {
  it('beyond the cap of flows packets are counted, not followed', () => {
    const model = new FlowModel();
    const tracker = new Tracker(model, { flowsMax: 3 });
    for (let port = 1; port <= 5; port++) {
      const packet = ipv4(C, S, 17, udp(port, 9, [1]));
      tracker.packet(0, 101, packet, 0, packet.length, packet.length, port, 0);
    }
    tracker.flush();
    expect(model.flows.rows.count).toBe(3);
    expect(model.interfaces.sum(24)).toBe(2);
    expect(model.interfaces.sum(0)).toBe(5);
  });

  it('thousands of flows are found again after the index grew', () => {
    const model = new FlowModel();
    const tracker = new Tracker(model);
    for (let round = 0; round < 2; round++) {
      for (let port = 1; port <= 5000; port++) {
        const packet = round === 0 ? ipv4(C, S, 17, udp(port, 9, [1])) : ipv4(S, C, 17, udp(9, port, [1]));
        tracker.packet(0, 101, packet, 0, packet.length, packet.length, port, 0);
      }
    }
    expect(model.flows.rows.count).toBe(5000);
  });

  it('hostile bytes: no throw, and every packet is in a flow or in a reason', () => {
    const lab = new Lab().handshake();
    const tls = ipv4(C, S, 6, tcp(40000, 443, 1001, 5001, ACK, { payload: clientHello('a.example', ['h2']) }));
    const dns = ipv4(S, C, 17, udp(53, 1, concat([0, 1, 0x80, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0xc0, 12], bytes(40, 0xc0))));
    fc.assert(
      fc.property(
        fc.constantFrom(tls, dns),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
        fc.nat(400),
        fc.double({ min: -1e15, max: 1e18, noNaN: true }),
        fc.constantFrom(0, 1, 2),
        (sample, changes, cut, at, direction) => {
          const packet = sample.slice(0, Math.max(0, sample.length - (cut % sample.length)));
          for (const [where, value] of changes) if (where < packet.length) packet[where] = value;
          lab.raw(at / MS, packet, { iface: direction, direction });
        },
      ),
      { numRuns: 5000 },
    );
    const { model } = lab;
    const inFlows = lab.flows.reduce((sum, flow) => sum + flow.sent.packets + flow.received.packets, 0);
    let unparsed = 0;
    for (let reason = 0; reason < 16; reason++) unparsed += model.interfaces.sum(8 + reason);
    expect(inFlows + unparsed).toBe(model.interfaces.sum(0));
  });
});

describe('times before the first packet', () => {
  it('a conversation that lies earlier than the first packet of the file is measured all the same', () => {
    const { latency, state } = new Lab().handshake(-5000).flow;
    expect(state).toBe('established');
    expect([latency.connectUs, latency.rtt!.minUs]).toEqual([10_100, 10_000]);
  });
});
