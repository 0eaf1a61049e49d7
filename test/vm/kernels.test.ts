// The real command records inside Debian's kernels: 6.1, which has no tcx (the clsact rung), and 6.12; the same exactness.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabEvent } from '../lab/child.ts';
import { flowOf, type Summary, summarize, totalOf } from '../lab/flowglass.ts';
import { capinfos, readPacketBlocks, tshark } from '../lab/truth.ts';
import { kernelInReach, type Kernel, type Suite } from './kernel-package.ts';
import { type MachineResult, runMachine } from './machine.ts';
import { PROLOGUE, shareDirectory } from './share.ts';

const SCRIPT = `${PROLOGUE}
on b lab-server tcp --port 80 --mode respond --request 300 --response 9000 > /tmp/out/server.json &
on b lab-server tcp --port 81 --mode sink > /dev/null &
on b lab-server udp --port 82 --mode echo > /dev/null &
counters() { on a sh -c 'grep va: /proc/net/dev'; }
sleep 1
on b tcpdump -i vb -n -U --immediate-mode -Z root -s 256 -w /tmp/out/truth.pcap 2> /tmp/out/tcpdump.log & truth=$!
until grep -q 'listening on' /tmp/out/tcpdump.log; do sleep 0.1; done
counters > /tmp/out/before
record /tmp/out/session.pcapng
on a lab-client tcp --to 10.1.0.2 --port 80 --send 300 --receive 9000 --exchanges 3 >> /tmp/out/clients.json || exit 20
on a lab-client tcp --to fd01::2 --port 80 --send 300 --receive 9000 --exchanges 3 >> /tmp/out/clients.json || exit 21
on a lab-client tcp --to 10.1.0.2 --port 81 --send 400000 >> /tmp/out/clients.json || exit 22
on a lab-client udp --to 10.1.0.2 --port 82 --send 100 --count 10 --echo >> /tmp/out/clients.json || exit 23
on a lab-client udp --to fd01::2 --port 82 --send 100 --count 10 --echo --unconnected >> /tmp/out/clients.json || exit 24
on a lab-client tcp --to 10.1.0.2 --port 4444 > /dev/null
on a ping -n -c 3 -i 0.2 10.1.0.2 > /dev/null || exit 25
sleep 0.5
stop_recording
counters > /tmp/out/after
sleep 0.5; kill -TERM $truth; wait $truth
tc -n a filter show dev va ingress > /tmp/out/left; tc -n a filter show dev va egress >> /tmp/out/left
set -- $(ls /sys/fs/bpf) && [ $# = 0 ] || echo "pinned: $*" >> /tmp/out/left
`;

/** What each kernel is for, and how the programs are attached there. */
const KERNELS: readonly { suite: Suite; rung: string }[] = [
  { suite: 'bookworm', rung: 'clsact' },
  { suite: 'trixie', rung: 'tcx' },
];

let share: string;
beforeAll(() => {
  share = shareDirectory();
});
afterAll(() => rmSync(share, { recursive: true, force: true }));

for (const { suite, rung } of KERNELS) {
  const kernel = kernelInReach(suite);
  describe.skipIf(kernel === null)(`the kernel of Debian ${suite}`, () => {
    if (kernel !== null) recordsExactly(kernel, rung);
  });
}

function recordsExactly(kernel: Kernel, rung: string): void {
  let machine: MachineResult;
  let summary: Summary;
  let clients: LabEvent[];
  const out = (name: string) => join(machine.output, name);
  const text = (name: string) => readFileSync(out(name), 'utf8');
  const lines = (name: string) =>
    text(name)
      .trim()
      .split('\n')
      .map((line): LabEvent => JSON.parse(line));

  beforeAll(async () => {
    // Exact time, so that a busy host is no reason to send again or to give up.
    machine = await runMachine({ kernel, script: SCRIPT, share, exact: true, timeoutMs: 240_000 });
    if (machine.status !== 0) throw new Error(`status ${machine.status}:\n${machine.console}`);
    summary = await summarize(out('session.pcapng'));
    clients = lines('clients.json');
  }, 300_000);
  afterAll(() => {
    if (machine !== undefined) rmSync(machine.output, { recursive: true, force: true });
  });

  it(`attaches by ${rung}`, () => {
    expect(summary.session.interfaces[0]).toMatchObject({ name: 'va', attach: { ingress: rung, egress: rung } });
  });

  it('payload and packets are what was sent, and every client is named', () => {
    for (const closed of clients) {
      const tcp = closed['tcp'] as Record<string, number> | undefined;
      const flow = flowOf(summary, closed['localPort'], tcp === undefined ? 'udp' : 'tcp');
      // what had to be sent again on a slow machine is counted again
      const served = lines('server.json').find((event) => event['peerPort'] === closed['localPort']);
      const again = (served?.['tcp'] as Record<string, number> | undefined)?.['bytesRetrans'] ?? 0;
      expect(flow.sent.payloadBytes).toBe(Number(closed['sent']) + (tcp?.['bytesRetrans'] ?? 0));
      expect(flow.received.payloadBytes).toBe(Number(closed['received']) + again);
      expect([flow.sent.packets, flow.received.packets]).toEqual(
        tcp === undefined ? [10, 10] : [tcp['segmentsOut'], tcp['segmentsIn']],
      );
      expect(flow.clientProcess).toMatchObject({ pid: closed['pid'], name: 'lab-client' });
    }
  });

  it('totals equal tcpdump and the interface counters, nothing is lost', () => {
    const number = (name: string, column: number) => Number(text(name).trim().split(/\s+/)[column]);
    const frames = [2, 10].reduce((sum, column) => sum + number('after', column) - number('before', column), 0);
    const truth = capinfos(out('truth.pcap'));
    expect(summary.session.frames).toBe(frames);
    expect(summary.session.frames).toBe(truth.packets);
    expect(summary.session.frameBytes).toBe(truth.bytes);
    expect(summary.session.packets).toBe(totalOf(summary, 'packets'));
    expect(summary.session.lost).toEqual({ events: 0, packets: 0, flowPackets: 0 });
    expect(readPacketBlocks(out('session.pcapng')).packets).toHaveLength(truth.packets);
    expect(tshark(out('session.pcapng'), ['frame.number'])).toHaveLength(truth.packets);
  });

  it('states, connect and RTT are there, a refused connection is refused', () => {
    const flow = flowOf(summary, clients[0]?.['localPort']);
    expect(flow.states?.map((state) => state.to)).toEqual(expect.arrayContaining(['SYN_SENT', 'ESTABLISHED', 'CLOSE']));
    expect(flow.latency.connectUs).toBeGreaterThan(0);
    expect(flow.latency.response?.n).toBe(3);
    expect(summary.flows.find((f) => f.server.port === 4444)).toMatchObject({ end: 'refused' });
  });

  it('leaves no filter behind', () => {
    expect(text('left')).toBe('');
  });
}
