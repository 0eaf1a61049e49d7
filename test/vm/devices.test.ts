// Devices that only a kernel with them has: a VLAN on its parent, a VLAN on a bond, a GRE tunnel. Each packet once, with the
// path that it took; recorded with --all.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LabEvent } from '../lab/child.ts';
import { flowOf, type Flow, summarize, type Summary, totalOf } from '../lab/flowglass.ts';
import { debianKernel } from './kernel-package.ts';
import { type MachineResult, runMachine } from './machine.ts';
import { PROLOGUE, shareDirectory } from './share.ts';

const EXCHANGES = 4;
const PLACES = [
  { to: '10.7.0.2', interface: 'va.7', path: ['va.7', 'va'] },
  { to: '10.9.0.2', interface: 'bond0.9', path: ['bond0.9', 'bond0', 'wa'] },
  { to: '10.8.0.2', interface: 'gre1', path: ['gre1'] },
];

const SCRIPT = `${PROLOGUE}
ip link add wa netns a type veth peer name wb netns b
ip -n a link add bond0 type bond mode active-backup miimon 50
ip -n a link set wa down; ip -n a link set wa master bond0
for up in 'a bond0' 'a wa' 'b wb'; do set -- $up; ip -n $1 link set $2 up; done
ip -n a link add link va name va.7 type vlan id 7; ip -n b link add link vb name vb.7 type vlan id 7
ip -n a link add link bond0 name bond0.9 type vlan id 9; ip -n b link add link wb name wb.9 type vlan id 9
ip -n a link add gre1 type gre local 10.1.0.1 remote 10.1.0.2; ip -n b link add gre1 type gre local 10.1.0.2 remote 10.1.0.1
for each in 'a va.7 10.7.0.1' 'b vb.7 10.7.0.2' 'a bond0.9 10.9.0.1' 'b wb.9 10.9.0.2' 'a gre1 10.8.0.1' 'b gre1 10.8.0.2'; do
  set -- $each; ip -n $1 addr add $3/24 dev $2; ip -n $1 link set $2 up
done
on b lab-server tcp --port 80 --mode respond --request 300 --response 5000 > /dev/null &
sleep 1
for to in ${PLACES.map(({ to }) => to).join(' ')}; do on a ping -n -c 1 -W 5 $to > /dev/null || exit 20; done
node /d/flowglass/cli/flowglass.mjs record --netns /run/netns/a --all -w /tmp/out/session.pcapng --duration 10m 2> /tmp/out/log & recorder=$!
n=0; until grep -q '^flowglass: recording' /tmp/out/log; do n=$((n+1)); [ $n -lt 600 ] || exit 21; sleep 0.2; done
for to in ${PLACES.map(({ to }) => to).join(' ')}; do
  on a lab-client tcp --to $to --port 80 --send 300 --receive 5000 --exchanges ${EXCHANGES} >> /tmp/out/clients.json || exit 22
done
sleep 1
kill -TERM $recorder; wait $recorder || { cat /tmp/out/log; exit 23; }
`;

let share: string;
let machine: MachineResult;
let summary: Summary;
let clients: LabEvent[];

beforeAll(async () => {
  share = shareDirectory();
  const modules = ['veth', 'sch_ingress', 'cls_bpf', '8021q', 'bonding', 'ip_gre'];
  machine = await runMachine({ kernel: debianKernel(), script: SCRIPT, share, modules });
  if (machine.status !== 0) throw new Error(`status ${machine.status}:\n${machine.console}`);
  summary = await summarize(join(machine.output, 'session.pcapng'));
  const lines = readFileSync(join(machine.output, 'clients.json'), 'utf8').trim().split('\n');
  clients = lines.map((line): LabEvent => JSON.parse(line)).filter(({ event }) => event === 'closed');
}, 300_000);
afterAll(() => {
  rmSync(share, { recursive: true, force: true });
  if (machine !== undefined) rmSync(machine.output, { recursive: true, force: true });
});

it.each(PLACES.map((place, i) => ({ ...place, i })))(
  '$interface: one flow, counted once, and its path',
  ({ i, ...place }) => {
    const closed = clients[i];
    const tcp = closed?.['tcp'] as Record<string, number> | undefined;
    const flow: Flow = flowOf(summary, closed?.['localPort']);
    expect(flow).toMatchObject({ interface: place.interface, server: { address: place.to, port: 80 } });
    expect(flow.path.toSorted()).toEqual(place.path.toSorted());
    expect([flow.sent.payloadBytes, flow.sent.packets, flow.received.packets]).toEqual([
      300 * EXCHANGES + (tcp?.['bytesRetrans'] ?? 0),
      tcp?.['segmentsOut'],
      tcp?.['segmentsIn'],
    ]);
    expect(flow.clientProcess).toMatchObject({ pid: closed?.['pid'], name: 'lab-client' });
  },
);

it('what a tunnel adds is a flow of its own below, made by the kernel', () => {
  const outer = summary.flows.filter(({ protocol }) => protocol === '47');
  expect(outer).toHaveLength(1);
  const inner = flowOf(summary, clients[2]?.['localPort']);
  expect(outer[0]).toMatchObject({ interface: 'va', clientProcess: null, clientProcessUnknown: 'kernel thread' });
  expect(outer[0]?.sent.packets).toBeGreaterThanOrEqual(inner.sent.packets);
});

it('flows, what was counted again, and what has no flow are what the interfaces counted', () => {
  const { duplicates, lost, unparsed, packets } = summary.session;
  const outside = Object.values(unparsed).reduce((sum, count) => sum + count, lost.flowPackets);
  expect(totalOf(summary, 'packets') + duplicates.packets + outside).toBe(packets);
  expect(duplicates.packets).toBeGreaterThan(0);
});
