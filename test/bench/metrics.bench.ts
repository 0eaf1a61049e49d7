/**
 * What a scrape costs the engine: the text of 10,000 series out of 115 groups, in processor time (another program may
 * have the core meanwhile), and what counting costs when a tenth of many flows changed.
 */
import { FLOW_EGRESS_LO, FLOW_SYN_LO, FRAME_CLOCK } from '../../core/abi/generated.ts';
import { clockRecord, feed, flowsFrame, frame, opening } from '../../core/flow/frames.testkit.ts';
import { Reducer } from '../../core/flow/reducer.ts';
import { Exposition } from '../../core/metrics/families.ts';
import { FlowFamilies } from '../../core/metrics/flow-families.ts';
import { DEFAULT_LABELS } from '../../core/metrics/flow-labels.ts';
import { Meter } from '../../core/metrics/meter.ts';
import { PeerGroups } from '../../core/metrics/peer-groups.ts';
import { median, print } from './figure.ts';

const GROUPS = 115;
const FLOWS = 100_000;
const ROUNDS = 15;

const reducer = new Reducer();
const meter = new Meter(reducer.model, {
  names: DEFAULT_LABELS,
  peers: new PeerGroups([]),
  ephemeralFrom: 32_768,
  serviceOf: () => null,
  groups: GROUPS,
  resolution: 1,
  matches: null,
});

/** Every flow of the range has one more packet each way; they are of as many groups as there may be. */
function grow(from: number, to: number, second: number): void {
  for (let first = from; first < to; first += 100) {
    const records = Array.from({ length: 100 }, (_, i) => {
      const n = first + i;
      const counters = { packets: second + 3, bytes: second * 500, payload: 100, frames: second + 3, frameBytes: second * 500 }; // prettier-ignore
      return { slot: n, epoch: n + 1, flags: FLOW_EGRESS_LO | FLOW_SYN_LO, key: { lo: `10.0.${(n >> 8) & 255}.1`, hi: '10.1.0.1', loPort: 10_000 + (n % 50_000), hiPort: 1 + (n % GROUPS) }, first: 500, last: second * 1000 - 10, lo: counters, hi: counters }; // prettier-ignore
    });
    feed(reducer, flowsFrame(...records));
  }
  feed(reducer, frame(FRAME_CLOCK, clockRecord(second * 1000)));
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

feed(reducer, ...opening());
grow(0, FLOWS, 1);
feed(reducer, frame(FRAME_CLOCK, clockRecord(10_000)));
meter.update();
for (let row = 0; row < meter.groups.rows.count; row++)
  for (const columns of [meter.groups.connect, meter.groups.rtt, meter.groups.response])
    for (let bucket = 0; bucket < 20; bucket++) columns.add(row, 2 ** bucket * 40_000, row, 1.8e9);

const counting: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  grow((round % 10) * (FLOWS / 10), ((round % 10) + 1) * (FLOWS / 10), 20 + round);
  const before = cpuMs();
  meter.update();
  counting.push(cpuMs() - before);
}
print({ name: `metrics: count ${FLOWS.toLocaleString('en')} flows, a tenth changed`, value: median(counting), unit: 'ms', budget: 125 }); // prettier-ignore

const exposition = new Exposition(new FlowFamilies(meter.groups, DEFAULT_LABELS, (flow) => ({ flow: String(flow) })).families); // prettier-ignore
for (const accept of ['text/plain', 'application/openmetrics-text']) {
  const costs: number[] = [];
  let series = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = cpuMs();
    const { text } = await exposition.text(accept);
    costs.push(cpuMs() - before);
    series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  }
  print({ name: `metrics: scrape of ${series.toLocaleString('en')} series, ${accept}`, value: median(costs), unit: 'ms', budget: 100 }); // prettier-ignore
}
