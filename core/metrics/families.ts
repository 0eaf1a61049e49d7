/**
 * Metric families whose values are read from columns when a scrape comes, for prom-client's registries, which write the
 * Prometheus and the OpenMetrics text. Nothing is copied between scrapes.
 */
import { Counter, Gauge, Histogram, Registry, type OpenMetricsContentType } from 'prom-client';

export type LabelValues = Readonly<Record<string, string>>;

/** One line of a family. */
export interface Sample {
  readonly value: number;
  readonly labels?: LabelValues;
  /** Of the group; the same object each time, so that its text is made once. */
  readonly sharedLabels?: LabelValues;
  /** Of a histogram: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
  readonly exemplar?:
    { readonly labelSet: LabelValues; readonly value: number; readonly timestamp: number } | undefined;
}

export interface Family {
  /** Of a counter: ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: () => Sample[];
}

/** What the registry asks of a metric (`getForPromString` where there is one, registry.js of prom-client 15). */
interface Contents {
  readonly name: string;
  readonly help: string;
  readonly type: Family['type'];
  readonly values: readonly Sample[];
}

const NO_REGISTERS = { registers: [] };

class CounterFamily extends Counter {
  readonly getForPromString: () => Contents;
  constructor(contents: () => Contents) {
    super({ ...contents(), ...NO_REGISTERS });
    this.getForPromString = contents;
  }
}

class GaugeFamily extends Gauge {
  readonly getForPromString: () => Contents;
  constructor(contents: () => Contents) {
    super({ ...contents(), ...NO_REGISTERS });
    this.getForPromString = contents;
  }
}

class HistogramFamily extends Histogram {
  readonly getForPromString: () => Contents;
  constructor(contents: () => Contents) {
    super({ ...contents(), ...NO_REGISTERS });
    this.getForPromString = contents;
  }
}

const CLASSES = { counter: CounterFamily, gauge: GaugeFamily, histogram: HistogramFamily } as const;

/** Both formats of the same families. */
export class Exposition {
  readonly #prometheus = new Registry();
  readonly #openMetrics = new Registry<OpenMetricsContentType>();

  constructor(families: readonly Family[]) {
    this.#openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    for (const family of families) {
      const { name, help, type, samples } = family;
      const Class = CLASSES[type];
      // OpenMetrics names a counter without the suffix of its samples.
      const bare = type === 'counter' ? name.replace(/_total$/, '') : name;
      this.#prometheus.registerMetric(new Class(() => ({ name, help, type, values: samples() })));
      this.#openMetrics.registerMetric(new Class(() => ({ name: bare, help, type, values: samples() })));
    }
  }

  /** The text for who asks with this Accept header, and its type. */
  async text(accept: string): Promise<{ type: string; text: string }> {
    const registry = /application\/openmetrics-text/.test(accept) ? this.#openMetrics : this.#prometheus;
    return { type: registry.contentType, text: await registry.metrics() };
  }
}
