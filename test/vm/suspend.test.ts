// The machine really sleeps (ACPI S3, woken by its clock) while a recording runs: the session has a gap of that length, and
// times before and after it are right.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GAP_SUSPENDED } from '../../core/abi/generated.ts';
import type { Reducer } from '../../core/flow/reducer.ts';
import { flowOf, replayed, summarize, type Flow, type Summary } from '../lab/flowglass.ts';
import { readPacketBlocks } from '../lab/truth.ts';
import { debianKernel } from './kernel-package.ts';
import { type MachineResult, runMachine } from './machine.ts';
import { PROLOGUE, shareDirectory } from './share.ts';

const SLEEP_S = 6;
const EXCHANGES = 8;

// date: of the busybox in the machine, whole seconds. One connection is open all the time.
const SCRIPT = `${PROLOGUE}
on b lab-server tcp --port 80 --mode respond --request 100 --response 1000 > /dev/null &
sleep 0.5
record /tmp/out/session.pcapng
on a lab-client tcp --to 10.1.0.2 --port 80 --send 100 --receive 1000 --exchanges ${EXCHANGES} --pause-ms 700 > /tmp/out/client.json & client=$!
date +%s > /tmp/out/before
on a ping -n -c 3 -i 0.2 10.1.0.2 > /dev/null || exit 20
sleep 1.2
cat /proc/uptime > /tmp/out/asleep
echo 0 > /sys/class/rtc/rtc0/wakealarm
echo +${SLEEP_S} > /sys/class/rtc/rtc0/wakealarm
echo deep > /sys/power/mem_sleep
echo mem > /sys/power/state || exit 21
cat /proc/uptime > /tmp/out/awake
sleep 1
date +%s > /tmp/out/after
on a ping -n -c 3 -i 0.2 10.1.0.2 > /dev/null || exit 22
wait $client || exit 23
stop_recording
`;

let share: string;
let machine: MachineResult;
let summary: Summary;
let reducer: Reducer;
let file: string;
let pings: Flow[];
/** How long it slept, by the machine's own clock (/proc/uptime counts sleep). */
let sleptS: number;

const output = (name: string): string => readFileSync(join(machine.output, name), 'utf8').trim();
const numberIn = (name: string): number => Number(output(name).split(' ')[0]);

beforeAll(async () => {
  share = shareDirectory();
  machine = await runMachine({ kernel: debianKernel(), script: SCRIPT, share, timeoutMs: 150_000 });
  if (machine.status !== 0) throw new Error(`status ${machine.status}:\n${machine.console}`);
  sleptS = numberIn('awake') - numberIn('asleep');
  file = join(machine.output, 'session.pcapng');
  summary = await summarize(file);
  pings = summary.flows.filter(({ protocol }) => protocol === 'icmp');
  reducer = await replayed(file);
}, 300_000);
afterAll(() => {
  rmSync(share, { recursive: true, force: true });
  if (machine !== undefined) rmSync(machine.output, { recursive: true, force: true });
});

it('has one gap, as long as the sleep', () => {
  expect(sleptS).toBeGreaterThan(SLEEP_S - 2);
  const gaps = reducer.gaps.filter(({ stream }) => stream === GAP_SUSPENDED);
  expect(gaps).toHaveLength(1);
  const lengthS = ((gaps[0]?.toNs ?? 0) - (gaps[0]?.fromNs ?? 0)) / 1e9;
  // Falling asleep and waking up, which /proc/uptime counts too, take what they take on a slow machine.
  expect(lengthS).toBeGreaterThan(sleptS - 3);
  expect(lengthS).toBeLessThanOrEqual(sleptS);
  expect(summary.session.durationNs / 1e9).toBeGreaterThan(sleptS + 3);
});

it('a flow from before it ended before it, one from after it began after it', () => {
  const [gap] = reducer.gaps.filter(({ stream }) => stream === GAP_SUSPENDED);
  const { flows } = reducer.model;
  const rows = Array.from({ length: flows.rows.count }, (_, row) => row).filter((row) => flows.protocolOf(row) === 1);
  expect(rows).toHaveLength(2);
  const [first, second] = rows.map((row) => [flows.firstNs.data[row] ?? NaN, flows.lastNs.data[row] ?? NaN] as const);
  expect(first?.[1]).toBeGreaterThan((first?.[0] ?? NaN) + 0.35e9); // three echoes, 0.2 s apart
  expect(first?.[1]).toBeLessThan(gap?.fromNs ?? NaN);
  expect(second?.[0]).toBeGreaterThan(gap?.toNs ?? NaN);
});

it('wall times are right on both sides of it', () => {
  const seconds = (flow: Flow | undefined): number => Date.parse(flow?.started ?? '') / 1000;
  expect(pings).toHaveLength(2);
  for (const [flow, name] of [
    [pings[0], 'before'],
    [pings[1], 'after'],
  ] as const) {
    expect(seconds(flow), name).toBeGreaterThanOrEqual(numberIn(name) - 0.001);
    expect(seconds(flow), name).toBeLessThan(numberIn(name) + 4);
  }
});

it('nothing is out of order, lost or bent', () => {
  const { session } = summary;
  expect(session).toMatchObject({ late: 0, lost: { events: 0, packets: 0, flowPackets: 0 } });
  const { packets } = readPacketBlocks(file);
  for (let i = 1; i < packets.length; i++) {
    expect((packets[i]?.atNs ?? 0n) >= (packets[i - 1]?.atNs ?? 0n)).toBe(true);
  }
  for (const { latency } of pings) {
    expect(latency.rtt?.n).toBe(3);
    expect(latency.rtt?.maxUs).toBeLessThan(1e6);
  }
  const closed: Record<string, unknown> = JSON.parse(output('client.json').split('\n').at(-1) ?? '{}');
  const flow = flowOf(summary, closed['localPort']);
  expect(flow).toMatchObject({ state: 'closed', end: 'fin' });
  expect(flow.latency.response?.n).toBe(EXCHANGES);
});
