/** Sessions of ours (journal, keyframes, index, packets) and the helper's frames, down to the flow model. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as abi from '../../../core/abi/generated.ts';
import { crc32c } from '../../../core/capture/crc32c.ts';
import {
  clockRecord,
  eventsFrame,
  flowsFrame,
  type Frame,
  frame,
  ms,
  opening,
  processRecord,
  socketsFrame,
} from '../../../core/flow/frames.testkit.ts';
import { Reducer } from '../../../core/flow/reducer.ts';
import { BLOCK_FLOWGLASS } from '../../../core/session/blocks.ts';
import { Session } from '../../../core/session/reader.ts';
import { packetsFrame, udpFrame } from '../../../core/session/testing/frames.ts';
import { SessionWriter } from '../../../core/session/writer.ts';
import { flowSummary } from '../../../core/summary/flow.ts';
import { sessionSummary } from '../../../core/summary/session.ts';
import type { SummarySource } from '../../../core/summary/source.ts';
import { summaryFlows } from '../../../core/summary/summary.ts';
import { FrameReader } from '../../../core/wire/frames.ts';
import { hold, refusable, refusableAsync, type Target } from '../target.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** What a helper sends while a few flows open, grow and close. */
function frames(): Frame[] {
  const key = { loPort: 1000, hiPort: 443 };
  const six = { lo: '2001:db8::1', hi: '2001:db8::2', loPort: 5353, hiPort: 5353, protocol: 17 };
  return [
    ...opening(),
    flowsFrame(
      { slot: 1, key, epoch: 7, first: 10, last: 20, lo: { packets: 3, bytes: 300 }, hi: { packets: 2, bytes: 900 }, cookies: [5n, 0n] }, // prettier-ignore
      { slot: 2, key: six, first: 12, last: 22, lo: { packets: 1, bytes: 80 }, final: true },
    ),
    socketsFrame({ kind: abi.SOCKET_CREATED, cookie: 5n, at: 9, source: abi.OWNER_CREATE, pid: 100, comm: 'curl' }),
    frame(abi.FRAME_PROCESSES, processRecord({ kind: abi.PROCESS_EXECED, pid: 100, comm: 'curl', exe: '/bin/curl', args: 'curl\0-v' })), // prettier-ignore
    eventsFrame(
      { kind: abi.EVENT_PACKET_RTT, at: 18, valueNs: 1000, key, epoch: 7 },
      { kind: abi.EVENT_PACKET_RTT, at: 19, valueNs: 2_000_000, key, epoch: 7, hiToLo: true },
    ),
    frame(abi.FRAME_CLOCK, clockRecord(1000)),
    flowsFrame({ slot: 1, generation: 2, key, epoch: 9, first: 1010, last: 1020, lo: { packets: 1, bytes: 60 } }),
  ];
}

/** The model as anybody would look at it. What a file lies about its counters is shown as it lies. */
function look(reducer: Reducer): void {
  const source: SummarySource = {
    model: reducer.model,
    startedNs: 0n,
    durationNs: 0n,
    host: null,
    application: null,
    captured: { packets: 0, bytes: 0, wirePackets: 0 },
    late: 0,
    truncated: false,
  };
  sessionSummary(source);
  for (const row of summaryFlows(source)) flowSummary(source, row);
}

const wire: Target = {
  name: 'frames',
  seeds: () => {
    const list = frames().map(({ type, payload }) => {
      const bytes = new Uint8Array(8 + payload.length);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, payload.length, true);
      view.setUint16(4, type, true);
      bytes.set(payload, 8);
      return bytes;
    });
    return [new Uint8Array(Buffer.concat(list)), ...list];
  },
  run: (bytes) => {
    const reducer = new Reducer();
    const reader = new FrameReader((...rest) => reducer.apply(...rest));
    refusable(() => {
      for (let at = 0; at < bytes.length; at += 1000) reader.push(bytes.slice(at, at + 1000));
    });
    hold(reader.consumed + reader.pending <= bytes.length, 'more frames than bytes');
    look(reducer);
    const state = reducer.serialize();
    const again = Reducer.restore(state).serialize();
    hold(Buffer.compare(state, again) === 0, 'restored, it is another state');
  },
};

const restore: Target = {
  name: 'keyframe',
  seeds: () => {
    const reducer = new Reducer();
    for (const { type, payload } of frames()) {
      reducer.apply(type, payload, new DataView(payload.buffer), payload.byteOffset, payload.length);
    }
    return [new Reducer().serialize(), reducer.serialize()];
  },
  run: (bytes) => {
    const reducer = refusable(() => Reducer.restore(bytes));
    if (reducer !== null) look(reducer);
  },
};

function recorded(): Uint8Array {
  const path = join(folder, 'seed.pcapng');
  const reducer = new Reducer();
  let now = 0;
  const writer = new SessionWriter({
    path,
    application: 'fuzz',
    snaplen: 96,
    timer: false,
    now: () => now,
    serialize: () => reducer.serialize(),
    ownerOf: () => null,
    keyframeFirst: true,
  });
  for (const { type, payload } of frames()) {
    const view = new DataView(payload.buffer);
    reducer.apply(type, payload, view, payload.byteOffset, payload.length);
    writer.frame(type, payload, view, payload.byteOffset, payload.length);
    const { type: kind, bytes } = packetsFrame([{ iface: 0, atNs: ms(20 + now), data: udpFrame(now, 30) }]);
    writer.frame(kind, bytes, new DataView(bytes.buffer), 0, bytes.length);
    now += 300;
    writer.tick();
  }
  writer.close();
  return new Uint8Array(readFileSync(path));
}

/** Gives changed blocks of ours their right check sum again, as an attacker would. */
function mend(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 12 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    if (length < 12 || length % 4 !== 0 || at + length > bytes.length) return;
    const body = at + 8;
    if (view.getUint32(at, true) === BLOCK_FLOWGLASS && length >= 68) {
      const end = body + 56 + view.getUint32(body + 20, true);
      if (end <= at + length - 4) {
        view.setUint32(body + 52, crc32c(bytes, body + 56, end, crc32c(bytes, body, body + 52)), true);
      }
    }
    at += length;
  }
}

const makers = { fresh: () => new Reducer(), restore: (state: Uint8Array) => Reducer.restore(state) };

const session: Target = {
  name: 'session',
  seeds: () => {
    const whole = recorded();
    return [whole, whole.slice(0, whole.length - 200)];
  },
  run: async (given) => {
    const bytes = given.slice();
    if (bytes.length % 2 === 0) mend(bytes);
    const path = join(folder, 'session.pcapng');
    writeFileSync(path, bytes);
    const opened = await refusableAsync(() => Session.open(path));
    if (opened === null) return;
    try {
      await refusableAsync(async () => look((await opened.replay(makers)).reducer));
      await refusableAsync(async () => look((await opened.replay(makers, opened.fromNs)).reducer));
      let packets = 0;
      await refusableAsync(() => opened.packets({}, () => ++packets < 1000));
      hold(packets * 32 <= bytes.length, 'more packets than bytes', packets);
      hold(opened.cutAt === null || opened.cutAt <= bytes.length, 'cut beyond the end');
    } finally {
      await opened.close();
    }
  },
};

export const sessionTargets: readonly Target[] = [wire, restore, session];
