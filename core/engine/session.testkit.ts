/** Recordings made by hand, for tests and benches: frames through reducer and writer, as recording does it. */
import { EVENT_RESPONSE, FLOW_FIN_HI, FLOW_FIN_LO, FLOW_SYN_HI, FLOW_SYN_LO, FRAME_CLOCK } from '../abi/generated.ts';
import { clockRecord, eventsFrame, flowsFrame, frame, opening, type Frame, type Key } from '../flow/frames.testkit.ts';
import { Reducer } from '../flow/reducer.ts';
import { SessionWriter } from '../session/writer.ts';

/** What came until a moment, in ms of session time. */
export interface Told {
  readonly atMs: number;
  readonly frames: readonly Frame[];
}

/** Writes a session without packets; the writer's own clock is the session's, so that keyframes come as they would. */
export function writeSession(path: string, told: Iterable<Told>): void {
  const reducer = new Reducer();
  let now = 0;
  const writer = new SessionWriter({
    path,
    application: 'test',
    snaplen: 0,
    packets: false,
    timer: false,
    now: () => now,
    serialize: () => reducer.serialize(),
  });
  const give = ({ type, payload }: Frame): void => {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    reducer.apply(type, payload, view, 0, payload.length);
    writer.frame(type, payload, view, 0, payload.length);
  };
  opening().forEach(give);
  for (const { atMs, frames } of told) {
    now = atMs;
    frames.forEach(give);
    give(frame(FRAME_CLOCK, clockRecord(atMs)));
    writer.tick();
  }
  const { error } = writer.close();
  if (error) throw error;
}

const counters = (packets: number): { packets: number; bytes: number; payload: number } => ({
  packets,
  bytes: packets * 500,
  payload: packets * 440,
});

const ANSWER_NS = 1e6;

export interface Traffic {
  /** Connections that stay. */
  readonly lasting: number;
  /** Connections a second that are over in the next one. */
  readonly passing: number;
}

/** A second of it, ending at `second`: lasting connections go on and answer, others come and go. */
export function trafficSecond({ lasting, passing }: Traffic, second: number): Told {
  const last = second * 1000 - 5;
  const frames: Frame[] = [];
  const add = (key: Key, slot: number, generation: number, packets: number, flags: number, first: number): void => {
    const epoch = slot * 8192 + generation + 1;
    frames.push(
      flowsFrame({ key, slot, generation, epoch, flags, first, last, lo: counters(packets), hi: counters(packets) }),
      eventsFrame({ kind: EVENT_RESPONSE, key, epoch, hiToLo: true, valueNs: ANSWER_NS * (1 + (slot % 50)), at: last }),
    );
  };
  for (let n = 0; n < lasting; n++) add({ loPort: 40_000 + n, hiPort: 80 }, n, 0, second * 3, FLOW_SYN_LO, 500);
  for (let n = 0; n < passing; n++) {
    const flags = FLOW_SYN_LO | FLOW_SYN_HI | FLOW_FIN_LO | FLOW_FIN_HI;
    const key = { hi: `10.${second & 127}.${n & 255}.9`, loPort: 30_000 + (second % 30_000), hiPort: 443 };
    add(key, lasting + n, second, 9, flags, second * 1000 - 900);
  }
  return { atMs: second * 1000, frames };
}

/** `seconds` of it. */
export function* traffic(wish: Traffic, seconds: number): Generator<Told> {
  for (let second = 1; second <= seconds; second++) yield trafficSecond(wish, second);
}
