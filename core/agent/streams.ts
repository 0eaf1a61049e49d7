/** Events of flows for collectors: JSON lines on standard output, syslog. What a collector does not take is counted. */
import { hostname } from 'node:os';
import type { StreamHealth } from '../metrics/health-families.ts';
import type { FlowListener } from '../metrics/meter.ts';
import { flowSummary, type FlowSummary } from '../summary/flow.ts';
import type { SummarySource } from '../summary/source.ts';
import { WritableSink, type Sink } from '../streams/sink.ts';
import { flowMessage } from '../streams/syslog-flow.ts';
import { syslogSink } from '../streams/syslog-sink.ts';
import { nameOf, type StreamConfig } from './config.ts';

type Event = StreamConfig['events'][number];

interface Stream {
  readonly name: string;
  /** What it was made from: one that says the same stays as it is. */
  readonly text: string;
  readonly events: ReadonlySet<Event>;
  readonly sink: Sink;
  readonly message: (event: Event, at: Date, flow: FlowSummary) => Buffer;
}

export class Streams implements FlowListener {
  readonly #source: SummarySource;
  readonly #say: (text: string) => void;
  #streams: Stream[] = [];

  constructor(source: SummarySource, say: (text: string) => void) {
    this.#source = source;
    this.#say = say;
  }

  /** Takes another list; streams that stay keep their connection and their counts. */
  configure(list: readonly StreamConfig[]): void {
    const before = this.#streams;
    this.#streams = list.map((config) => {
      const text = JSON.stringify(config);
      return before.find((stream) => stream.text === text) ?? this.#open(config, text);
    });
    for (const stream of before) if (!this.#streams.includes(stream)) void stream.sink.close();
  }

  opened(flow: number): void {
    this.#tell('opened', flow);
  }

  closed(flow: number): void {
    this.#tell('closed', flow);
  }

  health(): StreamHealth[] {
    return this.#streams.map(({ name, sink }) => ({
      name,
      written: sink.written,
      lost: sink.lost,
      queuedBytes: sink.queuedBytes,
      connected: sink.connected,
    }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#streams.map(({ sink }) => sink.close()));
  }

  #tell(event: Event, flow: number): void {
    let summary: FlowSummary | null = null;
    const at = new Date();
    for (const stream of this.#streams) {
      if (!stream.events.has(event)) continue;
      summary ??= flowSummary(this.#source, flow);
      stream.sink.send(stream.message(event, at, summary));
    }
  }

  #open(config: StreamConfig, text: string): Stream {
    const queueBytes = config.queueMiB << 20;
    const events = new Set<Event>(config.events);
    if (config.to === 'stdout') {
      const sink = new WritableSink(queueBytes);
      sink.use(process.stdout);
      const message = (event: Event, at: Date, flow: FlowSummary): Buffer =>
        Buffer.from(`${JSON.stringify({ event, at: at.toISOString(), flow })}\n`);
      return { name: nameOf(config), text, events, sink, message };
    }
    const from = { facility: config.facility, host: hostname(), pid: process.pid };
    return {
      name: nameOf(config),
      text,
      events,
      sink: syslogSink(config, queueBytes, this.#say),
      message: (event, at, flow) => flowMessage(from, event, at, flow),
    };
  }
}
