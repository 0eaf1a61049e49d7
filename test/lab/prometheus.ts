/** A real Prometheus in a host of the laboratory, and a real agent for it to scrape. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from './child.ts';
import { COMMAND } from './flowglass.ts';
import type { Host } from './host.ts';
import { settle, type Lab } from './lab.ts';

/** One series of an answer: its labels, and [seconds since 1970, value] or many of them. */
export interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: [number, string][];
}

export class Agent {
  readonly child: Child;
  readonly host: Host;
  readonly address: string;

  constructor(child: Child, host: Host, address: string) {
    this.child = child;
    this.host = host;
    this.address = address;
  }

  /** What it says at a path; OpenMetrics when asked. */
  get(path: string, openMetrics = false): string {
    const accept = openMetrics ? ['-H', 'Accept: application/openmetrics-text; version=1.0.0'] : [];
    return this.host.run('curl', ['-sS', '--max-time', '10', ...accept, `http://${this.address}${path}`]);
  }

  /** Waits until a scrape satisfies `wanted`; throws with the scrape when it never does. */
  async until(what: string, wanted: (text: string) => boolean): Promise<string> {
    let text = '';
    for (let tries = 0; tries < 100; tries++) {
      text = this.get('/metrics');
      if (wanted(text)) return text;
      await settle(100);
    }
    throw new Error(`no ${what} in:\n${text}`);
  }
}

/** Starts `flowglass agent` inside the host; settles once it counts. */
export async function startAgent(lab: Lab, host: Host, options: readonly string[]): Promise<Agent> {
  const child = host.spawn(process.execPath, [COMMAND, 'agent', '--metrics', '127.0.0.1:9477', ...options], { timeoutMs: 120_000 }); // prettier-ignore
  lab.care(child);
  await child.until('watching', ({ stderr }) => /^flowglass: watching/m.test(stderr));
  return new Agent(child, host, '127.0.0.1:9477');
}

/** Sum of the samples of a scrape whose name and labels match. */
export function sumOf(text: string, name: string, labels: Record<string, string> = {}): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (\S+)(?: # .*)?$/.exec(line);
    if (match?.[1] !== name) continue;
    const has = (label: string, value: string): boolean => `,${match[2] ?? ''},`.includes(`,${label}="${value}",`);
    if (Object.entries(labels).every(([label, value]) => has(label, value))) sum += Number(match[3]);
  }
  return sum;
}

const PORT = 9090;

export class Prometheus {
  readonly child: Child;
  readonly #host: Host;

  private constructor(child: Child, host: Host) {
    this.child = child;
    this.#host = host;
  }

  /** Starts it; `rules` are files of rules. It scrapes the address every half second. */
  static async start(lab: Lab, host: Host, target: string, rules: readonly string[] = []): Promise<Prometheus> {
    const config = join(lab.directory, 'prometheus.yml');
    const settings = {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      rule_files: rules,
      scrape_configs: [{ job_name: 'flowglass', static_configs: [{ targets: [target] }] }],
    };
    writeFileSync(config, JSON.stringify(settings)); // JSON is YAML
    host.run('promtool', ['check', 'config', config]);
    const data = join(lab.directory, 'prometheus');
    const child = host.spawn('prometheus', [
      `--config.file=${config}`, `--storage.tsdb.path=${data}`, `--web.listen-address=127.0.0.1:${PORT}`,
      '--enable-feature=exemplar-storage', '--log.level=warn', '--query.lookback-delta=5s',
    ], { timeoutMs: 120_000 }); // prettier-ignore
    const prometheus = new Prometheus(child, host);
    await prometheus.until('a scrape', () => prometheus.query('up == 1').length > 0);
    return prometheus;
  }

  /** An instant query, now or at a time (seconds since 1970). */
  query(expression: string, at?: number): Series[] {
    const answer = this.api('query', { query: expression, ...(at === undefined ? {} : { time: String(at) }) });
    return (answer as { data?: { result?: Series[] } }).data?.result ?? [];
  }

  /** The one value of a query; NaN when there is none, throws when there are several. */
  value(expression: string): number {
    const series = this.query(expression);
    if (series.length > 1) throw new Error(`${series.length} series: ${expression}`);
    return Number(series[0]?.value?.[1] ?? NaN);
  }

  /** What a path of its API says; throws what it complains of. */
  api(path: string, parameters: Record<string, string>): unknown {
    const args = Object.entries(parameters).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
    const url = `http://127.0.0.1:${PORT}/api/v1/${path}`;
    const text = this.#host.run('curl', ['-sS', '--max-time', '10', ...args, url]);
    const answer = JSON.parse(text) as { status: string; error?: string };
    if (answer.status !== 'success') throw new Error(`${JSON.stringify(parameters)}: ${answer.error ?? text}`);
    return answer;
  }

  /** Waits until `ready`. */
  async until(what: string, ready: () => boolean): Promise<void> {
    for (let tries = 0; tries < 150; tries++) {
      if (this.child.ended !== null) throw new Error(`prometheus ended: ${this.child.stderr}`);
      try {
        if (ready()) return;
      } catch (error) {
        if (tries === 149) throw error;
      }
      await settle(100);
    }
    throw new Error(`no ${what} in Prometheus: ${this.child.stderr}`);
  }
}
