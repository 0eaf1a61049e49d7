// Packets and samples of all CPUs at once: in order, and no latency below zero.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { record, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { labProgram } from '../lab/programs.ts';
import { readPacketBlocks, tshark } from '../lab/truth.ts';

const ROUNDS = 6;
const EXCHANGES = 40;
const CPUS = Math.min(8, availableParallelism());

describeAsRoot('clients and servers on every CPU', () => {
  let lab: Lab;
  let client: Host;
  let file: string;
  let summary: Summary;

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    const server = lab.host('server');
    const link = lab.link(client, server);
    file = join(lab.directory, 'order.pcapng');
    const pinned = (host: Host, cpu: number, program: 'client' | 'server', args: (string | number)[]) =>
      host.spawn('taskset', ['-c', String(cpu), labProgram(program), ...args.map(String)], { timeoutMs: 60_000 });
    for (let cpu = 0; cpu < CPUS; cpu++) {
      const child = pinned(server, cpu, 'server', ['tcp', '--port', 80 + cpu, '--mode', 'respond', '--request', 200, '--response', 400]); // prettier-ignore
      await child.event('listening');
    }
    const recorder = await record(lab, client, file);
    for (let round = 0; round < ROUNDS; round++) {
      const clients = Array.from(
        { length: CPUS * 2 },
        (_, i) =>
        // Each client on one CPU, its server on the same or on another one.
        pinned(client, i % CPUS, 'client', ['tcp', '--to', i % 3 ? link.right.v4 : link.right.v6, '--port', 80 + ((i + round) % CPUS), '--send', 200, '--receive', 400, '--exchanges', EXCHANGES]), // prettier-ignore
      );
      for (const child of clients) expect((await child.done).status).toBe(0);
    }
    await settle(300);
    summary = await recorder.finish();
  }, 120_000);
  afterAll(() => lab.dispose());

  it('times in the file never decrease, and nothing came too late to be sorted in', () => {
    const { packets } = readPacketBlocks(file);
    expect(packets.length).toBeGreaterThan(CPUS * 2 * ROUNDS * EXCHANGES * 2);
    const back = packets.filter((packet, i) => i > 0 && packet.atNs < (packets[i - 1]?.atNs ?? 0n));
    expect(back).toEqual([]);
    expect(summary.session).toMatchObject({ late: 0, lost: { events: 0, packets: 0, flowPackets: 0 } });
  });

  it('what answers comes after what it answers: handshakes, and no acknowledgement of what was not sent yet', () => {
    const fields = ['tcp.stream', 'tcp.flags.syn', 'tcp.flags.ack', 'tcp.srcport', 'tcp.seq', 'tcp.len', 'tcp.ack'];
    const streams = new Map<string, { begun: string; next: Map<string, number>; wrong: string[] }>();
    const one = (text: string): boolean => text === '1' || text === 'True';
    for (const [stream = '', syn = '', ack = '', port = '', seq = '', length = '', acknowledged = ''] of tshark(
      file,
      fields,
      ['-Y', 'tcp', '-o', 'tcp.analyze_sequence_numbers:TRUE'],
    )) {
      // prettier-ignore
      let known = streams.get(stream);
      if (known === undefined) streams.set(stream, (known = { begun: '', next: new Map(), wrong: [] }));
      if (known.begun.length < 3) known.begun += one(syn) ? (one(ack) ? 'A' : 'S') : 'a';
      const end = Number(seq) + Number(length) + (one(syn) ? 1 : 0);
      known.next.set(port, Math.max(known.next.get(port) ?? 0, end));
      const sent = [...known.next].find(([from]) => from !== port)?.[1] ?? 0;
      // A FIN takes a number too.
      if (one(ack) && Number(acknowledged) > sent + 1) known.wrong.push(`${stream}: ${acknowledged} of ${sent}`);
    }
    expect(streams.size).toBe(CPUS * 2 * ROUNDS);
    for (const { begun, wrong } of streams.values()) expect([begun, ...wrong]).toEqual(['SAa']);
  });

  it('no latency is below zero, and each exchange has one', () => {
    const flows = summary.flows.filter(({ protocol }) => protocol === 'tcp');
    expect(flows).toHaveLength(CPUS * 2 * ROUNDS);
    for (const { latency, states, id } of flows) {
      const values = [latency.connectUs, latency.rtt?.minUs, latency.response?.minUs];
      for (const value of values) expect([id, (value ?? -1) > 0]).toEqual([id, true]);
      expect(latency.response?.n).toBe(EXCHANGES);
      const times = (states ?? []).map(({ at }) => at);
      expect(times).toEqual(times.toSorted());
    }
  });
});
