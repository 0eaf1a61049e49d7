import { describe, expect, it } from 'vitest';
import { FLOW_EGRESS_LO, FLOW_FIN_HI, FLOW_FIN_LO, FLOW_SYN_LO, FRAME_CLOCK } from '../abi/generated.ts';
import { clockRecord, feed, flowsFrame, frame, opening, type FlowRecord } from '../flow/frames.testkit.ts';
import { Reducer } from '../flow/reducer.ts';
import { boundsOf, bucketOfSeconds } from './buckets.ts';
import { Exposition } from './families.ts';
import { FlowFamilies } from './flow-families.ts';
import { Groups, OTHER } from './groups.ts';
import { Meter, type MeterOptions } from './meter.ts';
import { networkProblem, PeerGroups } from './peer-groups.ts';

const OPTIONS: MeterOptions = {
  names: ['process', 'peer', 'role', 'protocol', 'port'],
  peers: new PeerGroups([{ name: 'office', networks: ['10.1.0.0/16'] }]),
  ephemeralFrom: 32_768,
  serviceOf: () => null,
  groups: 4,
  resolution: 1,
  matches: null,
};

const clock = (atMs: number) => frame(FRAME_CLOCK, clockRecord(atMs));

function flow(n: number, hi: string, hiPort: number, packets: number, lastMs: number): FlowRecord {
  const counters = { packets, bytes: packets * 100, payload: packets * 40, frames: packets, frameBytes: packets * 100 };
  return { slot: n, epoch: n + 1, key: { lo: '10.0.0.1', hi, loPort: 40_000 + n, hiPort }, flags: FLOW_EGRESS_LO | FLOW_SYN_LO, first: 500, last: lastMs, lo: counters, hi: counters }; // prettier-ignore
}

describe('buckets', () => {
  it('hold every value at or below their bound and above the one before', () => {
    for (const resolution of [1, 2, 4] as const) {
      const bounds = boundsOf(resolution);
      for (const at of bounds.keys()) {
        expect(bucketOfSeconds(bounds, resolution, bounds[at]!)).toBe(at);
        expect(bucketOfSeconds(bounds, resolution, bounds[at]! * (1 + 1e-12))).toBe(at + 1);
      }
      expect(bucketOfSeconds(bounds, resolution, 0)).toBe(0);
      expect(bucketOfSeconds(bounds, resolution, 1e9)).toBe(bounds.length);
    }
  });
});

describe('peer groups', () => {
  const words = (bytes: number[]): Uint32Array => new Uint32Array(Uint8Array.from({ length: 16 }, (_, i) => bytes[i] ?? 0).buffer); // prettier-ignore
  it('are networks of the configuration first, then kinds of addresses', () => {
    const { peers } = OPTIONS;
    expect(peers.of(words([10, 1, 2, 3]), 0, 4)).toBe('office');
    expect(peers.of(words([10, 2, 2, 3]), 0, 4)).toBe('private');
    expect(peers.of(words([127, 0, 0, 1]), 0, 4)).toBe('loopback');
    expect(peers.of(words([8, 8, 8, 8]), 0, 4)).toBe('public');
    expect(peers.of(words([0xfe, 0x80]), 0, 6)).toBe('link-local');
    expect(peers.of(words([0x20, 1]), 0, 6)).toBe('public');
    expect([networkProblem('10.0.0.0/8'), networkProblem('10.0.0.0/33') === null]).toEqual([null, false]);
  });
});

describe('groups', () => {
  it('are never more than their limit; a heavier one takes the place of one that had little', () => {
    const groups = new Groups(1, 2, 1);
    const [a, b] = [groups.of(['a']), groups.of(['b'])];
    groups.weigh(a, 100, () => ['a']);
    groups.weigh(b, 1, () => ['b']);
    groups.open.data[b] = 3;
    expect(groups.of(['c'])).toBe(OTHER);
    groups.weigh(OTHER, 50, () => ['c']);
    const moved: number[] = [];
    groups.rebalance((row) => moved.push(row));
    expect([moved, groups.count, groups.evicted]).toEqual([[b], 2, 1]);
    expect([groups.of(['c']), groups.of(['b']), groups.labels(b)]).toEqual([b, OTHER, ['c']]);
    expect([groups.open.data[OTHER], groups.open.data[b]]).toEqual([3, 0]);
    for (let i = 0; i < 10_000; i++) groups.weigh(groups.of([`x${i}`]), 1, () => [`x${i}`]);
    expect([groups.count, groups.rows.count]).toEqual([2, 3]);
  });
});

describe('the meter', () => {
  it('counts a flow once, by differences, and never under an ephemeral port', async () => {
    const reducer = new Reducer();
    const meter = new Meter(reducer.model, OPTIONS);
    feed(reducer, ...opening(), flowsFrame(flow(1, '10.1.0.1', 443, 3, 900), flow(2, '10.1.0.1', 50_000, 5, 900)), clock(3000)); // prettier-ignore
    meter.update();
    feed(reducer, flowsFrame(flow(1, '10.1.0.1', 443, 10, 3900)), clock(4000));
    meter.update();
    meter.update(true);
    const { text } = await new Exposition(new FlowFamilies(meter.groups, OPTIONS.names, null).families).text('');
    const lines = text.split('\n').filter((line) => line.startsWith('flowglass_packets_total{') && !line.includes('(other)')); // prettier-ignore
    expect(lines.every((line) => line.includes('peer="office"'))).toBe(true);
    const values = (with443: boolean): number[] =>
      lines.filter((line) => line.includes('port="443"') === with443).map((line) => Number(line.split(' ').pop()));
    expect([values(true), values(false)]).toEqual([
      [10, 10],
      [5, 5],
    ]);
    expect(text).not.toContain('50000');
  });

  it('counts what comes late of connections that were folded', () => {
    const reducer = new Reducer(64);
    const meter = new Meter(reducer.model, { ...OPTIONS, groups: 8 });
    const ended = (n: number, packets: number): FlowRecord => ({ ...flow(n, '10.1.0.1', 443, packets, 900), flags: FLOW_EGRESS_LO | FLOW_SYN_LO | FLOW_FIN_LO | FLOW_FIN_HI, final: false }); // prettier-ignore
    feed(reducer, ...opening());
    for (let n = 0; n < 400; n++) feed(reducer, flowsFrame(ended(n, 2)), clock(1000 + n * 1000));
    meter.update(true);
    const { model } = reducer;
    const sum = (): [number, number] => [
      meter.groups.packets.data.reduce((a, b) => a + b, 0),
      meter.groups.bytes.data.reduce((a, b) => a + b, 0),
    ];
    expect(model.folded.total).toBeGreaterThan(100);
    expect(model.flows.rowOf(0)).toBe(-1);
    expect(sum()).toEqual([400 * 4, 400 * 400]);
    feed(reducer, flowsFrame(ended(0, 5)));
    expect(sum()).toEqual([400 * 4 + 6, 400 * 400 + 600]);
  });

  it('gives what finds no group to (other), and says so', async () => {
    const reducer = new Reducer();
    const meter = new Meter(reducer.model, OPTIONS);
    const records = Array.from({ length: 50 }, (_, n) => flow(n, '10.1.0.1', 1000 + n, 2, 900));
    feed(reducer, ...opening(), flowsFrame(...records), clock(3000));
    meter.update();
    expect([meter.groups.count, meter.groups.foldedFlows]).toEqual([4, 46]);
    const { packets } = meter.groups;
    expect(packets.data.subarray(0, 2 * meter.groups.rows.count).reduce((a, b) => a + b)).toBe(50 * 2 * 2);
    const { text } = await new Exposition(new FlowFamilies(meter.groups, OPTIONS.names, null).families).text('');
    expect(text).toMatch(/flowglass_flows_opened_total\{process="\(other\)".*\} 46\n/);
  });
});
