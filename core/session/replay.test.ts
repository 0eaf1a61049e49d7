import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import {
  clockRecord,
  eventsFrame,
  flowsFrame,
  frame,
  type Frame,
  ms,
  opening,
  processRecord,
  socketsFrame,
} from '../flow/frames.testkit.ts';
import { cgroupFrame, FRAME_CGROUP } from '../flow/process-records.ts';
import { openCapture } from '../engine/open.ts';
import { Reducer } from '../flow/reducer.ts';
import { KIND_KEYFRAME } from './blocks.ts';
import { Session } from './reader.ts';
import { SessionWriter } from './writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-replay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Frames of one tick: flows that grow, close and are displaced, sockets, processes, samples. */
function tick(i: number): Frame[] {
  const at = i * 100;
  const key = { loPort: 1000 + (i % 300), hiPort: 443 };
  const next = { loPort: 1000 + ((i + 1) % 300), hiPort: 443 };
  const frames = [
    flowsFrame(
      { slot: i % 300, generation: 1 + Math.floor(i / 300), key, epoch: i + 1, flags: abi.FLOW_FIN_LO | abi.FLOW_FIN_HI, first: at - 50, last: at, lo: { packets: i, bytes: i * 90 }, hi: { packets: i, bytes: i * 800 } }, // prettier-ignore
      { slot: (i + 7) % 300, generation: 9, final: i % 5 === 0, key: next, epoch: i + 9, first: at - 20, last: at, lo: { packets: 3, bytes: 300 } }, // prettier-ignore
    ),
    eventsFrame(
      ...Array.from({ length: 12 }, (_, n) => ({ kind: abi.EVENT_PACKET_RTT, at: at - 12 + n, valueNs: 1000 * (i + n * 77), key, epoch: i + 1 })), // prettier-ignore
    ),
    socketsFrame({ kind: abi.SOCKET_CREATED, cookie: BigInt(i), at, source: abi.OWNER_CREATE, pid: 100 + (i % 20), comm: `task${i % 20}` }), // prettier-ignore
  ];
  // A frame of the engine's own making, as core/engine adds for cgroup names.
  if (i % 40 === 0)
    frames.push({ type: FRAME_CGROUP, payload: cgroupFrame(BigInt(i), `/system.slice/unit-${i}.service`) });
  if (i % 10 === 0) frames.push(frame(abi.FRAME_CLOCK, clockRecord(at)));
  if (i % 25 === 1) {
    frames.push(
      frame(
        abi.FRAME_PROCESSES,
        processRecord({
          kind: abi.PROCESS_EXECED,
          pid: 100 + (i % 20),
          comm: 'task',
          exe: '/bin/task',
          args: 'task\0-v',
        }),
      ),
    );
  }
  return frames;
}

describe('replay with the flow model', () => {
  it.each([
    ['', undefined],
    [', also while flows are folded', 300],
  ])('is bit for bit the live state at any moment, by keyframe, from the start, and step by step%s', async (_, max) => {
    const path = join(folder, `flows-${max}.pcapng`);
    const live = new Reducer(max);
    let now = 0;
    const writer = new SessionWriter({
      path,
      application: 'test',
      snaplen: 256,
      timer: false,
      now: () => now,
      serialize: () => live.serialize(),
      ownerOf: live.ownerOf,
    });
    const take = ({ type, payload }: Frame): void => {
      const view = new DataView(payload.buffer);
      live.apply(type, payload, view, payload.byteOffset, payload.length);
      writer.frame(type, payload, view, payload.byteOffset, payload.length);
    };
    opening().forEach(take);
    const states: { atNs: bigint; state: Buffer }[] = [];
    for (let i = 1; i <= 1500; i++) {
      tick(i).forEach(take);
      if (i % 100 === 50) states.push({ atNs: ms(i * 100), state: Buffer.from(live.serialize()) });
      now = i * 100;
      writer.tick();
    }
    const last = Buffer.from(live.serialize());
    writer.close();
    const session = await Session.open(path);
    if (!session) throw new Error('not a session');
    expect(session.index.filter((entry) => entry.kind === KIND_KEYFRAME).length).toBeGreaterThanOrEqual(2);
    const maker = { fresh: () => new Reducer(max), restore: (state: Uint8Array) => Reducer.restore(state, max) };
    const walked = new Reducer(max);
    const cursor = session.cursor();
    for (const { atNs, state } of states) {
      const { reducer } = await session.replay(maker, atNs);
      expect(Buffer.from(reducer.serialize()).equals(state)).toBe(true);
      await cursor.advance(atNs, (...rest) => walked.apply(...rest));
      expect(Buffer.from(walked.serialize()).equals(state)).toBe(true);
    }
    const fromStart = await session.replay(maker, null, { fromStart: true });
    expect(Buffer.from(fromStart.reducer.serialize()).equals(last)).toBe(true);
    const byKeyframe = await session.replay(maker);
    expect(Buffer.from(byKeyframe.reducer.serialize()).equals(last)).toBe(true);
    expect(byKeyframe.cursor.frames).toBeLessThan(fromStart.cursor.frames);
    expect(session.damagedBlocks).toBe(0);
    await session.close();

    const { folded, flows } = live.model;
    expect(folded.total > 0).toBe(max !== undefined);
    // Who reads the file to its end gets every flow, the folded ones too.
    const { model } = await openCapture(path);
    expect(model.folded.total).toBe(0);
    expect(model.flows.rows.count).toBe(folded.total + flows.rows.count);
    if (max !== undefined) expect(flows.rows.count).toBeLessThan(0.6 * model.flows.rows.count);
  });
});
