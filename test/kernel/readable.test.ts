// The file in other people's tools: no warning, no block of ours as a packet, the same counts, direction and process.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { record, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { type Connection, mixedTraffic, startServers } from '../lab/traffic.ts';
import { capinfos, editcap, readPacketBlocks, tcpdumpCount, tshark } from '../lab/truth.ts';

describeAsRoot('a recording in other tools', () => {
  let lab: Lab;
  let client: Host;
  let link: Link;
  let summary: Summary;
  let connections: Connection[];
  let file: string;
  let truthFile: string;
  let frames: number;

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    const server = lab.host('server');
    link = lab.link(client, server);
    const servers = await startServers(server);
    truthFile = join(lab.directory, 'truth.pcap');
    const truth = await server.capture('veth0', truthFile);
    const recorder = await record(lab, client, join(lab.directory, 'session.pcapng'));
    connections = await mixedTraffic(client, link, servers);
    await settle(50);
    summary = await recorder.finish();
    ({ frames } = await truth.stop());
    file = recorder.file;
  }, 60_000);
  afterAll(() => lab.dispose());

  it('capinfos, tshark and tcpdump read it without a warning and count the packets of the peer’s tcpdump', () => {
    expect(capinfos(file).packets).toBe(frames);
    expect(tshark(file, ['frame.number'])).toHaveLength(frames);
    expect(tcpdumpCount(file)).toBe(frames);
    expect(summary.session.captured.packets).toBe(frames);
    const stored = readPacketBlocks(file).packets.reduce((sum, packet) => sum + packet.captured, 0);
    expect(summary.session.captured.bytes).toBe(stored);
  });

  it('editcap rewrites it to pcap and to pcapng with the same packets', () => {
    for (const format of ['pcap', 'pcapng']) {
      const copy = join(lab.directory, `copy.${format}`);
      editcap(file, copy, format);
      expect(capinfos(copy).packets).toBe(frames);
    }
  });

  it('the packets are those of the peer, each once: same lengths, sequence numbers and flags in each direction', () => {
    // not the order: a sender that changes CPU between our hook and the device is overtaken by itself
    const fields = [
      'frame.len',
      'ip.src',
      'ipv6.src',
      'tcp.srcport',
      'tcp.seq_raw',
      'tcp.ack_raw',
      'tcp.flags',
      'udp.srcport',
      'icmp.seq',
    ];
    const ours = tshark(file, fields);
    const theirs = tshark(truthFile, fields);
    for (const source of [link.left, link.right]) {
      const of = (rows: string[][]) =>
        rows
          .filter((row) => row[1] === source.v4 || row[2] === source.v6)
          .map((row) => row.join(' '))
          .sort();
      expect(of(ours)).toEqual(of(theirs));
    }
  });

  it('every packet has its direction, and its interface a name', () => {
    const directions = new Map<string, Set<string>>();
    for (const [direction, v4, v6, name] of tshark(file, [
      'frame.packet_flags_direction',
      'ip.src',
      'ipv6.src',
      'frame.interface_name',
    ])) {
      expect(name).toBe('veth0');
      const source = v4 === link.left.v4 || v6 === link.left.v6 ? 'client' : 'server';
      directions.set(source, (directions.get(source) ?? new Set()).add(direction ?? ''));
    }
    const read = [...directions].map(([source, seen]) => [source, [...seen].map(Number)]);
    expect(Object.fromEntries(read)).toEqual({ client: [2], server: [1] }); // outbound, inbound
  });

  it('every packet of a connection carries the process that has it', () => {
    const ports = tshark(file, ['tcp.srcport', 'tcp.dstport', 'udp.srcport', 'udp.dstport']);
    const { packets } = readPacketBlocks(file);
    expect(packets).toHaveLength(frames);
    let owned = 0;
    for (const [index, packet] of packets.entries()) {
      const row = (ports[index] ?? []).map(Number);
      const connection = connections.find((c) => row.includes(c.localPort));
      if (connection === undefined) continue; // ping
      expect([packet.pid ?? connection.pid, connection.name]).toEqual([connection.pid, connection.name]);
      if (packet.pid === connection.pid) owned++;
    }
    const carried = ports.filter((row) => connections.some((c) => row.map(Number).includes(c.localPort))).length;
    expect(owned).toBe(carried);
  });

  it('times are wall times of now, never decreasing, and agree with tcpdump within 5 ms', () => {
    const { packets } = readPacketBlocks(file);
    for (let i = 1; i < packets.length; i++) {
      expect(
        (packets[i]?.atNs ?? 0n) >= (packets[i - 1]?.atNs ?? 0n),
        `packet ${i + 1} is not before the one before it`,
      ).toBe(true);
    }
    const [ours, theirs] = [file, truthFile].map((f) => tshark(f, ['frame.time_epoch'], ['-c', '1'])[0]?.[0] ?? '');
    expect(Math.abs(Number(ours) - Number(theirs))).toBeLessThan(0.005);
  });

  it('is private to its owner', () => {
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  });

  it('names sections and interface as capinfos shows them', () => {
    const shown = spawnSync('capinfos', [file], { encoding: 'utf8' }).stdout;
    expect(shown).toMatch(/Capture application:\s+flowglass/i);
    expect(shown).toMatch(/Name = veth0/);
    expect(shown).toMatch(/Time precision = nanoseconds \(9\)/);
  });
});
