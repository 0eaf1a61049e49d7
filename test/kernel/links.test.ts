// Everything a link can carry, on every rung: VLAN tags, fragments, extension headers, tunnels, padding, quotes, what is no IP,
// in frames of 60 to 9,014 bytes; devices without an Ethernet header. Frames are made by hand, sums too.
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listInterfaces } from '../../core/system/interfaces.ts';
import { type Flow, flowOf, record, RUNGS, type Summary, totalOf } from '../lab/flowglass.ts';
import * as make from '../lab/frames.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { startServers, mixedTraffic } from '../lab/traffic.ts';

const { ETHERTYPE, PROTOCOL, ethernet, extension, FLAG, fragment6, ipv4, ipv6, padded, tag, tcp, udp } = make;

/** What must come of frames: flows by their client's port (or protocol), or a reason why there is none. */
interface Case {
  what: string;
  frames: Buffer[];
  /** protocol, client port, packets, payload bytes; the bytes are those of the frames */
  flow?: [protocol: string, port: number | null, packets: number, payload: number];
  unparsed?: string;
}

const SIZES = [60, 61, 64, 128, 576, 1514, 1518, 4096, 9014];
const plain4 = (payload: Buffer): Buffer => ethernet(ETHERTYPE.ipv4, payload);
const plain6 = (payload: Buffer): Buffer => ethernet(ETHERTYPE.ipv6, payload);
const fragmented = { id: 77, more: true };

function cases(): Case[] {
  const sized = SIZES.flatMap((size, i): Case[] => {
    const four = plain4(ipv4(PROTOCOL.udp, udp(1000 + i, 9, size - 42)));
    const six = plain6(ipv6(PROTOCOL.udp, udp(1100 + i, 9, Math.max(0, size - 62))));
    return [
      { what: `IPv4, ${size} bytes`, frames: [four, four], flow: ['udp', 1000 + i, 2, 2 * (size - 42)] },
      { what: `IPv6, ${size} bytes`, frames: [six], flow: ['udp', 1100 + i, 1, Math.max(0, size - 62)] },
    ];
  });
  const inner = ipv4(PROTOCOL.tcp, tcp(7, 8, FLAG.ack, 1, 1, 10), { source: 9 });
  const first = udp(2000, 9, 1000); // says 1,008 bytes, of which 512 are in the first fragment
  return [
    ...sized,
    { what: 'padding is no payload', frames: [padded(plain4(ipv4(PROTOCOL.udp, udp(1200, 9, 6))))], flow: ['udp', 1200, 1, 6] }, // prettier-ignore
    { what: 'nor is it of an acknowledgement', frames: [padded(plain4(ipv4(PROTOCOL.tcp, tcp(1201, 9, FLAG.ack, 1, 1))), 64)], flow: ['tcp', 1201, 1, 0] }, // prettier-ignore
    { what: 'IPv4 options', frames: [plain4(ipv4(PROTOCOL.tcp, tcp(1202, 9, FLAG.ack, 1, 1, 100), { options: 12 }))], flow: ['tcp', 1202, 1, 100] }, // prettier-ignore
    { what: 'VLAN', frames: [ethernet(ETHERTYPE.vlan, tag(5, ETHERTYPE.ipv4, ipv4(PROTOCOL.udp, udp(1203, 9, 30))))], flow: ['udp', 1203, 1, 30] }, // prettier-ignore
    { what: 'QinQ', frames: [ethernet(ETHERTYPE.qinq, tag(6, ETHERTYPE.vlan, tag(5, ETHERTYPE.ipv6, ipv6(PROTOCOL.udp, udp(1204, 9, 30)))))], flow: ['udp', 1204, 1, 30] }, // prettier-ignore
    { what: 'IPv6 extension headers', frames: [plain6(ipv6(0, extension(60, extension(43, extension(PROTOCOL.udp, udp(1205, 9, 40))))))], flow: ['udp', 1205, 1, 40] }, // prettier-ignore
    {
      what: 'later fragments belong to the flow of the first',
      frames: [
        plain4(ipv4(PROTOCOL.udp, first.subarray(0, 512), fragmented)),
        plain4(ipv4(PROTOCOL.udp, first.subarray(512, 1000), { ...fragmented, offset: 64 })),
        plain4(ipv4(PROTOCOL.udp, first.subarray(1000), { id: 77, offset: 125 })),
      ],
      flow: ['udp', 2000, 3, 1000],
    },
    {
      what: 'of IPv6 too',
      frames: [
        plain6(ipv6(PROTOCOL.fragment, fragment6(PROTOCOL.udp, udp(2001, 9, 1000).subarray(0, 512), fragmented))),
        plain6(ipv6(PROTOCOL.fragment, fragment6(PROTOCOL.udp, udp(2001, 9, 1000).subarray(512), { id: 77, offset: 64 }))), // prettier-ignore
      ],
      flow: ['udp', 2001, 2, 1000],
    },
    { what: 'GRE: the outer flow', frames: [plain4(ipv4(PROTOCOL.gre, Buffer.concat([Buffer.from([0, 0, 8, 0]), inner])))], flow: ['47', null, 1, 4 + inner.length] }, // prettier-ignore
    { what: 'IP in IP: the outer flow', frames: [plain4(ipv4(PROTOCOL.ipip, inner))], flow: ['4', null, 1, inner.length] }, // prettier-ignore
    { what: 'VXLAN: the outer flow', frames: [plain4(ipv4(PROTOCOL.udp, udp(50_000, 4789, Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0, 7, 0]), plain4(inner)]))))], flow: ['udp', 50_000, 1, 8 + 14 + inner.length] }, // prettier-ignore
    { what: 'ARP', frames: [padded(ethernet(ETHERTYPE.arp, Buffer.alloc(28)))], unparsed: 'arp' },
    { what: 'another type', frames: [padded(ethernet(ETHERTYPE.lldp, Buffer.alloc(40)))], unparsed: 'ethertype' },
    { what: 'a length', frames: [padded(ethernet(46, Buffer.alloc(46, 0x42)))], unparsed: 'llc' },
    { what: 'a fragment without its first', frames: [plain4(ipv4(PROTOCOL.udp, Buffer.alloc(64), { id: 99, offset: 10 }))], unparsed: 'fragment' }, // prettier-ignore
    { what: 'three tags', frames: [ethernet(ETHERTYPE.qinq, tag(6, ETHERTYPE.vlan, tag(5, ETHERTYPE.vlan, tag(4, ETHERTYPE.ipv4, ipv4(PROTOCOL.udp, udp(1, 9, 30))))))], unparsed: 'vlan' }, // prettier-ignore
    { what: 'IPv4 cut short', frames: [plain4(ipv4(PROTOCOL.udp, udp(1, 9, 30)).subarray(0, 30)), plain4(Buffer.alloc(0)), plain6(Buffer.alloc(20, 0x60))], unparsed: 'truncated' }, // prettier-ignore
    { what: 'a version that is none', frames: [plain4(Buffer.alloc(40, 0x90))], unparsed: 'ip-header' },
    { what: 'extension headers without end', frames: [plain6(ipv6(60, Buffer.concat(Array.from({ length: 20 }, () => extension(60, Buffer.alloc(0))))))], unparsed: 'ipv6-extension' }, // prettier-ignore
  ];
}

const bytesOf = (frames: readonly Buffer[]): number => frames.reduce((sum, frame) => sum + frame.length, 0);

describeAsRoot('links', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    lab.link(server, client, { mtu: 9000 });
  });
  afterAll(() => lab.dispose());

  /** Sends frames from `from`; settles when all were sent. */
  async function inject(from: Host, frames: readonly Buffer[], ...more: (string | number)[]): Promise<void> {
    const child = from.start('inject', ['--device', 'veth0', ...more]);
    child.write(make.framesInput(frames));
    child.closeInput();
    await child.event('injected');
  }

  describe.each(RUNGS)('%s', (rung) => {
    const sent = cases();
    let summary: Summary;
    let counted: number;

    beforeAll(async () => {
      const before = client.counters('veth0');
      const recorder = await record(lab, client, join(lab.directory, `${rung}.pcapng`), ['--attach', rung, '--snaplen', 0]); // prettier-ignore
      await inject(server, sent.flatMap(({ frames }) => frames)); // prettier-ignore
      await settle(300);
      summary = await recorder.finish();
      counted = client.counters('veth0').rxPackets - before.rxPackets;
    });

    it('flows are what was sent, byte by byte', () => {
      const found = (protocol: string, port: number | null): Flow | undefined => {
        const flows = summary.flows.filter((flow) => flow.protocol === protocol && (port === null || flow.client.port === port)); // prettier-ignore
        expect([protocol, port, flows.length]).toEqual([protocol, port, 1]);
        return flows[0];
      };
      const wanted = sent.filter((each) => each.flow !== undefined);
      for (const { what, frames, flow } of wanted) {
        const [protocol, port, packets, payloadBytes] = flow ?? ['', null];
        const bytes = bytesOf(frames);
        expect([what, found(protocol, port)?.sent]).toEqual([
          what,
          { packets, bytes, payloadBytes, frames: packets, frameBytes: bytes },
        ]);
      }
      expect(summary.flows).toHaveLength(wanted.length);
    });

    it('what has no flow is counted by its reason, and all together are what the interface counted', () => {
      const reasons: Record<string, number> = {};
      for (const { unparsed, frames } of sent) {
        if (unparsed !== undefined) reasons[unparsed] = (reasons[unparsed] ?? 0) + frames.length;
      }
      const { session } = summary;
      expect(session.unparsed).toEqual(reasons);
      const frames = sent.flatMap((each) => each.frames);
      expect([session.packets, session.frames, session.bytes]).toEqual([frames.length, frames.length, bytesOf(frames)]);
      expect(counted).toBe(frames.length);
      expect(session.lost).toEqual({ events: 0, packets: 0, flowPackets: 0 });
      // Recorded all the same, in full: jumbo frames and what has no flow.
      expect(session.captured).toEqual({ packets: frames.length, bytes: bytesOf(frames), wirePackets: frames.length });
      const inFlows = totalOf(summary, 'packets');
      expect(inFlows + Object.values(reasons).reduce((a, b) => a + b, 0)).toBe(session.packets);
    });
  });

  it('100,000 flows whose packets change the CPU all the time: none lost, none counted twice', async () => {
    const FLOWS = 100_000;
    const frames = Array.from({ length: FLOWS }, (_, i) => plain4(ipv4(PROTOCOL.udp, udp(1024 + (i % 50_000), 9, 18), { source: 1 + Math.floor(i / 50_000) }))); // prettier-ignore
    const before = client.counters('veth0');
    const recorder = await record(lab, client, join(lab.directory, 'many.pcapng'), ['--no-packets']);
    await inject(server, frames, '--cpus', 2, '--times', 3);
    await settle(500);
    const summary = await recorder.finish();
    expect(client.counters('veth0').rxPackets - before.rxPackets).toBe(3 * FLOWS);
    expect(summary.session).toMatchObject({ packets: 3 * FLOWS, bytes: 180 * FLOWS, unparsed: {}, lost: { packets: 0, flowPackets: 0 } }); // prettier-ignore
    expect(summary.flows).toHaveLength(FLOWS);
    const other = summary.flows.filter(({ sent, received }) => sent.packets + received.packets !== 3);
    expect(other.slice(0, 3)).toEqual([]);
  }, 120_000);
});

describeAsRoot('devices without a link header', () => {
  let lab: Lab;
  beforeEach(() => {
    lab = new Lab();
  });
  afterEach(() => lab.dispose());

  // What the stack sees of a PPP link (pppd) and of a modem is IP without a header too.
  it.each([
    ['tun', 65534],
    ['ppp', 512],
    ['rawip', 519],
  ])(
    '%s: no Ethernet header, and nothing is missing',
    async (kind, linkType) => {
      const near = lab.host('near');
      const far = lab.host('far');
      const delayed = await lab.delayed(near, far, { delayUs: 1000, linkType });
      const servers = await startServers(far);
      const { router } = delayed;
      // What a device drops because its reader is slow has been counted as sent.
      router.ip('link set tunnear txqueuelen 50000', 'link set tunfar txqueuelen 50000');
      const before = ['tunnear', 'tunfar'].map((name) => router.counters(name));
      const recorder = await record(lab, router, join(lab.directory, `${kind}.pcapng`), ['-i', 'tunnear']);
      const listed = listInterfaces({ path: router.path, inode: router.inode }).find(({ name }) => name === 'tunnear');
      expect(listed?.linkType).toBe(101);
      const connections = await mixedTraffic(near, { left: delayed.near.left, right: delayed.far.right }, servers);
      await settle(300);
      const summary = await recorder.finish();
      const after = router.counters('tunnear');
      const { session } = summary;
      expect(session.interfaces[0]).toMatchObject({ name: 'tunnear', linkType: 101 });
      expect(session.unparsed).toEqual({});
      const [first] = before;
      // Offload frames are split before they leave by such a device.
      expect(session.packets).toBe(
        after.rxPackets + after.txPackets - (first?.rxPackets ?? 0) - (first?.txPackets ?? 0),
      );
      expect(session.bytes).toBe(after.rxBytes + after.txBytes - (first?.rxBytes ?? 0) - (first?.txBytes ?? 0));
      for (const c of connections) {
        const flow = flowOf(summary, c.localPort, c.protocol);
        expect([c.name, flow.sent.payloadBytes]).toEqual([c.name, c.sent + (c.tcp['bytesRetrans'] ?? 0)]);
        // What the relay's queue dropped never came by here: of the far end's retransmits some may be the first copy.
        expect(flow.received.payloadBytes).toBeGreaterThanOrEqual(c.received);
        expect(flow.received.payloadBytes).toBeLessThanOrEqual(c.received + c.serverBytesRetrans);
      }
      for (const counter of ['packets', 'bytes', 'frames', 'frameBytes'] as const)
        expect([counter, totalOf(summary, counter)]).toEqual([counter, session[counter]]);
    },
    60_000,
  );
});
