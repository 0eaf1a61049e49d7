// Latency within 1 % of the delay that was set: guest time is counted in instructions, so the host's load cannot show.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LabEvent } from '../lab/child.ts';
import { flowOf, type Summary, summarize } from '../lab/flowglass.ts';
import { debianKernel } from './kernel-package.ts';
import { type MachineResult, runMachine } from './machine.ts';
import { PROLOGUE, shareDirectory } from './share.ts';

const DELAY_US = 50_000;
const EXCHANGES = 5;

// The whole delay is on the way back: what leaves b waits 50 ms.
const SCRIPT = `${PROLOGUE}
tc -n b qdisc add dev vb root netem delay ${DELAY_US}us limit 10000
on b lab-server tcp --port 80 --mode respond --request 100 --response 1000 > /dev/null &
sleep 0.3
for to in 10.1.0.2 fd01::2; do on a lab-client tcp --to $to --port 80 > /dev/null; done # whatever a kernel does once
record /tmp/out/session.pcapng
for to in 10.1.0.2 fd01::2; do
  on a lab-client tcp --to $to --port 80 --send 100 --receive 1000 --exchanges ${EXCHANGES} --pause-ms 20 >> /tmp/out/clients.json || exit 20
  on a ping -n -c 5 -i 0.2 $to >> /tmp/out/ping || exit 21
done
stop_recording
`;

let share: string;
let machine: MachineResult;
let summary: Summary;
let clients: LabEvent[];

beforeAll(async () => {
  share = shareDirectory();
  const modules = ['veth', 'sch_ingress', 'cls_bpf', 'sch_netem'];
  machine = await runMachine({
    kernel: debianKernel(),
    script: SCRIPT,
    share,
    modules,
    exact: true,
    timeoutMs: 240_000,
  });
  if (machine.status !== 0) throw new Error(`status ${machine.status}:\n${machine.console}`);
  summary = await summarize(join(machine.output, 'session.pcapng'));
  const lines = readFileSync(join(machine.output, 'clients.json'), 'utf8').trim().split('\n');
  clients = lines.map((line): LabEvent => JSON.parse(line));
}, 300_000);
afterAll(() => {
  rmSync(share, { recursive: true, force: true });
  if (machine !== undefined) rmSync(machine.output, { recursive: true, force: true });
});

/** Within 1 % of the delay that was set. */
function expectExact(what: string, measuredUs: number | null | undefined): void {
  expect(measuredUs, what).toBeTypeOf('number');
  expect(Math.abs((measuredUs ?? 0) - DELAY_US), `${what}: ${measuredUs} µs`).toBeLessThanOrEqual(DELAY_US / 100);
}

it('connect, IPv4 and IPv6', () => {
  expect(clients).toHaveLength(2);
  for (const closed of clients) expectExact('connect', flowOf(summary, closed['localPort']).latency.connectUs);
});

it('RTT of TCP: minimum, median and mean', () => {
  for (const closed of clients) {
    const { rtt } = flowOf(summary, closed['localPort']).latency;
    expect(rtt?.n).toBeGreaterThanOrEqual(EXCHANGES);
    expectExact('minimum', rtt?.minUs);
    expectExact('median', rtt?.p50Us);
    expectExact('mean', rtt?.meanUs);
  }
});

it('response, one sample an exchange', () => {
  for (const closed of clients) {
    const { response } = flowOf(summary, closed['localPort']).latency;
    expect(response?.n).toBe(EXCHANGES);
    expectExact('median', response?.p50Us);
    expectExact('mean', response?.meanUs);
    expectExact('maximum', response?.maxUs);
  }
});

it('ping, IPv4 and IPv6', () => {
  for (const protocol of ['icmp', 'icmpv6']) {
    const [flow] = summary.flows.filter((candidate) => candidate.protocol === protocol);
    expect(flow?.latency.rtt?.n).toBe(5);
    expectExact(protocol, flow?.latency.rtt?.p50Us);
    expectExact(`${protocol} mean`, flow?.latency.rtt?.meanUs);
  }
});
