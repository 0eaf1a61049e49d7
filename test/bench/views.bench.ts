/**
 * What it costs the engine to bring a page up to date: cache of per-flow numbers plus one view, in a session of many
 * flows of which a tenth changed, against the pause between two updates (100 ms).
 */
import { FRAME_CLOCK } from '../../core/abi/generated.ts';
import { FlowWords } from '../../core/engine/facts.ts';
import { FlowCache } from '../../core/engine/flow-cache.ts';
import { TimelineObserver } from '../../core/engine/observer.ts';
import type { EnginePort } from '../../core/engine/port.ts';
import type { Moment } from '../../core/engine/views/state.ts';
import { ViewServer } from '../../core/engine/views/view-server.ts';
import type { ViewParams } from '../../core/contract/requests.ts';
import { clockRecord, flowsFrame, frame, opening, feed } from '../../core/flow/frames.testkit.ts';
import { Reducer } from '../../core/flow/reducer.ts';

const TICK_MS = 100;
const ROUNDS = 20;

const port: EnginePort = { send: () => undefined, sendView: () => undefined, congested: false, onRequest: () => undefined, onClose: () => undefined, close: () => undefined }; // prettier-ignore

function grow(reducer: Reducer, flows: number, from: number, to: number, second: number): void {
  for (let first = from; first < to; first += 100) {
    const records = Array.from({ length: Math.min(100, to - first) }, (_, i) => {
      const n = (first + i) % flows;
      const counters = { packets: second + 3, bytes: (second + 3) * 500, payload: 100, frames: second + 3, frameBytes: (second + 3) * 500 }; // prettier-ignore
      return { slot: n, epoch: n + 1, key: { lo: `10.0.${(n >> 8) & 255}.1`, hi: `10.1.0.${n & 255}`, loPort: 10_000 + (n % 50_000), hiPort: 443 }, first: 500, last: second * 1000 - 10, lo: counters, hi: counters }; // prettier-ignore
    });
    feed(reducer, flowsFrame(...records));
  }
  feed(reducer, frame(FRAME_CLOCK, clockRecord(second * 1000)));
}

for (const flows of [1000, 10_000, 100_000]) {
  const reducer = new Reducer();
  const observer = new TimelineObserver(reducer.model);
  feed(reducer, ...opening());
  grow(reducer, flows, 0, flows, 1);
  const { model } = reducer;
  const words = new FlowWords(model);
  const cache = new FlowCache(model, words, null);
  const moment: Moment = { model, words, cache, timeline: observer.store, gaps: [],
        findings: observer.findings, startNs: 0, endNs: 0, cursorNs: 0, filtered: false,
        narrowed: false }; // prettier-ignore
  const params: ViewParams[] = [
    { kind: 'graph', edges: 400, groupLeft: 'unit', groupRight: 'name', find: '', windowMs: 5000 },
    { kind: 'table', sort: [], from: 0, count: 60, show: 'all', group: null, open: [] },
    { kind: 'timeline', flows: [], also: null, lanes: 8, fromNs: null, toNs: null, spanNs: 60e9, width: 440 },
  ];
  const views = new ViewServer(port);
  params.forEach((each, i) => views.open(i + 1, each));
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const from = (round * flows) / 10;
    grow(reducer, flows, from, from + flows / 10, round + 2);
    moment.endNs = moment.cursorNs = model.nowNs;
    const began = performance.now();
    cache.update();
    views.update(moment, began);
    costs.push(performance.now() - began);
    for (const id of [1, 2, 3]) views.acknowledge(id, round + 1);
  }
  const sorted = costs.slice(3).sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1]!;
  process.stdout.write(
    `${JSON.stringify({ name: `views: ${flows.toLocaleString('en')} flows, a tenth changed, graph + table + timeline`, value: median, unit: 'ms', budget: 33, ratio: median / TICK_MS })}\n`,
  );
}
