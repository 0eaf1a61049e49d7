/**
 * Faults that other readers of captures had, one test each, by the numbers of a list that was gathered from public
 * trackers in November 2026. The inputs are made here; nothing of theirs is copied.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CaptureParser } from '../../core/capture/parser.ts';
import { readCapture } from '../../core/capture/read.ts';
import { DnsMessage, DnsName, readDnsName } from '../../core/dissect/dns.ts';
import {
  ACK,
  clientHello,
  concat,
  dnsName,
  ethernet,
  FIN,
  ipv4,
  PSH,
  RST,
  SYN,
  tcp,
  udp,
} from '../../core/dissect/test-packets.ts';
import {
  ack,
  bareHello,
  crypto,
  padding,
  PING,
  QUIC_V1,
  QUIC_V2,
  quicHandshake,
  quicInitial,
  quicShort,
  type InitialOptions,
} from '../../core/dissect/test-quic.ts';
import { foreignPackets } from '../../core/engine/foreign-packets.ts';
import { runExport } from '../../core/export/run.ts';
import { openForeign } from '../../core/tracker/open-foreign.ts';
import { Blocks, EPOCH, file, numbers, pcap, read, told } from './build.ts';
import { A, B, connection, handshake, type Segment } from './connection.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-bugs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const stored = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

const le = new Blocks(true);
const be = new Blocks(false);
const S = 1_000_000_000n;
const datagram = (port = 9, size = 20): Uint8Array =>
  ethernet(0x800, ipv4(A, B, 17, udp(40000, port, Array<number>(size).fill(7))));

describe('reading the file', () => {
  it('1. if_tsresol with the top bit is a power of two; a huge snaplen refuses nothing', () => {
    for (const b of [le, be]) {
      const bytes = file(b.section(), b.interface(1, 0xffffffff, [b.resolution(0x80 | 20)]), b.packet(0, (BigInt(EPOCH) << 20n) + 3n, datagram())); // prettier-ignore
      expect(read(bytes).packets[0]!.ns).toBe(BigInt(EPOCH) * S + (3n * S) / (1n << 20n));
    }
  });

  it('2. nanoseconds come out whatever the unit of the file: n = 0, 3, 6, 9, and finer ones cut', () => {
    for (const n of [0, 3, 6, 9, 12]) {
      // Picoseconds since 1970 do not fit 64 bits: if_tsoffset carries the seconds.
      const fine = n === 12;
      const ticks = fine ? 123_456_789_012n : BigInt(EPOCH) * 10n ** BigInt(n);
      const options = [le.resolution(n), [14, numbers(8, true, fine ? EPOCH : 0)]] as const;
      const bytes = file(le.section(), le.interface(1, 0, options), le.packet(0, ticks, datagram()));
      expect(read(bytes).packets[0]!.ns).toBe(BigInt(EPOCH) * S + (fine ? 123_456_789n : 0n));
    }
  });

  it('3. no resolution byte divides by zero or shifts too far: each of the 256 gives a time that is a number', () => {
    for (let resolution = 0; resolution < 256; resolution++) {
      const bytes = file(
        le.section(),
        le.interface(1, 0, [le.resolution(resolution)]),
        le.interface(),
        le.packet(0, 1n << 33n, datagram()),
        le.packet(1, BigInt(EPOCH) * 1_000_000n, datagram()),
      );
      const { packets, result } = read(bytes);
      const exponent = BigInt(resolution & 0x7f);
      const scale = resolution & 0x80 ? 1n << exponent : 10n ** exponent;
      expect([resolution, packets[0]!.ns]).toEqual([resolution, ((1n << 33n) * S) / scale]);
      expect(packets[1]!.ns).toBe(BigInt(EPOCH) * S);
      expect(result.truncated).toBe(false);
    }
  });

  it('4. resolution, offset, link type and snaplen are each interface’s own, in each section', () => {
    const bytes = file(
      le.section(),
      le.interface(1, 0),
      le.interface(101, 0, [le.resolution(9), [14, numbers(8, true, 60)]]),
      le.packet(0, BigInt(EPOCH) * 1_000_000n, datagram()),
      le.packet(1, BigInt(EPOCH - 60) * S + 5n, datagram().slice(14)),
      be.section(),
      be.interface(101, 24, [be.resolution(3)]),
      be.packet(0, BigInt(EPOCH) * 1000n, datagram().slice(14)),
      be.simple(datagram().slice(14, 38), 48),
    );
    const { packets } = read(bytes);
    const at = BigInt(EPOCH) * S;
    expect(packets.map(({ ns, iface, captured }) => [ns, iface, captured])).toEqual([
      [at, 0, 62],
      [at + 5n, 1, 48],
      [at, 2, 48],
      [null, 2, 24],
    ]);
    expect(told(bytes).flows).toHaveLength(1);
  });

  it('5. no time goes through a double: neighbouring nanoseconds stay apart', () => {
    const base = 1_571_234_567_123_456_789n;
    const bytes = file(le.section(), le.interface(1, 0, [le.resolution(9)]), ...[0n, 1n, 2n].map((i) => le.packet(0, base + i, datagram()))); // prettier-ignore
    expect(read(bytes).packets.map(({ ns }) => ns)).toEqual([base, base + 1n, base + 2n]);
    expect(told(bytes).flows[0]!.started).toBe('2019-10-16T14:02:47.123456789Z');
  });

  it('6. one precision end to end: a flow’s packets lie within its span, and asking for them finds all', async () => {
    const times = [123_456_789, 323_456_001, 523_456_999, 999_999_999];
    const records = times.map((fraction) => ({ bytes: datagram(), fraction }));
    const path = stored('six.pcap', pcap(records, { magic: 0xa1b23c4d }));
    const { source } = await openForeign(path);
    const { model } = source;
    expect(model.flows.firstNs.data[0]).toBe(0);
    expect(model.flows.lastNs.data[0]).toBe(999_999_999 - 123_456_789);
    const packets = foreignPackets(
      path,
      () => model.clock.wallNs(0) ?? 0n,
      () => '',
    );
    const { total, rows } = await packets.list(model, 0, 0, 100);
    expect([total, rows.map(({ atNs }) => atNs + 123_456_789)]).toEqual([4, times]);
  });

  it('7. seconds of pcap are unsigned: 2038 is not before 1970, and 2106 is reached', () => {
    const { packets } = read(pcap([{ bytes: datagram(), seconds: 0x80000000 }, { bytes: datagram(), seconds: 0xffffffff }])); // prettier-ignore
    expect(packets.map(({ ns }) => ns! / S)).toEqual([0x80000000n, 0xffffffffn]);
    const early = file(le.section(), le.interface(1, 0, [[14, numbers(8, true, -100)]]), le.packet(0, 40_000_000n, datagram())); // prettier-ignore
    expect(read(early).packets[0]!.ns).toBe(-60n * S);
    expect(told(early).flows[0]!.started).toBe('1969-12-31T23:59:00.000000000Z');
  });

  it('8. interfaces of different link types and snaplens: each packet is decoded by its own', () => {
    const ip = datagram().slice(14);
    const bytes = file(
      le.section(),
      le.interface(1, 100),
      le.interface(0, 65535),
      le.interface(113),
      le.packet(0, 1n, datagram()),
      le.packet(1, 2n, [2, 0, 0, 0, ...ip]),
      le.packet(2, 3n, [0, 4, 0, 1, 0, 6, ...Array<number>(8).fill(0), 8, 0, ...ip]),
    );
    const { flows, session } = told(bytes);
    expect(session).toMatchObject({ packets: 3, unparsed: {} });
    expect(flows.map(({ sent }) => sent.packets)).toEqual([3]);
  });

  it('9. an interface before every packet: the table grows, ids count from 0 in each section', () => {
    const many = (b: Blocks): number[][] => Array.from({ length: 300 }, (_, i) => [...b.interface(), ...b.packet(i, BigInt(i), datagram())]); // prettier-ignore
    const bytes = file(le.section(), ...many(le), be.section(), ...many(be));
    const { packets, result } = read(bytes);
    expect(packets.map(({ iface }) => iface)).toEqual(Array.from({ length: 600 }, (_, i) => i));
    expect(result).toMatchObject({ truncated: false, damaged: 0 });
  });

  it('10. a packet of an interface that was never described is damage with its place; reading goes on', () => {
    const head = file(le.section(), le.interface(), le.interface());
    const { packets, result } = read(file(head, le.packet(7, 1n, datagram()), le.packet(1, 2n, datagram())));
    expect(packets).toHaveLength(1);
    expect(result.damaged).toBe(1);
    expect(result.problems).toEqual([{ at: head.length, what: 'a packet of interface 7, which is not described', damage: true }]); // prettier-ignore
  });

  it('11. a captured length beyond its block is damage; nothing is allocated; a cut packet is not broken by it', () => {
    const lying = le.packet(0, 1n, datagram());
    lying.splice(20, 4, 0xff, 0xff, 0xff, 0xff);
    const { packets, result } = read(file(le.section(), le.interface(), lying, le.packet(0, 2n, datagram(), 1500)));
    expect(packets.map(({ captured, original }) => [captured, original])).toEqual([[62, 1500]]);
    expect(result.damaged).toBe(1);
    expect(result.problems[0]!.what).toContain('4294967295 captured bytes in a block of');
  });

  it('12. a record longer than the snaplen of the header is read; one of 16 MB that is not there ends the reading', () => {
    const long = ethernet(0x800, ipv4(A, B, 17, udp(1, 2, Array<number>(4000).fill(1))));
    const good = pcap([{ bytes: long }], { snaplen: 64 });
    expect(read(good).packets).toHaveLength(1);
    const { packets, result } = read(file(good, numbers(4, true, EPOCH, 0, 16_000_000, 16_000_000), Array<number>(50).fill(0))); // prettier-ignore
    expect(packets).toHaveLength(1);
    expect(result.problems).toEqual([{ at: good.length, what: 'a packet of 16000000 bytes cannot be', damage: true }]);
  });

  it('13. captured more than the original length: kept, flagged, and nothing goes below zero', () => {
    const bytes = pcap([{ bytes: datagram(), original: 1 }]);
    const { packets, result } = read(bytes);
    expect(packets[0]).toMatchObject({ captured: 62, original: 1, length: 62 });
    expect([result.truncated, result.problems.map(({ damage }) => damage)]).toEqual([false, [false]]);
    const { session, flows } = told(bytes);
    expect([session.bytes, session.captured.bytes, flows[0]!.sent.bytes]).toEqual([62, 62, 62]);
  });

  it('14. snaplen 0 is no limit', () => {
    expect(read(pcap([{ bytes: datagram() }], { snaplen: 0 })).packets[0]!.captured).toBe(62);
    expect(read(file(le.section(), le.interface(1, 0), le.simple(datagram()))).packets[0]!.captured).toBe(62);
  });

  it('15. simple packets leave the padding out; nothing depends on where chunks end; blocks of gigabytes are stepped over', () => {
    const odd = datagram(9, 17);
    const bytes = file(le.section(), le.interface(1, 0), le.simple(odd), le.simple(odd.slice(0, 30), 314), be.section(), be.interface(1, 10), be.simple(odd.slice(0, 10), 59)); // prettier-ignore
    const whole = read(bytes);
    expect(whole.packets.map(({ captured, original, hex }) => [captured, original, hex.length / 2])).toEqual([
      [59, 59, 59],
      [32, 314, 32],
      [10, 59, 10],
    ]);
    for (const piece of [1, 2, 3, 4, 5]) expect(read(bytes, piece).packets).toEqual(whole.packets);
    const huge = [...numbers(4, true, 0x1234, 0x90000000), ...Array<number>(40).fill(0)];
    const { result } = read(file(le.section(), huge));
    expect(result).toMatchObject({ truncated: true, cutAt: 28 + 48 });
  });

  it('16. options are stepped over with their padding', () => {
    const options = [[2, [...Buffer.from('eth-5')]], le.resolution(9), [3, [...Buffer.from('x')]]] as const;
    const { result, packets } = read(file(le.section(), le.interface(1, 0, options), le.packet(0, 5n, datagram())));
    expect(result.interfaces[0]).toMatchObject({ name: 'eth-5', description: 'x' });
    expect(packets[0]!.ns).toBe(5n);
  });

  it('17. the end of the block ends its options; one that is longer than its block is damage of that block alone', () => {
    const comments: string[][] = [];
    const parser = new CaptureParser({ packet: (packet) => comments.push(packet.comments()) });
    const comment = le.options([[1, [...Buffer.from('abc')]]], false);
    parser.push(file(le.section(), le.interface(), le.packet(0, 1n, datagram(), 62, comment)));
    expect([comments, parser.end().problems]).toEqual([[['abc']], []]);
    const over = [...numbers(2, true, 1, 400), 65, 66, 67, 0];
    const bytes = file(
      le.section(),
      le.interface(),
      le.packet(0, 1n, datagram(), 62, over),
      le.packet(0, 2n, datagram()),
    );
    const { packets, result } = read(bytes);
    expect(packets).toHaveLength(2);
    expect(result.problems.map(({ what }) => what)).toEqual(['an option is longer than its block']);
  });

  it('18. cut at any byte: all whole packets, then one plain sentence with the offset', () => {
    const head = file(le.section(), le.interface());
    const bytes = file(head, le.packet(0, 1n, datagram()), le.packet(0, 2n, datagram()));
    const block = (bytes.length - head.length) / 2;
    for (let cut = 4; cut < bytes.length; cut++) {
      const { packets, result } = read(bytes.slice(0, cut));
      expect([cut, packets.length]).toEqual([cut, Math.max(0, Math.floor((cut - head.length) / block))]);
      const clean = [28, head.length, head.length + block].includes(cut);
      expect([cut, result.cutAt, result.truncated]).toEqual([cut, clean ? null : cut, !clean]);
      if (!clean) expect(result.problems.at(-1)).toEqual({ at: cut, what: `cut short at byte ${cut}`, damage: true });
    }
  });

  it('19. more data wanted at the end of the input is the end', () => {
    const { packets, result } = read(pcap([{ bytes: datagram() }, { bytes: datagram().slice(0, 50), captured: 100 }]));
    expect([packets.length, result.cutAt]).toEqual([1, 24 + 16 + 62 + 16 + 50]);
  });

  it('20. a second section that is earlier: ids begin again, no extra connections, no negative duration', () => {
    const flows = (b: Blocks, seconds: number): number[][] => [
      b.section(),
      b.interface(),
      ...[1, 2].flatMap((port) => [0n, 500_000n].map((us) => b.packet(0, BigInt(seconds) * 1_000_000n + us, datagram(port)))), // prettier-ignore
    ];
    const { flows: found, source } = told(file(...flows(le, EPOCH), ...flows(le, EPOCH - 3600)));
    expect(found.map(({ sent }) => sent.packets)).toEqual([4, 4]);
    for (const { started, ended } of found) expect(ended === null || started! <= ended).toBe(true);
    expect(found[0]!.started).toBe('2023-11-14T21:13:20.000000000Z');
    expect(source.durationNs).toBe(3600n * S + S / 2n);
  });

  it('21. decades between two packets cost nothing', () => {
    const before = process.memoryUsage().arrayBuffers;
    const { source, flows } = told(pcap([{ bytes: datagram(), seconds: 1 }, { bytes: datagram(), seconds: 0xfffffff0 }])); // prettier-ignore
    expect([flows.length, source.durationNs > 4_294_000_000n * S]).toEqual([1, true]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  });

  it('22. cooked captures are decoded; a link type that is not says so, with its number and its count', () => {
    const ip = datagram().slice(14);
    const cooked = [0, 4, 0, 1, 0, 6, ...Array<number>(8).fill(0), 8, 0, ...ip];
    const cooked2 = [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, ...Array<number>(8).fill(0), ...ip];
    const bytes = file(le.section(), le.interface(113), le.interface(276), le.interface(1), le.interface(195), ...[cooked, cooked2, [...datagram()], [1, 2, 3, 4]].map((packet, i) => le.packet(i, BigInt(i), packet))); // prettier-ignore
    const { flows, session } = told(bytes);
    expect(flows.map(({ sent }) => sent.packets)).toEqual([3]);
    expect(session.unparsed).toEqual({ 'link-type': 1 });
    expect(session.interfaces[3]!.linkType).toBe(195);
  });

  it('23. the magic decides, not the name', async () => {
    const ng = stored('really-ng.pcap', file(le.section(), le.interface(), le.packet(0, 1n, datagram())));
    const nano = stored(
      'nano.pcapng',
      pcap([{ bytes: datagram(), fraction: 7 }], { magic: 0xa1b23c4d, little: false }),
    );
    expect([(await readCapture(ng, {})).format, (await readCapture(nano, {})).format]).toEqual(['pcapng', 'pcap']);
    expect(read(new Uint8Array(readFileSync(nano))).packets[0]!.ns! % S).toBe(7n);
  });
});

describe('flows, TCP state, latency', () => {
  it('24. sequence numbers wrap: nothing is old, nothing repeated', () => {
    const isn = 2 ** 32 - 700;
    const data = Array.from({ length: 15 }, (_, i): Segment => ({ from: 'c', seq: isn + 1 + i * 100, ack: 5001, flags: ACK | PSH, payload: Array<number>(100).fill(i), atMs: 50 + i })); // prettier-ignore
    const { flows } = told(connection([...handshake(isn), ...data, { from: 's', seq: 5001, ack: isn + 1501, flags: ACK, atMs: 110 }])); // prettier-ignore
    expect(flows).toHaveLength(1);
    expect(flows[0]).toMatchObject({ state: 'established', retransmits: 0, sent: { payloadBytes: 1500 } });
    expect(flows[0]!.latency.rtt!.maxUs).toBeLessThan(100_000);
  });

  it('25. port reuse: another ISN after the close is another flow; a late copy of the first SYN is not; nor is the last ACK', () => {
    const close: Segment[] = [
      { from: 'c', seq: 1001, ack: 5001, flags: FIN | ACK, atMs: 100 },
      { from: 's', seq: 5001, ack: 1002, flags: FIN | ACK, atMs: 140 },
      { from: 'c', seq: 1002, ack: 5002, flags: ACK, atMs: 140.1 },
    ];
    const again = told(connection([...handshake(), ...close, ...handshake(900_000, 77, 30_000)]));
    expect(again.flows.map(({ state, sent, received }) => [state, sent.packets, received.packets])).toEqual([
      ['closed', 4, 2],
      ['established', 2, 1],
    ]);
    const [syn, synAck, ack] = handshake() as [Segment, Segment, Segment];
    const late = told(connection([synAck, ack, { from: 'c', seq: 1001, ack: 5001, flags: ACK, payload: [1, 2], atMs: 50 }, ...close, { ...syn, atMs: 141 }])); // prettier-ignore
    expect(late.flows).toHaveLength(1);
    expect(late.flows[0]).toMatchObject({ state: 'closed', end: 'fin' });
  });

  it('26. FIN takes effect at its number, data within it counts, RST ends both sides, a half-closed flow goes on', () => {
    const early = told(
      connection([
        ...handshake(),
        { from: 'c', seq: 2001, ack: 5001, flags: FIN | ACK, payload: [9], atMs: 60 },
        { from: 'c', seq: 1001, ack: 5001, flags: ACK, payload: Array<number>(1000).fill(1), atMs: 60.5 },
        { from: 's', seq: 5001, ack: 2003, flags: ACK, atMs: 100 },
        { from: 's', seq: 5001, ack: 2003, flags: ACK, payload: Array<number>(500).fill(2), atMs: 200 },
      ]),
    );
    expect(early.flows[0]).toMatchObject({ state: 'closing', retransmits: 0, sent: { payloadBytes: 1001 }, received: { payloadBytes: 500 } }); // prettier-ignore
    const reset = told(connection([...handshake(), { from: 'c', seq: 1001, ack: 5001, flags: FIN | ACK, atMs: 60 }, { from: 'c', seq: 1002, ack: 5001, flags: RST, atMs: 61 }])); // prettier-ignore
    expect(reset.flows[0]).toMatchObject({ state: 'closed', end: 'reset', resets: 1 });
  });

  it('27. a packet held twice counts once; one that is sent twice still counts as a retransmission', () => {
    const cooked = (ip: Uint8Array, face: number): number[] => [8, 0, 0, 0, 0, 0, 0, face, 0, 1, 0, 6, ...Array<number>(8).fill(0), ...ip]; // prettier-ignore
    const records: { bytes: number[]; fraction: number }[] = [];
    const put = (us: number, ip: Uint8Array): void => {
      records.push({ bytes: cooked(ip, 2), fraction: us }, { bytes: cooked(ip, 3), fraction: us + 4 });
    };
    const c = (us: number, id: number, seq: number, ack: number, flags: number, payload: number[] = []): void =>
      put(us, ipv4(A, B, 6, tcp(40000, 443, seq, ack, flags, { payload }), { id }));
    c(0, 1, 1000, 0, SYN);
    put(40_000, ipv4(B, A, 6, tcp(443, 40000, 5000, 1001, SYN | ACK), { id: 2 }));
    c(40_100, 3, 1001, 5001, ACK);
    c(50_000, 4, 1001, 5001, ACK, [1, 2, 3]);
    c(300_000, 5, 1001, 5001, ACK, [1, 2, 3]);
    const { flows, session } = told(pcap(records, { linkType: 276 }));
    expect(session).toMatchObject({ packets: 10, unparsed: { duplicate: 5 } });
    expect(flows[0]).toMatchObject({ retransmits: 1, sent: { packets: 4 }, received: { packets: 1 } });
  });

  it('28. Karn: no round trip of what was sent twice; the halves of the handshake are told apart', () => {
    const [syn, synAck, ack] = handshake() as [Segment, Segment, Segment];
    const twice = told(connection([syn, { ...syn, atMs: 1000 }, { ...synAck, atMs: 1040 }, { ...ack, atMs: 1040.1 }]));
    expect(twice.flows[0]!.latency).toMatchObject({ connectUs: null, rtt: null });
    const data: Segment = { from: 'c', seq: 1001, ack: 5001, flags: ACK, payload: [1], atMs: 100 };
    const repeated = told(connection([...handshake(), data, { ...data, atMs: 400 }, { from: 's', seq: 5001, ack: 1002, flags: ACK, atMs: 460 }])); // prettier-ignore
    expect(repeated.flows[0]!.latency).toMatchObject({
      connectUs: 40_100,
      rtt: { n: 1, minUs: 40_000, maxUs: 40_000 },
    });
    // At the server's end the way to the client is the round trip.
    const near = told(connection([syn, { ...synAck, atMs: 0.1 }, { ...ack, atMs: 40.1 }]));
    expect(near.flows[0]!.latency.rtt).toMatchObject({ n: 1, minUs: 40_000 });
  });

  it('29. only payload, SYN and FIN can be retransmitted; keep-alives and zero-window probes are not', () => {
    const bare: Segment = { from: 'c', seq: 1001, ack: 5001, flags: ACK, atMs: 50 };
    const data: Segment = { ...bare, payload: Array<number>(221).fill(1), atMs: 51 };
    const { flows } = told(
      connection([
        ...handshake(),
        bare,
        data,
        { from: 's', seq: 5001, ack: 1222, flags: ACK, atMs: 90 },
        { from: 's', seq: 5001, ack: 1001, flags: ACK, atMs: 90.1 }, // overtaken
        { from: 'c', seq: 1221, ack: 5001, flags: ACK, payload: [0], atMs: 5000 }, // keep-alive
        { from: 's', seq: 5001, ack: 1222, flags: ACK, window: 0, atMs: 5040 },
        { from: 'c', seq: 1222, ack: 5001, flags: ACK, payload: [5], atMs: 6000 }, // probe
        { from: 's', seq: 5001, ack: 1222, flags: ACK, window: 0, atMs: 6040 },
      ]),
    );
    expect(flows[0]).toMatchObject({ retransmits: 0, zeroWindows: 2, sent: { packets: 6 } });
  });

  it('30. bytes are those of the wire: a snaplen changes no count; with the IP header alone the packet still counts', () => {
    const records = [1400, 60, 900].map((size) => datagram(9, size));
    const whole = told(pcap(records.map((bytes) => ({ bytes }))));
    for (const snaplen of [54, 60, 68]) {
      const cut = told(pcap(records.map((bytes) => ({ bytes: bytes.slice(0, snaplen), original: bytes.length }))));
      expect(cut.flows.map(({ sent }) => sent)).toEqual(whole.flows.map(({ sent }) => sent));
    }
    const { flows } = told(pcap(records.map((bytes) => ({ bytes: bytes.slice(0, 34), original: bytes.length }))));
    expect(flows[0]).toMatchObject({ protocol: 'udp', sent: { packets: 3, bytes: 1442 + 102 + 942 } });
  });

  it('31. one and two VLAN tags of any kind are stepped over; they are no part of the flow’s key', () => {
    const ip = datagram().slice(14);
    const tags: [number, number][][] = [[[0x8100, 5]], [[0x88a8, 6]], [[0x88a8, 7], [0x8100, 8]], [[0x8100, 9], [0x8100, 10]], [[0x9100, 1], [0x8100, 2]]]; // prettier-ignore
    const { flows, session } = told(pcap(tags.map((list) => ({ bytes: ethernet(0x800, ip, list) }))));
    expect([flows.length, flows[0]!.sent.packets, session.unparsed]).toEqual([1, 5, {}]);
  });
});

describe('names and export', () => {
  it('32. DNS pointers: loops end, chains and forward ones are followed, 34 labels are fine, 255 bytes are the limit', () => {
    const head = [0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    const name = new DnsName();
    const question = (bytes: number[]): string | null => {
      const whole = Uint8Array.from([...head, ...bytes]);
      return readDnsName(whole, 0, whole.length, 12, name) < 0 ? null : name.text();
    };
    expect(question([0xc0, 12])).toBeNull();
    expect(question([0xc0, 14, 0xc0, 12])).toBeNull();
    expect(question([1, 97, 0xc0, 12])).toBeNull();
    expect(question([0xc0, 14, 0xc0, 16, 1, 97, 0])).toBe('a');
    const arpa = [...'0123456789abcdef0123456789abcdef'].join('.') + '.ip6.arpa';
    expect(question(dnsName(arpa))).toBe(arpa);
    expect(question(dnsName(Array<string>(128).fill('a').join('.')))).toBeNull();
    const message = new DnsMessage();
    const loop = Uint8Array.from([...head, 0xc0, 12, 0, 1, 0, 1]);
    expect(message.open(loop, 0, loop.length)).toBe(false);
  });

  it('33. the server name of a ClientHello over segments, records, in any order, first segment of one byte', () => {
    const hello = clientHello('shop.example', ['h2'], 1500, 700);
    const cuts = [[1], [700], [1, 2, 900], [5, 6, 7]];
    for (const cut of cuts) {
      for (const swapped of [false, true]) {
        const edges = [0, ...cut, hello.length];
        const parts = edges.slice(1).map((to, i): Segment => ({ from: 'c', seq: 1001 + edges[i]!, ack: 5001, flags: ACK | PSH, payload: hello.slice(edges[i]!, to), atMs: 50 + i })); // prettier-ignore
        const order = swapped ? parts.map(({ atMs }, i) => ({ ...parts[parts.length - 1 - i]!, atMs })) : parts;
        const { flows } = told(connection([...handshake(), ...order]));
        expect([cut, swapped, flows[0]!.tls?.serverName]).toEqual([cut, swapped, 'shop.example']);
      }
    }
  });

  it('34. the name of a QUIC ClientHello: frames out of order, over datagrams, under a changed id, coalesced', () => {
    const [id, other, mine] = [[1, 2, 3, 4, 5, 6, 7, 8], [9, 9, 9, 9], [5, 5]].map((bytes) => Uint8Array.from(bytes)) as [Uint8Array, Uint8Array, Uint8Array]; // prettier-ignore
    for (const version of [QUIC_V1, QUIC_V2]) {
      // As long as one with a post-quantum key share; thirds: the second before the first, the last in another datagram.
      const hello = bareHello('shop.example', ['h3'], 1400);
      const part = (from: number, to: number): Uint8Array => crypto(from, hello.subarray(from, to));
      const initial = (o: Partial<InitialOptions>): Uint8Array => quicInitial({ version, destination: id, source: mine, frames: [], fill: 1100, ...o }); // prettier-ignore
      const first = initial({ frames: [PING, part(500, 900), padding(9), part(0, 500)], number: 1 });
      const answer = quicInitial({ version, destination: mine, source: other, keysOf: id, server: true, number: 0, frames: [ack(1)] }); // prettier-ignore
      // What follows the server's answer bears the id that the server chose, but the keys of the first.
      const second = initial({ destination: other, keysOf: id, frames: [ack(0), part(900, hello.length)], number: 2 });
      const over = concat(quicHandshake(other, mine, 60, version), quicShort(other));
      const ways = { 'in order': [first, answer, second], swapped: [second, first, answer], 'second half first, same id': [initial({ frames: [part(900, hello.length)], number: 2 }), first] }; // prettier-ignore
      for (const [way, datagrams] of Object.entries(ways)) {
        // Without the first packet nobody can know the keys of what came before it.
        const named = way !== 'swapped';
        const packets = [...datagrams, over].map((payload) => ({ bytes: payload === answer ? ethernet(0x800, ipv4(B, A, 17, udp(443, 5000, payload))) : ethernet(0x800, ipv4(A, B, 17, udp(5000, 443, payload))) })); // prettier-ignore
        const { flows } = told(pcap(packets));
        expect([way, flows[0]!.application, flows[0]!.server.name, flows[0]!.tls?.serverName]).toEqual([way, 'quic', named ? 'shop.example' : null, named ? 'shop.example' : null]); // prettier-ignore
        if (named) expect(flows[0]).toMatchObject({ tls: { alpn: ['h3'] }, banner: version === QUIC_V1 ? 'QUIC 1' : 'QUIC 2', latency: { tls: { minUs: datagrams.length * 1000 } } }); // prettier-ignore
      }
    }
  });

  it('34. QUIC after a Retry has the keys of the new id; what was changed on the way names nothing', () => {
    const hello = crypto(0, bareHello('retry.example', []));
    const [id, chosen] = [Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]), Uint8Array.from([8, 7, 6, 5])];
    const client = (payload: Uint8Array): Uint8Array => ethernet(0x800, ipv4(A, B, 17, udp(5000, 443, payload)));
    const broken = quicInitial({ destination: id, frames: [hello], fill: 1100 }).map((byte, i) => (i === 600 ? byte ^ 1 : byte)); // prettier-ignore
    const again = quicInitial({ destination: chosen, token: Uint8Array.of(1, 2, 3), frames: [hello], fill: 1100 });
    const name = (...datagrams: Uint8Array[]): string | null | undefined =>
      told(pcap(datagrams.map((bytes) => ({ bytes: client(bytes) })))).flows[0]!.tls?.serverName;
    expect([name(broken), name(broken, again)]).toEqual([null, 'retry.example']);
    const part = quicInitial({ destination: id, frames: [crypto(20, Uint8Array.of(1, 2, 3))], fill: 1100 });
    expect(name(part, again)).toBe('retry.example');
  });

  it('35. names that are formulas, hold quotes, line breaks or no UTF-8 break neither CSV nor JSON', async () => {
    const names = ['=1+1', '+2', '-3', '@4', 'a"b,c', 'line\nbreak', 'bad\u00ff'];
    const packets = names.map((label, i) => {
      const bytes = [...label].map((char) => char.charCodeAt(0));
      const wire = [bytes.length, ...bytes, 0];
      const answer = concat([0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], wire, [0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, i]); // prettier-ignore
      return [
        ethernet(0x800, ipv4(B, A, 17, udp(53, 5000 + i, answer))),
        ethernet(0x800, ipv4(A, `203.0.113.${i}`, 17, udp(6000 + i, 9, [1]))),
      ];
    });
    const path = stored('hostile.pcap', pcap(packets.flat().map((bytes) => ({ bytes }))));
    const output = async (format: 'csv' | 'jsonl'): Promise<string> => {
      const to = join(folder, `hostile.${format}`);
      await runExport({ path, format, preset: 'as-recorded', output: to, force: true, interfaces: [], filter: null, from: null, to: null, application: 'test' }); // prettier-ignore
      return readFileSync(to, 'utf8');
    };
    const lines = (await output('jsonl')).trimEnd().split('\n');
    const flows = lines.map((line) => JSON.parse(line) as { server: { name: string | null; nameRaw?: string } });
    const told = flows.map(({ server }) => server).filter(({ name }) => name !== null);
    expect(told.map(({ name }) => name)).toEqual([...names.slice(0, -1), 'bad\ufffd']);
    expect(Buffer.from(told.at(-1)!.nameRaw!, 'base64').toString('latin1')).toBe('bad\u00ff');
    const csv = (await output('csv')).trimEnd().split('\r\n');
    expect(csv).toHaveLength(lines.length + 1);
    expect(csv.join('\n')).not.toMatch(/(^|,)"?[=+@-][^",]/m);
  });
});
