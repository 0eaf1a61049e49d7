/**
 * What naming costs the engine: connections of which each is named by its ClientHello, against the same without it. A
 * connection has 50 records (read-outs, samples, states), as an HTTPS request with a page's answer has.
 */
import * as abi from '../../core/abi/generated.ts';
import { clientHello } from '../../core/dissect/test-packets.ts';
import { eventRecord, feed, flowRecord, opening } from '../../core/flow/frames.testkit.ts';
import { Reducer } from '../../core/flow/reducer.ts';
import { inspectPeeks } from '../../core/names/peeks.ts';
import { FrameReader, type FrameSink } from '../../core/wire/frames.ts';
import { median, print } from './figure.ts';

const CONNECTIONS = 60_000;
const READOUTS = 10;
const EVENTS = 40;
const ROUNDS = 3;
/** Connections whose records come together: frames of about 60 KB, as the helper writes them. */
const TOGETHER = 100;

/** One frame of these records, each made its own by `set`. */
function frame(type: number, records: readonly Uint8Array[]): Uint8Array {
  const length = records.reduce((sum, record) => sum + record.length, 0);
  const bytes = new Uint8Array(abi.FRAME_HEADER_BYTES + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  let at = abi.FRAME_HEADER_BYTES;
  for (const record of records) {
    bytes.set(record, at);
    at += record.length;
  }
  return bytes;
}

/** The record as it is for one connection: key and epoch at these places. */
function of(connection: number, record: Uint8Array, key: number, epoch: number): Uint8Array {
  const made = record.slice();
  const view = new DataView(made.buffer);
  view.setUint32(key + abi.KEY.loAddress, 0x0a + (connection >>> 8) * 256, true);
  view.setUint16(key + abi.KEY.loPort, 1024 + (connection & 255), true);
  view.setUint32(epoch, connection + 1, true);
  return made;
}

function peek(connection: number): Uint8Array {
  const hello = clientHello(`host-${connection % 500}.shop.example`, ['h2', 'http/1.1'], 200);
  const record = new Uint8Array((abi.PEEK.size + hello.length + 7) & ~7);
  const view = new DataView(record.buffer);
  record.set(flowRecord({}).subarray(abi.FLOW_RECORD.flow + abi.FLOW.key, abi.FLOW_RECORD.flow + abi.FLOW.key + abi.KEY.size), abi.PEEK.key); // prettier-ignore
  view.setUint32(abi.PEEK.sequence, connection + 2, true);
  view.setUint32(abi.PEEK.payload, hello.length, true);
  view.setUint16(abi.PEEK.captured, hello.length, true);
  record.set(hello, abi.PEEK.size);
  return of(connection, record, abi.PEEK.key, abi.PEEK.epoch);
}

const readout = flowRecord({ flags: abi.FLOW_SYN_LO });
const event = eventRecord({ kind: abi.EVENT_RESPONSE, hiToLo: true });
const at = abi.FLOW_RECORD.flow;
const readouts = (connection: number): Uint8Array[] => {
  const made = of(connection, readout, at + abi.FLOW.key, at + abi.FLOW.epoch);
  new DataView(made.buffer).setUint32(abi.FLOW_RECORD.slot, connection, true);
  return Array<Uint8Array>(READOUTS).fill(made);
};
const events = (connection: number): Uint8Array[] =>
  Array<Uint8Array>(EVENTS).fill(of(connection, event, abi.EVENT.key, abi.EVENT.epoch));

/** Frames of one kind of so many connections, at most as long as frames are. */
function frames(type: number, first: number, made: (connection: number) => Uint8Array[]): Uint8Array[] {
  const whole: Uint8Array[] = [];
  let held: Uint8Array[] = [];
  let size = 0;
  for (const record of Array.from({ length: TOGETHER }, (_, i) => made(first + i)).flat()) {
    if (size + record.length > abi.FRAME_WRITE_MAX - abi.FRAME_HEADER_BYTES) {
      whole.push(frame(type, held));
      [held, size] = [[], 0];
    }
    held.push(record);
    size += record.length;
  }
  return [...whole, frame(type, held)];
}

/** What comes of some connections at once: read-outs, peeks, events. */
const batches: { before: Uint8Array[]; peeks: Uint8Array[]; after: Uint8Array[] }[] = [];
for (let first = 0; first < CONNECTIONS; first += TOGETHER)
  batches.push({
    before: frames(abi.FRAME_FLOWS, first, readouts),
    peeks: frames(abi.FRAME_PEEK, first, (connection) => [peek(connection)]),
    after: frames(abi.FRAME_EVENTS, first, events),
  });

/** Processor time in ns a connection; `named` = with its peek. */
function cost(named: boolean): number {
  const reducer = new Reducer();
  feed(reducer, ...opening());
  const apply: FrameSink = (type, bytes, view, offset, length) => reducer.apply(type, bytes, view, offset, length);
  const reader = new FrameReader(inspectPeeks(apply));
  const before = process.cpuUsage();
  for (const batch of batches)
    for (const bytes of [...batch.before, ...(named ? batch.peeks : []), ...batch.after]) reader.push(bytes);
  const { user, system } = process.cpuUsage(before);
  const names = reducer.model.applications.rows.count;
  if (named && names !== CONNECTIONS) throw new Error(`${names} of ${CONNECTIONS} connections have names`);
  return ((user + system) * 1000) / CONNECTIONS;
}

const without: number[] = [];
const withNames: number[] = [];
for (let round = 0; round <= ROUNDS; round++) {
  const [bare, named] = [cost(false), cost(true)];
  if (round === 0) continue; // warms up
  without.push(bare);
  withNames.push(named);
}
const [bare, named] = [median(without), median(withNames)];
print({ name: 'engine: naming a connection by its ClientHello', value: named - bare, unit: 'ns' });
print({ name: 'engine: connections of 50 records with names / without', value: named / bare, unit: 'ratio', ratio: named / bare, budget: 1.4 }); // prettier-ignore
