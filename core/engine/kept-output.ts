/** Where the frames of `record` go when only the newest is kept: into a ring beside the files that are written from it. */
import { FlowglassError } from '../errors.ts';
import { modelFields, type Surroundings } from '../filter/adapter.ts';
import { FlightRecording } from '../flight-recorder/flight-recording.ts';
import { numberedPaths, ringPrefix } from '../flight-recorder/paths.ts';
import type { RingLimits } from '../flight-recorder/ring.ts';
import type { SampleListeners } from '../flight-recorder/sample-listeners.ts';
import type { Fired } from '../flight-recorder/trigger-watch.ts';
import type { Trigger } from '../flight-recorder/trigger.ts';
import type { Reducer } from '../flow/reducer.ts';
import type { Joined } from '../session/join.ts';
import type { SessionResult, SessionWriterOptions } from '../session/options.ts';
import { noCounts } from '../session/session-file.ts';
import { addCounts } from '../session/writer.ts';
import type { FrameSink } from '../wire/frames.ts';
import { flowTexts } from './flow-texts.ts';

/** What is kept, and what has it written. */
export interface KeepOptions {
  readonly limits: RingLimits;
  readonly triggers: readonly Trigger[];
  /** How long a recording goes on after its trigger. */
  readonly afterMs: number;
  readonly onFired: (fired: Fired, path: string | null) => void;
  readonly onSaved: (saved: Joined) => void;
  /** A file could not be written; keeping goes on. */
  readonly onError: (error: unknown) => void;
}

/** Where frames go: a session file, or the ring. */
export interface Output {
  frame: FrameSink;
  flush(): void;
  close(): SessionResult | Promise<SessionResult>;
}

/** What triggers look at beside the model, and how they get its samples. */
export interface Watching {
  readonly surroundings: Surroundings;
  readonly samples: SampleListeners;
}

/** `sink` takes what the ring says of itself. Throws FlowglassError when the ring cannot be made. */
export function keptOutput(
  keep: KeepOptions,
  recorded: SessionWriterOptions,
  reducer: Reducer,
  sink: FrameSink,
  { surroundings, samples }: Watching,
): { output: Output; flight: FlightRecording } {
  const { path, force = false, rotateBytes: _bytes, rotateMs: _ms, ring: _ring, ...writer } = recorded;
  const { model } = reducer;
  const { triggers, ...kept } = keep;
  const flight = new FlightRecording({
    ...kept,
    prefix: ringPrefix(path),
    writer,
    sink,
    model,
    fields: modelFields(model, surroundings),
    texts: flowTexts(model, surroundings),
    newPath: numberedPaths(path, force),
    force,
    ...(writer.calls === undefined ? {} : { calls: writer.calls }),
    onSamples: (window) => samples.setFor(model, 'triggers', window),
  });
  flight.setTriggers(triggers);
  return { output: { frame: flight.ring.frame, flush: () => flight.ring.flush(), close: () => close(flight) }, flight };
}

async function close(flight: FlightRecording): Promise<SessionResult> {
  let { error } = flight.ring;
  try {
    await flight.close();
  } catch (failure) {
    if (!(failure instanceof FlowglassError)) throw failure;
    error ??= failure;
  }
  const { saved } = flight;
  const counts = noCounts();
  let bytes = 0;
  for (const each of saved) {
    addCounts(counts, each.counts);
    bytes += each.bytes;
  }
  return { files: saved.map(({ path }) => path), bytes, counts, error };
}
