/**
 * The engine's share: frames from the helper's socket into the flow table, against the same frames only walked (every
 * word of every record read), in processor time a record; and the memory of a flow with everything counted. Events come
 * in an order that has nothing to do with that of the flows.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as abi from '../../core/abi/generated.ts';
import { eventRecord, feed, flowRecord, opening, socketRecord } from '../../core/flow/frames.testkit.ts';
import { Reducer } from '../../core/flow/reducer.ts';
import { FrameReader, type FrameSink } from '../../core/wire/frames.ts';

const RECORDS = 400_000;
const ROUNDS = 5;
const SPREAD = 0x9e3779b1;

type Set = (view: DataView, at: number, record: number) => void;

/** Whole frames of `count` copies of `record`, each made its own by `set`. */
function frames(type: number, record: Uint8Array, count: number, set: Set): Uint8Array[] {
  const perFrame = Math.floor((abi.FRAME_WRITE_MAX - abi.FRAME_HEADER_BYTES) / record.length);
  const made: Uint8Array[] = [];
  for (let first = 0; first < count; first += perFrame) {
    const n = Math.min(perFrame, count - first);
    const bytes = new Uint8Array(abi.FRAME_HEADER_BYTES + n * record.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, n * record.length, true);
    view.setUint16(4, type, true);
    for (let i = 0; i < n; i++) {
      const at = abi.FRAME_HEADER_BYTES + i * record.length;
      bytes.set(record, at);
      set(view, at, first + i);
    }
    made.push(bytes);
  }
  return made;
}

function setKey(view: DataView, at: number, flow: number): void {
  view.setUint32(at + abi.KEY.loAddress, 0x0a + (flow >>> 8) * 256, true);
  view.setUint16(at + abi.KEY.loPort, 1024 + (flow & 255), true);
}

/** Read-outs of all flows, one after the other. */
function flowFrames(flows: number, records: number): Uint8Array[] {
  const at = abi.FLOW_RECORD.flow;
  return frames(abi.FRAME_FLOWS, flowRecord({ flags: abi.FLOW_SYN_LO }), records, (view, record, i) => {
    const flow = i % flows;
    view.setUint32(record + abi.FLOW_RECORD.slot, flow, true);
    view.setUint32(record + at + abi.FLOW.epoch, flow + 1, true);
    view.setUint32(record + at + abi.FLOW.cookie, flow + 1, true);
    setKey(view, record + at + abi.FLOW.key, flow);
    for (let word = 0; word < 20; word += 2) {
      view.setUint32(record + at + abi.FLOW.direction + word * 4, (Math.floor(i / flows) + 1) * (word + 3), true);
    }
  });
}

function eventFrames(flows: number, records: number): Uint8Array[] {
  const record = eventRecord({ kind: abi.EVENT_RESPONSE, hiToLo: true });
  return frames(abi.FRAME_EVENTS, record, records, (view, at, i) => {
    const flow = (Math.imul(i, SPREAD) >>> 0) % flows;
    setKey(view, at + abi.EVENT.key, flow);
    view.setUint32(at + abi.EVENT.epoch, flow + 1, true);
    view.setUint32(at + abi.EVENT.value, 1_000_000 + (Math.imul(i, SPREAD) >>> 14), true);
  });
}

function socketFrames(flows: number): Uint8Array[] {
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
  return frames(abi.FRAME_SOCKETS, record, flows, (view, at, flow) => {
    view.setUint32(at + abi.SOCKET_EVENT.cookie, flow + 1, true);
    view.setUint32(at + abi.SOCKET_EVENT.localAddress, 0x0a + (flow >>> 8) * 256, true);
    view.setUint16(at + abi.SOCKET_EVENT.localPort, 1024 + (flow & 255), true);
  });
}

/** The other process: plays the helper. */
async function send(path: string, kind: string, flows: number): Promise<void> {
  const made = kind === 'events' ? eventFrames(flows, RECORDS) : flowFrames(flows, RECORDS);
  const socket = connect(path);
  for (const frame of made) if (!socket.write(frame)) await once(socket, 'drain');
  socket.end();
}

/** Processor time of this process a record, in ns, from the first byte on. */
async function receive(directory: string, kind: string, flows: number, sink: FrameSink): Promise<number> {
  const path = join(directory, 'socket');
  const server = createServer().listen(path);
  await once(server, 'listening');
  spawn(process.execPath, [fileURLToPath(import.meta.url), path, kind, String(flows)], { stdio: 'inherit' });
  const [socket] = (await once(server, 'connection')) as [Socket];
  const reader = new FrameReader(sink);
  let before: NodeJS.CpuUsage | undefined;
  socket.on('data', (chunk: Uint8Array) => {
    before ??= process.cpuUsage();
    reader.push(chunk);
  });
  await once(socket, 'end');
  const { user, system } = process.cpuUsage(before);
  server.close();
  await once(server, 'close');
  return ((user + system) * 1000) / RECORDS;
}

let sum = 0;
const walk: FrameSink = (_type, _bytes, view, offset, length) => {
  for (let at = offset; at < offset + length; at += 4) sum = (sum + view.getUint32(at, true)) | 0;
};

const say = (figure: Record<string, unknown>): void => console.log(JSON.stringify(figure));
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

async function ratios(directory: string, kind: string, flows: number, least?: number): Promise<void> {
  const reducer = new Reducer();
  feed(reducer, ...opening());
  const apply: FrameSink = (type, bytes, view, offset, length) => reducer.apply(type, bytes, view, offset, length);
  const walked: number[] = [];
  const applied: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const w = await receive(directory, kind, flows, walk);
    const a = await receive(directory, kind, flows, apply);
    // The first round makes the flows and warms up.
    if (round === 0) continue;
    walked.push(w);
    applied.push(a);
  }
  const name = `engine: ${kind} of ${flows.toLocaleString('en')} flows`;
  say({ name: `${name} into the flow table`, value: median(applied), unit: 'ns' });
  say({
    name: `${name}, walking / flow table`,
    value: median(walked) / median(applied),
    unit: 'ratio',
    ...(least === undefined ? {} : { least }),
  });
}

function memory(): void {
  const flows = 100_000;
  const reducer = new Reducer();
  feed(reducer, ...opening());
  const reader = new FrameReader((type, bytes, view, offset, length) =>
    reducer.apply(type, bytes, view, offset, length),
  );
  for (const made of [flowFrames(flows, flows), socketFrames(flows), eventFrames(flows, 3 * flows)]) {
    for (const frame of made) reader.push(frame);
  }
  const name = 'engine: memory of a flow with socket, owner and three answers';
  say({ name, value: reducer.model.bytes / flows, unit: 'bytes', budget: 600 });
}

const [path, kind, flows] = process.argv.slice(2);
if (path !== undefined && kind !== undefined) await send(path, kind, Number(flows));
else {
  const directory = mkdtempSync(join(tmpdir(), 'flowglass-bench-'));
  try {
    await ratios(directory, 'flow records', 100_000, 0.3);
    await ratios(directory, 'events', 10_000, 0.3);
    await ratios(directory, 'events', 100_000);
    memory();
  } finally {
    rmSync(directory, { recursive: true });
  }
}
