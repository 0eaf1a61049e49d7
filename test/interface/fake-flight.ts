/** The flight recorder of the invented machine. */
import type { StateEvent } from '../../core/contract/answers.ts';
import type { FlightState } from '../../core/contract/recording.ts';
import type { Method, Params } from '../../core/contract/requests.ts';
import { applyFix } from '../../core/filter/filter.ts';
import { completeTrigger } from '../../core/flight-recorder/complete-trigger.ts';
import { parseTrigger } from '../../core/flight-recorder/trigger.ts';
import { completionAnswer } from '../../core/engine/completion.ts';

export function fakeFlight(running: boolean): FlightState {
  return {
    settings: { on: true, seconds: 120, megabytes: 256 },
    running,
    heldMs: running ? 94_600 : 0,
    bytes: running ? 38_400_000 : 0,
    problem: null,
    recording: null,
    afterSeconds: 30,
    triggers: [
      {
        text: 'server.port == 443 && rtt.p99 > 200ms',
        enabled: true,
        fired: {
          times: 2,
          at: '2026-11-24T12:04:31.000Z',
          evidence: 'checkout[4711] → 203.0.113.20:443 (pay.example.com): rtt.p99 = 412ms',
          path: '/var/lib/flowglass/2026-11-24 12.04.31.pcapng',
        },
      },
      { text: 'session: resets > 50 within 10s', enabled: false, fired: null },
    ],
  };
}

/** The state and the answer after a request about recording. */
export function flightAnswer(
  state: StateEvent,
  method: Method,
  params: unknown,
): { state: StateEvent; answer: unknown } {
  const flight = state.flight ?? fakeFlight(true);
  switch (method) {
    case 'recordPause': {
      const { paused } = params as Params<'recordPause'>;
      return { state: { ...state, recording: state.recording && { ...state.recording, paused } }, answer: null };
    }
    case 'flightSave':
      return { state, answer: { path: '/var/lib/flowglass/2026-11-24 12.05.02.pcapng', bytes: 38_400_000, packets: 91_204, seconds: 94.6 } }; // prettier-ignore
    case 'flightKeep': {
      const { settings } = params as Params<'flightKeep'>;
      const on = settings.on && state.mode === 'live';
      return { state: { ...state, flight: { ...flight, settings, running: on, heldMs: 0, bytes: 0 } }, answer: null };
    }
    case 'flightTriggers': {
      const { wish } = params as Params<'flightTriggers'>;
      const fired = new Map(flight.triggers.map((each) => [each.text, each.fired]));
      const triggers = wish.triggers.map((each) => ({ ...each, fired: fired.get(each.text) ?? null }));
      return { state: { ...state, flight: { ...flight, afterSeconds: wish.afterSeconds, triggers } }, answer: null };
    }
    case 'triggerComplete': {
      const { text, cursor } = params as Params<'triggerComplete'>;
      return {
        state,
        answer: completionAnswer(
          completeTrigger(text, cursor, () => ['curl']),
          cursor,
        ),
      };
    }
    default: {
      const { text } = params as Params<'triggerCheck'>;
      const result = parseTrigger(text);
      if (result.ok) return { state, answer: { ok: true, matching: 0, total: 0 } };
      const { start, end, message } = result.problem;
      return { state, answer: { ok: false, position: start, length: end - start, message, fix: applyFix(text, result.problem) } }; // prettier-ignore
    }
  }
}
