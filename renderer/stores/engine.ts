/** Connection to the engine and what the whole page knows from it. Data buffers stay out of deep reactivity. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { Answers, HelloAnswer, NoticeEvent, StateEvent, StatsEvent } from '../../core/contract/answers.ts';
import type { Method, ParamsInput } from '../../core/contract/requests.ts';
import { EngineClient, RequestError } from '../engine/client.ts';
import type { Transport, TransportEvents } from '../engine/transport.ts';

const IDLE: StateEvent = {
  mode: 'idle',
  source: null,
  attached: [],
  recording: null,
  opening: null,
  clock: { epochNs: '0', startNs: 0, endNs: 0, cursorNs: 0, following: true, playing: false, rate: 1 },
  flows: 0,
  matching: 0,
  filter: '',
  troubles: 0,
  truncated: false,
};

export const useEngine = defineStore('engine', () => {
  const connected = ref(false);
  const refused = ref(false);
  const hello = shallowRef<HelloAnswer | null>(null);
  const state = shallowRef<StateEvent>(IDLE);
  const stats = shallowRef<StatsEvent | null>(null);
  const notice = shallowRef<NoticeEvent | null>(null);
  let client: EngineClient | null = null;

  function connect(transport: (events: TransportEvents) => Transport): void {
    client = new EngineClient(transport, {
      onConnection: (isConnected, isRefused) => {
        connected.value = isConnected;
        refused.value = isRefused;
        if (isConnected)
          void request('hello', {}).then(
            (answer) => (hello.value = answer),
            () => undefined,
          );
      },
      onState: (next) => (state.value = next),
      onStats: (next) => (stats.value = next),
      onNotice: (next) => (notice.value = next),
    });
  }

  function engine(): EngineClient {
    if (!client) throw new Error('connect() comes first');
    return client;
  }

  const request = <M extends Method>(method: M, params: ParamsInput<M>): Promise<Answers[M]> =>
    engine().request(method, params);

  /** Sends a request whose failure is shown in the notice bar; resolves to null then. */
  async function act<M extends Method>(method: M, params: ParamsInput<M>): Promise<Answers[M] | null> {
    try {
      return await request(method, params);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      notice.value = { level: 'error', ...error.trouble };
      return null;
    }
  }

  const replaying = computed(() => state.value.mode === 'replay');
  return { connected, refused, hello, state, stats, notice, replaying, connect, engine, request, act };
});
