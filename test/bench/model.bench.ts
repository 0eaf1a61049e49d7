/**
 * The engine's share: frames into the flow table, against the same frames only walked (every word of every record
 * read, once), and the memory of a flow. Budgets: docs and `core/flow`, at least 0.3 of walking, at most 600 bytes a
 * flow with everything counted.
 */
import * as abi from '../../core/abi/generated.ts';
import { eventRecord, feed, flowRecord, opening, socketRecord } from '../../core/flow/frames.testkit.ts';
import { Reducer } from '../../core/flow/reducer.ts';

const FLOWS = 100_000;
const ROUNDS = 8;
const FRAME_BYTES = 65_528;
const SPREAD = 0x9e3779b1;

interface Frames {
  readonly type: number;
  readonly size: number;
  readonly bytes: Uint8Array[];
}

/** Copies `record` for each flow and lets `set` make it that flow's. */
function build(type: number, record: Uint8Array, set: (view: DataView, at: number, flow: number) => void): Frames {
  const perFrame = Math.floor(FRAME_BYTES / record.length);
  const bytes: Uint8Array[] = [];
  for (let first = 0; first < FLOWS; first += perFrame) {
    const count = Math.min(perFrame, FLOWS - first);
    const payload = new Uint8Array(count * record.length);
    const view = new DataView(payload.buffer);
    for (let i = 0; i < count; i++) {
      payload.set(record, i * record.length);
      set(view, i * record.length, first + i);
    }
    bytes.push(payload);
  }
  return { type, size: record.length, bytes };
}

function setKey(view: DataView, at: number, flow: number): void {
  view.setUint32(at + abi.KEY.loAddress, 0x0a + (flow >>> 8) * 256, true);
  view.setUint16(at + abi.KEY.loPort, 1024 + (flow & 255), true);
}

function flowFrames(round: number): Frames {
  const at = abi.FLOW_RECORD.flow;
  return build(abi.FRAME_FLOWS, flowRecord({ flags: abi.FLOW_SYN_LO, last: round * 100 }), (view, record, flow) => {
    view.setUint32(record + abi.FLOW_RECORD.slot, flow, true);
    view.setUint32(record + at + abi.FLOW.epoch, flow + 1, true);
    view.setUint32(record + at + abi.FLOW.cookie, flow + 1, true);
    setKey(view, record + at + abi.FLOW.key, flow);
    for (let word = 0; word < 20; word += 2) {
      view.setUint32(record + at + abi.FLOW.direction + word * 4, round * (word + 1) * 3, true);
    }
  });
}

/** Events in an order that has nothing to do with that of the flows. */
function eventFrames(round: number): Frames {
  const record = eventRecord({ kind: abi.EVENT_RESPONSE, hiToLo: true, at: round * 100 });
  return build(abi.FRAME_EVENTS, record, (view, at, i) => {
    const flow = (Math.imul(i, SPREAD) >>> 0) % FLOWS;
    setKey(view, at + abi.EVENT.key, flow);
    view.setUint32(at + abi.EVENT.epoch, flow + 1, true);
    view.setUint32(at + abi.EVENT.value, 1_000_000 + (Math.imul(i + round, SPREAD) >>> 14), true);
  });
}

function socketFrames(): Frames {
  const record = socketRecord({
    kind: abi.SOCKET_STATE,
    cookie: 0n,
    oldState: 7,
    newState: 2,
    pid: 7,
    source: abi.OWNER_CONNECT,
    local: ['10.0.0.1', 1],
    remote: ['10.0.0.2', 80],
  });
  return build(abi.FRAME_SOCKETS, record, (view, at, flow) => {
    view.setUint32(at + abi.SOCKET_EVENT.cookie, flow + 1, true);
    view.setUint32(at + abi.SOCKET_EVENT.localAddress, 0x0a + (flow >>> 8) * 256, true);
    view.setUint16(at + abi.SOCKET_EVENT.localPort, 1024 + (flow & 255), true);
  });
}

let sink = 0;

function walk({ bytes }: Frames): void {
  for (const payload of bytes) {
    const words = new Uint32Array(payload.buffer);
    let sum = 0;
    for (let i = 0; i < words.length; i++) sum = (sum + (words[i] ?? 0)) | 0;
    sink ^= sum;
  }
}

function apply(reducer: Reducer, { type, bytes }: Frames): void {
  for (const payload of bytes) reducer.apply(type, payload, new DataView(payload.buffer), 0, payload.length);
}

/** ns a record, the median of the later rounds (the earlier ones make the flows and warm up). */
function measure(reducer: Reducer, make: (round: number) => Frames): { walked: number; applied: number } {
  const walked: number[] = [];
  const applied: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const frames = make(round);
    walk(frames);
    const begin = process.hrtime.bigint();
    walk(frames);
    const middle = process.hrtime.bigint();
    apply(reducer, frames);
    const end = process.hrtime.bigint();
    walked.push(Number(middle - begin) / FLOWS);
    applied.push(Number(end - middle) / FLOWS);
  }
  const median = (values: number[]): number => values.slice(2).sort((a, b) => a - b)[(ROUNDS - 2) >> 1] ?? NaN;
  return { walked: median(walked), applied: median(applied) };
}

const say = (figure: Record<string, unknown>): void => console.log(JSON.stringify(figure));

const reducer = new Reducer();
feed(reducer, ...opening());
const records = measure(reducer, flowFrames);
const events = measure(reducer, eventFrames);
apply(reducer, socketFrames());
for (const [name, { walked, applied }] of Object.entries({ 'flow records': records, events })) {
  say({ name: `engine: ${name} into the flow table`, value: applied, unit: 'ns' });
  say({ name: `engine: ${name}, walking / flow table`, value: walked / applied, unit: 'ratio' });
}

const few = new Reducer();
feed(few, ...opening());
apply(few, flowFrames(1));
apply(few, socketFrames());
for (let round = 1; round <= 3; round++) apply(few, eventFrames(round));
say({ name: 'engine: memory of a flow with its socket', value: few.model.bytes / FLOWS, unit: 'bytes', budget: 600 });
say({
  name: 'engine: memory of a flow, keyframe',
  value: few.serialize().length / FLOWS,
  unit: 'bytes',
});
if (sink === 1) console.log('');
