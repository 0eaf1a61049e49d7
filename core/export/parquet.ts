/**
 * Flows as Apache Parquet: the columns of the CSV form (docs/export.md) with types. Written in groups of rows, so that
 * memory does not grow with the number of flows.
 */
import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { parseInstant } from '../filter/instant.ts';
import { flowSummary } from '../summary/flow.ts';
import type { SummarySource } from '../summary/source.ts';
import { summaryFlows } from '../summary/summary.ts';
import { COLUMNS } from './csv.ts';
import type { Output } from './output.ts';

/** Rows that are held at a time. */
const GROUP_ROWS = 20_000;

type Kind = 'text' | 'int32' | 'int64' | 'double' | 'time';
type Cell = string | number | null;

/** Times are instants in nanoseconds, `…Us` microseconds with decimals, everything counted is a whole number. */
function kindOf(name: string): Kind {
  if (name === 'started' || name === 'ended') return 'time';
  if (name.endsWith('Us')) return 'double';
  if (name === 'family' || name.endsWith('.port') || name.endsWith('.pid')) return 'int32';
  const counted =
    /^(sent|received)\./.test(name) || name.endsWith('.n') || /^(retransmits|sentRetransmits|receivedRetransmits|resets|zeroWindows)$/.test(name); // prettier-ignore
  return counted ? 'int64' : 'text';
}

function schemaOf(name: string, kind: Kind): SchemaElement {
  const base = { name, repetition_type: 'OPTIONAL' } as const;
  switch (kind) {
    case 'text':
      return { ...base, type: 'BYTE_ARRAY', converted_type: 'UTF8' };
    case 'int32':
      return { ...base, type: 'INT32' };
    case 'int64':
      return { ...base, type: 'INT64' };
    case 'double':
      return { ...base, type: 'DOUBLE' };
    case 'time':
      return { ...base, type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' } };
  }
}

function valueOf(kind: Kind, cell: Cell): string | number | bigint | null {
  if (cell === null) return null;
  if (kind === 'int64') return BigInt(cell);
  if (kind !== 'time') return cell;
  const instant = parseInstant(String(cell));
  return instant?.kind === 'instant' ? instant.epochNs : null;
}

/** The library's writer, emptied into the output after each group of rows. */
class GroupWriter extends ByteWriter {
  readonly #output: Output;

  constructor(output: Output) {
    super();
    this.#output = output;
  }

  flush(): void {
    this.#output.write(new Uint8Array(this.buffer, 0, this.index).slice());
    this.index = 0;
  }

  override finish(): void {
    this.flush();
  }
}

/** Writes the document and returns the number of flows. */
export function writeFlowsParquet(source: SummarySource, output: Output, signal?: AbortSignal): number {
  const columns = COLUMNS.map(([name, value]) => ({ name, value, kind: kindOf(name) }));
  const schema: SchemaElement[] = [
    { name: 'flow', num_children: columns.length },
    ...columns.map(({ name, kind }) => schemaOf(name, kind)),
  ];
  const writer = new ParquetWriter({ writer: new GroupWriter(output), schema, createdBy: 'Flowglass' });
  let cells: (string | number | bigint | null)[][] = columns.map(() => []);
  let rows = 0;
  const group = (): void => {
    const columnData = columns.map(({ name }, i) => ({ name, data: cells[i]! }));
    void writer.write({ columnData, rowGroupSize: GROUP_ROWS });
    cells = columns.map(() => []);
  };
  for (const flow of summaryFlows(source)) {
    signal?.throwIfAborted();
    const summary = flowSummary(source, flow);
    columns.forEach(({ kind, value }, i) => cells[i]!.push(valueOf(kind, value(summary))));
    if (++rows % GROUP_ROWS === 0) group();
  }
  if (cells[0]!.length > 0) group();
  void writer.finish();
  return rows;
}
