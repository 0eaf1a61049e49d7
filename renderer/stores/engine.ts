/** Connection to the engine and what the whole page knows from it. Data buffers stay out of deep reactivity. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { Answers, HelloAnswer, NoticeEvent, StateEvent, StatsEvent } from '../../core/contract/answers.ts';
import type { Method, ParamsInput } from '../../core/contract/requests.ts';
import { EngineClient, RequestError } from '../engine/client.ts';
import { formatBytes, joined } from '../draw/format.ts';
import type { Transport, TransportEvents } from '../engine/transport.ts';
import { t } from '../language/language.ts';

/** Two a second for a minute. */
const HISTORY = 120;

const IDLE: StateEvent = {
  mode: 'idle',
  source: null,
  attached: [],
  remote: null,
  recording: null,
  flight: null,
  opening: null,
  exporting: null,
  clock: { epochNs: '0', startNs: 0, endNs: 0, cursorNs: 0, following: true, playing: false, rate: 1 },
  flows: 0,
  folded: 0,
  matching: 0,
  filter: '',
  range: null,
  troubles: 0,
  findings: 0,
  activeFindings: 0,
  truncated: false,
  damage: null,
};

export const useEngine = defineStore('engine', () => {
  const connected = ref(false);
  const refused = ref(false);
  const hello = shallowRef<HelloAnswer | null>(null);
  const state = shallowRef<StateEvent>(IDLE);
  const stats = shallowRef<StatsEvent | null>(null);
  const notice = shallowRef<NoticeEvent | null>(null);
  /** Packets and bits a second of the last minute, for the health strip; newest last. */
  const history = shallowRef<{ packets: number[]; bits: number[] }>({ packets: [], bits: [] });
  /** When the connection was lost, as session time; null = it is there, or never was. */
  const lostAtNs = ref<number | null>(null);
  let client: EngineClient | null = null;

  /** Asks what this machine can; again after that has changed. */
  function greet(): void {
    void request('hello', {}).then(
      (answer) => (hello.value = answer),
      () => undefined,
    );
  }

  function connect(transport: (events: TransportEvents) => Transport): void {
    client = new EngineClient(transport, {
      onConnection: (isConnected, isRefused) => {
        if (!isConnected && connected.value) lostAtNs.value = state.value.clock.endNs;
        if (isConnected) lostAtNs.value = null;
        connected.value = isConnected;
        refused.value = isRefused;
        if (isConnected) greet();
      },
      onState: (next) => {
        if (next.mode !== state.value.mode) history.value = { packets: [], bits: [] };
        state.value = next;
      },
      onStats: (next) => {
        stats.value = next;
        const { packets, bits } = history.value;
        history.value = {
          packets: [...packets, next.packetsPerSecond].slice(-HISTORY),
          bits: [...bits, next.bitsPerSecond].slice(-HISTORY),
        };
      },
      onNotice: (next) => (notice.value = next),
    });
    document.addEventListener('visibilitychange', () => client?.setVisible(!document.hidden));
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

  /** Starts recording, or stops and says what was recorded. */
  async function toggleRecording(): Promise<void> {
    if (!state.value.recording) {
      await act('recordStart', {});
      return;
    }
    const done = await act('recordStop', {});
    if (done)
      notice.value = {
        level: 'info',
        code: 'recorded',
        what: t('bar.recorded', { size: joined(formatBytes(done.bytes)) }),
        where: done.path,
        hint: null,
      };
  }

  const replaying = computed(() => state.value.mode === 'replay');
  return {
    connected,
    refused,
    hello,
    greet,
    state,
    stats,
    notice,
    history,
    lostAtNs,
    replaying,
    connect,
    engine,
    request,
    act,
    toggleRecording,
  };
});
