/** A capture gone through as if it were watched: every look that there would have been, at its time. */
import { readCapture } from '../capture/read.ts';
import { samplesOnly, type SampleWindow } from '../flight-recorder/samples.ts';
import { Reducer } from '../flow/reducer.ts';
import { Session } from '../session/reader.ts';
import type { SummarySource } from '../summary/source.ts';
import { ForeignCapture } from '../tracker/open-foreign.ts';

/** As live. */
const LOOK_NS = 250e6;
/** In a silence longer than so many looks they are farther apart. */
const SILENT_LOOKS = 400;

/** Who looks. */
export interface Looker {
  readonly samples: SampleWindow | null;
  look(): void;
}

const REDUCERS = {
  fresh: (): Reducer => new Reducer(),
  restore: (state: Uint8Array): Reducer => Reducer.restore(state),
};

/** `begin` is called once, before anything happened. Throws FlowglassError when the file cannot be read. */
export async function goThrough(path: string, begin: (source: () => SummarySource) => Looker): Promise<void> {
  const session = await Session.open(path);
  if (session === null) return goThroughForeign(path, begin);
  try {
    await goThroughSession(session, begin);
  } finally {
    await session.close();
  }
}

async function goThroughSession(session: Session, begin: (source: () => SummarySource) => Looker): Promise<void> {
  const { reducer, cursor } = await session.replay(REDUCERS, session.fromNs, { fromStart: true });
  const { model } = reducer;
  const { captured, header } = session;
  const looker = begin(() => ({
    model,
    startedNs: model.clock.wallNs(0),
    durationNs: 0n,
    host: header.host,
    application: header.application,
    captured,
    late: captured.late,
    truncated: session.truncated,
  }));
  if (looker.samples !== null) model.observer = samplesOnly(looker.samples);
  for (let toNs = session.fromNs; ; toNs += BigInt(LOOK_NS)) {
    const last = toNs >= session.toNs;
    await cursor.advance(last ? null : toNs, (type, bytes, view, offset, length) => reducer.apply(type, bytes, view, offset, length)); // prettier-ignore
    looker.look();
    if (last) return;
  }
}

async function goThroughForeign(path: string, begin: (source: () => SummarySource) => Looker): Promise<void> {
  const capture = new ForeignCapture();
  const { model, handlers } = capture;
  const looker = begin(() => capture.source(false));
  if (looker.samples !== null) model.observer = samplesOnly(looker.samples);
  let nextNs = LOOK_NS;
  /** Everything up to there was seen. */
  const lookAt = (atNs: number): void => {
    model.nowNs = Math.max(model.nowNs, atNs);
    looker.look();
  };
  const result = await readCapture(path, {
    ...handlers,
    packet: (packet) => {
      for (let looks = 0, stepNs = LOOK_NS; capture.isAfter(packet, nextNs); nextNs += stepNs) {
        lookAt(nextNs);
        if (++looks % SILENT_LOOKS === 0) stepNs *= 2;
      }
      handlers.packet?.(packet);
    },
  });
  capture.finish(result.truncated);
  lookAt(nextNs);
}
