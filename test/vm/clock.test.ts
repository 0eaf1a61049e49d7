// The wall clock is set forward and back while a recording runs: labels change, time does not bend.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flowOf, summarize, type Flow, type Summary } from '../lab/flowglass.ts';
import { readPacketBlocks, tshark } from '../lab/truth.ts';
import { debianKernel } from './kernel-package.ts';
import { type MachineResult, runMachine } from './machine.ts';
import { PROLOGUE, shareDirectory } from './share.ts';

const HOUR_S = 3600;
const FORWARD_S = HOUR_S;
const BACK_S = 3 * HOUR_S;
const EXCHANGES = 20;

// One connection is under way all the time: it begins before the first step and ends after the second.
const SCRIPT = `${PROLOGUE}
on b lab-server tcp --port 80 --mode respond --request 100 --response 1000 > /dev/null &
sleep 0.5
for to in 10.1.0.2; do on a lab-client tcp --to $to --port 80 > /dev/null; done
record /tmp/out/session.pcapng
on a lab-client tcp --to 10.1.0.2 --port 80 --send 100 --receive 1000 --exchanges ${EXCHANGES} --pause-ms 500 > /tmp/out/client.json & client=$!
on a ping -n -c 3 -i 0.2 10.1.0.2 > /dev/null || exit 20
sleep 1
date -s @$(($(date +%s) + ${FORWARD_S})) > /dev/null
sleep 1.5
on a ping -n -c 3 -i 0.2 10.1.0.2 > /dev/null || exit 21
sleep 1
date -s @$(($(date +%s) - ${BACK_S})) > /dev/null
sleep 1.5
on a ping -n -c 3 -i 0.2 10.1.0.2 > /dev/null || exit 22
sleep 1
wait $client || exit 24
stop_recording
`;

let share: string;
let machine: MachineResult;
let summary: Summary;
let file: string;
let pings: Flow[];

beforeAll(async () => {
  share = shareDirectory();
  machine = await runMachine({
    kernel: debianKernel(),
    script: SCRIPT,
    share,
    modules: ['veth', 'sch_ingress', 'cls_bpf'],
    timeoutMs: 150_000,
  });
  if (machine.status !== 0) throw new Error(`status ${machine.status}:\n${machine.console}`);
  file = join(machine.output, 'session.pcapng');
  summary = await summarize(file);
  pings = summary.flows.filter(({ protocol }) => protocol === 'icmp');
}, 300_000);
afterAll(() => {
  rmSync(share, { recursive: true, force: true });
  if (machine !== undefined) rmSync(machine.output, { recursive: true, force: true });
});

const output = (name: string): string => readFileSync(join(machine.output, name), 'utf8').trim();
const seconds = (instant: string | undefined): number => Date.parse(instant ?? '') / 1000;

it('flows are labelled by the wall clock in force when they began', () => {
  expect(pings).toHaveLength(3);
  const [first, second, third] = pings.map(({ started }) => seconds(started));
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(FORWARD_S);
  expect((second ?? 0) - (first ?? 0)).toBeLessThan(FORWARD_S + 60);
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThan(-BACK_S);
  expect((third ?? 0) - (second ?? 0)).toBeLessThan(60 - BACK_S);
});

it('the session lasted as long as it lasted', () => {
  const lasted = summary.session.durationNs / 1e9;
  expect(lasted).toBeGreaterThan(10);
  expect(lasted).toBeLessThan(200);
});

it('no latency bends: a connection over both steps has the samples of every exchange', () => {
  const closed: Record<string, unknown> = JSON.parse(output('client.json').split('\n').at(-1) ?? '{}');
  const flow = flowOf(summary, closed['localPort']);
  const { connectUs, rtt, response } = flow.latency;
  expect(response?.n).toBe(EXCHANGES);
  for (const value of [connectUs, rtt?.minUs, response?.minUs]) expect(value).toBeGreaterThan(0);
  for (const value of [connectUs, rtt?.maxUs, response?.maxUs]) expect(value).toBeLessThan(60e6);
  expect(flow).toMatchObject({ state: 'closed', end: 'fin' });
  for (const { latency } of pings) {
    expect(latency.rtt?.n).toBe(3);
    expect(latency.rtt?.minUs).toBeGreaterThan(0);
    expect(latency.rtt?.maxUs).toBeLessThan(1e6);
  }
});

it('packets are in the order in which they happened; wall times step once forward and once back', () => {
  expect(summary.session.late).toBe(0);
  const { packets } = readPacketBlocks(file);
  const steps: number[] = [];
  for (let i = 1; i < packets.length; i++) {
    const step = Number((packets[i]?.atNs ?? 0n) - (packets[i - 1]?.atNs ?? 0n)) / 1e9;
    if (step < 0 || step > 120) steps.push(Math.round(step / HOUR_S));
  }
  expect(steps).toEqual([FORWARD_S / HOUR_S, -BACK_S / HOUR_S]);
  // Each ping: request and answer, one after the other, as their sequence numbers say.
  const rows = tshark(file, ['icmp.ident', 'icmp.seq', 'icmp.type'], ['-Y', 'icmp']);
  const seen = new Map<string, string[]>();
  for (const [ident = '', seq = '', type = ''] of rows)
    seen.set(ident, [...(seen.get(ident) ?? []), `${Number(seq)}/${type}`]);
  expect([...seen.values()]).toEqual(pings.map(() => ['1/8', '1/0', '2/8', '2/0', '3/8', '3/0']));
});
