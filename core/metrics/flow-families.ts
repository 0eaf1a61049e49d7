/** What `/metrics` says of flows: the columns of the groups as families. */
import type { LatencyColumns } from './buckets.ts';
import type { Family, LabelValues, Sample } from './families.ts';
import type { LabelName } from './flow-labels.ts';
import { CLOSINGS, type Groups } from './groups.ts';

const WAYS = ['sent', 'received'] as const;

/** Texts that go with a flow's id in an exemplar. */
export type ExemplarLabels = (flow: number) => LabelValues;

export class FlowFamilies {
  readonly #groups: Groups;
  readonly #names: readonly LabelName[];
  readonly #exemplar: ExemplarLabels | null;
  /** By row: the labels as an object, made anew when the row means something else. */
  readonly #shared: { readonly values: readonly string[]; readonly labels: LabelValues }[] = [];

  /** `exemplar` null = none are given. */
  constructor(groups: Groups, names: readonly LabelName[], exemplar: ExemplarLabels | null) {
    this.#groups = groups;
    this.#names = names;
    this.#exemplar = exemplar;
  }

  get families(): Family[] {
    const groups = this.#groups;
    return [
      this.#counter('flowglass_flows_opened_total', 'Flows begun', (row) => [this.#opened(row)]),
      this.#family('flowglass_flows_open', 'Flows that are open', 'gauge', (row) => [{ value: groups.open.data[row]! }]), // prettier-ignore
      this.#counter('flowglass_flows_closed_total', 'Flows ended, by how', (row) => this.#closed(row)),
      this.#ways('flowglass_bytes_total', 'Bytes of wire packets', groups.bytes),
      this.#ways('flowglass_packets_total', 'Wire packets', groups.packets),
      this.#ways('flowglass_retransmits_total', 'TCP segments sent again', groups.retransmits),
      this.#ways('flowglass_resets_total', 'TCP segments with RST', groups.resets),
      this.#ways('flowglass_zero_windows_total', 'TCP segments with a zero window', groups.zeroWindows),
      this.#counter('flowglass_drops_total', "Packets that the kernel dropped, by the kernel's reason", (row) =>
        [...groups.drops(row)].map(([reason, value]) => ({ value, labels: { reason } })),
      ),
      this.#latency('flowglass_connect_seconds', 'Time to establish a TCP connection', groups.connect),
      this.#latency('flowglass_rtt_seconds', 'Round trips', groups.rtt),
      this.#latency('flowglass_response_seconds', 'From the end of a request to the begin of its answer', groups.response), // prettier-ignore
    ];
  }

  #family(name: string, help: string, type: Family['type'], of: (row: number) => Sample[]): Family {
    return {
      name,
      help,
      type,
      samples: () => {
        const lines: Sample[] = [];
        for (let row = 0; row < this.#groups.rows.count; row++) {
          const sharedLabels = this.#labels(row);
          for (const line of of(row)) lines.push({ ...line, sharedLabels });
        }
        return lines;
      },
    };
  }

  #counter(name: string, help: string, of: (row: number) => Sample[]): Family {
    return this.#family(name, help, 'counter', of);
  }

  #ways(name: string, help: string, column: { readonly data: Float64Array }): Family {
    return this.#counter(name, help, (row) =>
      WAYS.map((direction, i) => ({ value: column.data[row * 2 + i]!, labels: { direction } })),
    );
  }

  #opened(row: number): Sample {
    const [flow, atSeconds] = this.#groups.newest.data.subarray(row * 2, row * 2 + 2);
    return { value: this.#groups.opened.data[row]!, exemplar: this.#exemplarOf(flow! - 1, 1, atSeconds!) };
  }

  #closed(row: number): Sample[] {
    const { data } = this.#groups.closed;
    return CLOSINGS.map((end, i) => ({ value: data[row * CLOSINGS.length + i]!, labels: { end } }));
  }

  /** Without a sample there is no line: a group that cannot have any costs none. */
  #latency(name: string, help: string, columns: LatencyColumns): Family {
    return this.#family(name, help, 'histogram', (row) => {
      const n = columns.samples(row);
      if (n === 0) return [];
      let sum = 0;
      const lines: Sample[] = columns.labels.map((le, bucket) => {
        sum += columns.count(row, bucket);
        const found = this.#exemplar === null ? null : columns.exemplar(row, bucket);
        const exemplar = found === null ? undefined : this.#exemplarOf(found.flow, found.seconds, found.atSeconds);
        return { metricName: `${name}_bucket`, value: sum, labels: { le }, exemplar };
      });
      lines.push({ metricName: `${name}_sum`, value: columns.sum(row) }, { metricName: `${name}_count`, value: n });
      return lines;
    });
  }

  #exemplarOf(flow: number, value: number, timestamp: number): Sample['exemplar'] {
    if (flow < 0 || this.#exemplar === null) return undefined;
    return { labelSet: this.#exemplar(flow), value, timestamp };
  }

  #labels(row: number): LabelValues {
    const values = this.#groups.labels(row);
    const known = this.#shared[row];
    if (known?.values === values) return known.labels;
    // An empty value is the same as no label.
    const labels = Object.fromEntries(
      this.#names.flatMap((name, i) => (values[i] === '' ? [] : [[name, values[i]!] as const])),
    );
    this.#shared[row] = { values, labels };
    return labels;
  }
}
