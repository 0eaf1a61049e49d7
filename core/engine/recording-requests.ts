/** What pages ask of recordings and of the flight recorder. */
import type { CompletionAnswer } from '../contract/answers.ts';
import type { RecordingAnswers, recordingRequests, SavedAnswer } from '../contract/recording.ts';
import { FlowglassError } from '../errors.ts';
import type { Values } from '../filter/filter.ts';
import { completeTrigger } from '../flight-recorder/complete-trigger.ts';
import type { z } from 'zod';
import { completionAnswer } from './completion.ts';
import { checkTrigger, FlightKeeper } from './flight-keeper.ts';
import type { LiveSource } from './live-source.ts';

type Recordings = typeof recordingRequests;
type Handlers = { [M in keyof Recordings]: (viewer: unknown, params: z.output<Recordings[M]>) => Promise<RecordingAnswers[M]> | RecordingAnswers[M] }; // prettier-ignore

/** What of the engine recordings need. */
export interface RecordingHost {
  /** Throws FlowglassError when nothing live is watched. */
  readonly live: () => LiveSource;
  readonly newRecording: () => string;
  readonly opened: (path: string) => void;
  readonly announce: () => void;
  readonly notice: (level: 'error' | 'warning' | 'info', error: unknown) => void;
  readonly values: Values;
  /** Folder of the flight recorder; null = nothing is kept. */
  readonly folder: string | null;
}

/** The flight recorder of an engine, which tells its viewers what it does; null without a folder for it. */
export function flightKeeper({ folder, newRecording, opened, announce, notice }: RecordingHost): FlightKeeper | null {
  if (folder === null) return null;
  const tell = (level: 'warning' | 'info', code: string, what: string, where: string | null, hint: string): void =>
    notice(level, new FlowglassError({ code, what, where: where ?? '', hint }));
  return new FlightKeeper({
    folder,
    newPath: newRecording,
    opened,
    changed: announce,
    onFired: (text, path) =>
      tell(
        'warning',
        'triggered',
        text,
        path,
        path === null ? 'it is in the recording' : 'what was before it is in it',
      ),
    onSaved: ({ path, seconds }, why) =>
      why === 'trigger'
        ? tell('info', 'recorded', `Recorded ${whole(seconds)} s around what a trigger saw`, path, '')
        : tell('info', 'recorded', `A Flowglass that was killed had kept ${whole(seconds)} s: saved`, path, ''),
    onError: (error) => notice('error', error),
  });
}

const whole = (seconds: number): string => String(Math.round(seconds));

export function recordingHandlers(host: RecordingHost, keeper: FlightKeeper | null): Handlers {
  const { live, announce, notice } = host;
  const flight = (): FlightKeeper => {
    if (keeper !== null) return keeper;
    throw new FlowglassError({ code: 'no-flight-recorder', what: 'nothing is kept here', where: 'flight recorder', hint: 'record instead' }); // prettier-ignore
  };
  return {
    recordStart: (_viewer, { snaplen, packets }) => {
      const source = live();
      if (source.recorder.recording)
        throw new FlowglassError({
          code: 'recording',
          what: 'a recording is under way',
          where: source.recorder.recording.path,
          hint: 'stop it first',
        });
      const target = host.newRecording();
      source.recorder.start(target, snaplen, packets, (error) => {
        notice('error', error);
        void source.recorder.stop().then(announce);
      });
      announce();
      return { path: target };
    },
    recordStop: async () => {
      const source = live();
      const path = source.recorder.recording?.path;
      const result = await source.recorder.stop();
      if (!result || path === undefined) throw notRecording(source.name);
      if (result.error) throw result.error;
      host.opened(path);
      announce();
      return { path, bytes: result.bytes };
    },
    recordPause: (_viewer, { paused }) => {
      const source = live();
      if (source.recorder.recording === null) throw notRecording(source.name);
      source.recorder.pause(paused);
      announce();
      return null;
    },
    flightSave: (): Promise<SavedAnswer> => flight().save(),
    flightKeep: async (_viewer, { settings }) => {
      await flight().keep(settings);
      return null;
    },
    flightTriggers: (_viewer, { wish }) => {
      flight().setTriggers(wish);
      return null;
    },
    triggerCheck: (_viewer, { text }) => checkTrigger(text),
    triggerComplete: (_viewer, { text, cursor }): CompletionAnswer =>
      completionAnswer(completeTrigger(text, cursor, host.values), cursor),
  };
}

function notRecording(name: string): FlowglassError {
  return new FlowglassError({ code: 'not-recording', what: 'nothing is being recorded', where: name, hint: 'press Record first' }); // prettier-ignore
}
