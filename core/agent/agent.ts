/** `flowglass agent`: captures without a page, counts by group, answers scrapes and feeds streams. */
import { readFileSync } from 'node:fs';
import { alertsOf } from '../alerts/alert-rules.ts';
import { AlertService } from '../alerts/alert-service.ts';
import { alertSource } from '../engine/alert-source.ts';
import { surroundingsOf } from '../engine/knowledge.ts';
import { FlowglassError } from '../errors.ts';
import { modelFields } from '../filter/adapter.ts';
import { compile, requireFilter } from '../filter/filter.ts';
import { SampleListeners } from '../flight-recorder/sample-listeners.ts';
import { Exposition } from '../metrics/families.ts';
import { FlowFamilies } from '../metrics/flow-families.ts';
import { healthFamilies, type Health } from '../metrics/health-families.ts';
import { Meter } from '../metrics/meter.ts';
import { PeerGroups } from '../metrics/peer-groups.ts';
import { addressText } from '../summary/text.ts';
import { liveSummary } from '../summary/source.ts';
import type { Attached } from '../engine/interface-watch.ts';
import { Capture, type CaptureOptions } from './capture.ts';
import { parseListen } from '../streams/collector.ts';
import type { AgentConfig } from './config.ts';
import { MetricsServer, type Served } from './http.ts';
import { Streams } from './streams.ts';

/** Counting goes on this often, so that a scrape finds nothing older. */
const TICK_MS = 250;

export interface AgentOptions {
  readonly version: string;
  readonly capture: CaptureOptions;
  readonly config: AgentConfig;
  /** One line for the log. */
  readonly say: (text: string) => void;
}

export class Agent implements Served {
  readonly #capture: Capture;
  readonly #options: AgentOptions;
  readonly #streams: Streams;
  readonly #timer: NodeJS.Timeout;
  readonly #samples = new SampleListeners();
  #alerts: AlertService;
  #config: AgentConfig;
  #meter: Meter;
  #exposition: Exposition;
  #server: MetricsServer | null = null;
  #scrapeSeconds = 0;
  #reloads = { good: 0, bad: 0, lastGood: true };
  #failure: string | null = null;

  private constructor(capture: Capture, options: AgentOptions) {
    this.#capture = capture;
    this.#options = options;
    this.#config = options.config;
    this.#streams = new Streams(liveSummary(capture.model, `Flowglass ${options.version}`), options.say);
    this.#streams.configure(options.config.streams);
    this.#meter = this.#makeMeter(options.config);
    this.#alerts = this.#makeAlerts(options.config);
    this.#exposition = this.#makeExposition();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    void capture.ended.then((end) => (this.#failure = end.error?.message ?? 'the capture helper ended'));
  }

  /** Attaches and listens. Throws FlowglassError; nothing is left attached then. */
  static async start(options: AgentOptions): Promise<Agent> {
    const capture = await Capture.start(options.capture);
    try {
      const agent = new Agent(capture, options);
      await agent.#listen(options.config);
      return agent;
    } catch (error) {
      await capture.stop();
      throw error;
    }
  }

  get attached(): readonly Attached[] {
    return this.#capture.attached;
  }

  /** Address of the metrics; null when there is none. */
  get metricsAddress(): string | null {
    return this.#server?.address ?? null;
  }

  /** Settles with why, when capturing ended without being asked to. */
  get ended(): Promise<FlowglassError | null> {
    return this.#capture.ended.then(({ error }) => error);
  }

  /**
   * Takes another configuration. What it counts by may change: then series begin anew. What is watched cannot change
   * while it runs. Throws FlowglassError and keeps what was in force.
   */
  async reload(read: () => AgentConfig): Promise<void> {
    try {
      const config = read();
      for (const key of ['interfaces', 'netns', 'attach'] as const) {
        if (JSON.stringify(config[key]) === JSON.stringify(this.#config[key])) continue;
        throw new FlowglassError({ code: 'bad-config', what: `"${key}" cannot change while the agent runs`, where: 'configuration', hint: 'restart it' }); // prettier-ignore
      }
      if (config.metrics.listen !== this.#config.metrics.listen) await this.#listen(config);
      const counts = JSON.stringify([config.metrics, config.peers, config.filter]);
      const alerts = alertKeysOf(config) !== alertKeysOf(this.#config);
      const same = counts === JSON.stringify([this.#config.metrics, this.#config.peers, this.#config.filter]);
      this.#config = config;
      this.#streams.configure(config.streams);
      if (alerts) {
        const before = this.#alerts;
        this.#alerts = this.#makeAlerts(config);
        await before.close();
      }
      if (!same) {
        this.#meter = this.#makeMeter(config);
        this.#exposition = this.#makeExposition();
      }
      this.#reloads = { ...this.#reloads, good: this.#reloads.good + 1, lastGood: true };
    } catch (error) {
      this.#reloads = { ...this.#reloads, bad: this.#reloads.bad + 1, lastGood: false };
      throw error;
    }
  }

  async metrics(accept: string): Promise<{ type: string; text: string }> {
    this.#meter.update();
    const before = performance.now();
    const made = await this.#exposition.text(accept);
    this.#scrapeSeconds = (performance.now() - before) / 1000;
    return made;
  }

  unready(): string | null {
    if (this.#failure !== null) return this.#failure;
    return this.#capture.attached.some(({ up }) => up) ? null : 'no interface is up';
  }

  /** Takes the last read-out, tells the streams, detaches. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#capture.stop();
    this.#capture.tick();
    this.#meter.update(true);
    await Promise.all([this.#streams.close(), this.#alerts.close()]);
    await this.#server?.close();
  }

  #tick(): void {
    this.#capture.tick();
    this.#meter.update();
    this.#alerts.look();
  }

  async #listen({ metrics }: AgentConfig): Promise<void> {
    const endpoint = metrics.listen === 'off' ? null : parseListen(metrics.listen);
    // The new address first: when it is taken, the old one goes on.
    const server = endpoint === null ? null : await MetricsServer.start(endpoint, this);
    await this.#server?.close();
    this.#server = server;
  }

  #makeMeter({ metrics, peers, filter }: AgentConfig): Meter {
    const { model } = this.#capture;
    const meter = new Meter(
      model,
      {
        names: metrics.labels.filter((name) => metrics.addresses || name !== 'address'),
        peers: new PeerGroups(peers),
        ephemeralFrom: ephemeralFrom(),
        serviceOf: () => null,
        groups: metrics.groups,
        resolution: metrics.bucketsPerDoubling,
        matches: filter === undefined ? null : compile(requireFilter(filter), modelFields(model)),
      },
      this.#streams,
    );
    meter.also = this.#samples;
    return meter;
  }

  #makeAlerts(config: AgentConfig): AlertService {
    const { version, say } = this.#options;
    const { model } = this.#capture;
    const application = `Flowglass ${version}`;
    const alerts = new AlertService(alertsOf(config), {
      application,
      say,
      onTold: ({ text }) => say(`alert: ${text}`),
    });
    alerts.watch(
      alertSource(() => liveSummary(model, application), surroundingsOf(model)),
      {
        onSamples: (samples) => this.#samples.set('alerts', samples),
        onMark: () => undefined, // nothing is recorded
      },
    );
    return alerts;
  }

  #makeExposition(): Exposition {
    const { metrics } = this.#config;
    const meter = this.#meter;
    const exemplar = metrics.exemplars ? (flow: number) => this.#exemplarLabels(flow, metrics.addresses) : null;
    const flows = new FlowFamilies(meter.groups, meter.labels.options.names, exemplar);
    return new Exposition([...flows.families, ...healthFamilies(() => this.#health())]);
  }

  /** At most 128 characters, as OpenMetrics wants. */
  #exemplarLabels(flow: number, addresses: boolean): Record<string, string> {
    const id = String(flow + 1);
    const { flows } = this.#capture.model;
    const row = flows.rowOf(flow);
    if (!addresses || row < 0) return { flow: id };
    const end = (side: number): string =>
      addressText(flows.key.data, flows.addressWord(row, side), flows.familyOf(row));
    return { flow: id, ends: `${end(0)} ${flows.portOf(row, 0)} ${end(1)} ${flows.portOf(row, 1)}` };
  }

  #health(): Health {
    return {
      version: this.#options.version,
      model: this.#capture.model,
      meter: this.#meter,
      attached: this.#capture.attached,
      stats: this.#capture.stats,
      ready: this.unready() === null,
      scrapeSeconds: this.#scrapeSeconds,
      scrapesRefused: this.#server?.refused ?? 0,
      reloads: this.#reloads,
      streams: this.#streams.health(),
      alerts: this.#alerts,
    };
  }
}

/** What alerts are made from, to be compared. */
const alertKeysOf = ({ alerts, targets, memory }: AgentConfig): string =>
  JSON.stringify([alerts.map(({ when, until, ...rest }) => [when?.text, until?.text, rest]), targets, memory]);

/** First port that this kernel gives to clients; 32768 where it does not say. */
function ephemeralFrom(): number {
  try {
    const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/);
    return Number(first) || 32_768;
  } catch {
    return 32_768;
  }
}
