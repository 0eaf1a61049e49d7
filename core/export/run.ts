/** `flowglass export`: a capture of any kind into a file of another kind. */
import { join } from 'node:path';
import { knowing, surroundingsOf, type Knowledge } from '../engine/knowledge.ts';
import { isPipe, openCapture, spool } from '../engine/open.ts';
import { processAt } from '../engine/process-texts.ts';
import { FlowglassError } from '../errors.ts';
import { modelFields, type Surroundings } from '../filter/adapter.ts';
import type { InstantValue, OffsetValue } from '../filter/ast.ts';
import { compile, type Expression } from '../filter/filter.ts';
import type { IndexEntry } from '../session/index.ts';
import { Session } from '../session/reader.ts';
import type { SummarySource } from '../summary/source.ts';
import { summaryJson } from '../summary/summary.ts';
import { flowsCsv } from './csv.ts';
import { flowsJsonLines } from './json-lines.ts';
import { Output } from './output.ts';
import { exportPcap, exportPcapng, type PacketExport, type Preset, type ProcessOf } from './packets.ts';
import { writeFlowsParquet } from './parquet.ts';
import {
  onInterfaces,
  selectByTime,
  selectForeign,
  selectSession,
  type MakeSelection,
  type TimeRange,
} from './selection.ts';
import { inPrivateFolder, shareCapture, type SharePreview } from './share.ts';

export const FORMATS = ['json', 'jsonl', 'csv', 'parquet', 'pcapng', 'pcap'] as const;
export type Format = (typeof FORMATS)[number];

export interface ExportJob {
  /** `-` = standard input. */
  readonly path: string;
  readonly format: Format;
  /** Of pcapng. */
  readonly preset: Preset;
  /** `-` = standard output. */
  readonly output: string;
  readonly force: boolean;
  readonly filter: Expression | null;
  /** Databases and rules of the user: what they tell is in the flows, and filters may ask for it. */
  readonly knowledge?: Knowledge;
  /** Only packets of the interfaces with these names; empty = all. Of pcap and pcapng. */
  readonly interfaces: readonly string[];
  /** Moments, both inclusive; an offset counts from the session's start. */
  readonly from: InstantValue | OffsetValue | null;
  readonly to: InstantValue | OffsetValue | null;
  /** A copy with pseudonyms and without payload; `keyFile` keeps the key, null = nobody has it afterwards. */
  readonly share?: { readonly keyFile: string | null } | null;
  /** For the section header of a file made from pcap. */
  readonly application: string;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((bytes: number, total: number) => void) | undefined;
}

export interface ExportResult {
  /** Flows or packets written. */
  readonly written: number;
  readonly bytes: number;
  /** The capture was cut or damaged: this is what could be read. */
  readonly truncated: boolean;
  readonly blocksLeftOut: number;
  /** What a shared copy has in it. */
  readonly shared?: SharePreview;
}

/**
 * Exports. What is written appears under its name only when it is whole. Throws FlowglassError, and the signal's reason
 * when aborted, leaving nothing behind.
 */
export async function runExport(job: ExportJob): Promise<ExportResult> {
  const output = new Output(job.output, { force: job.force, input: job.path });
  try {
    const done = await ((await isPipe(job.path))
      ? spool(job.path, (path) => exportFrom(path, job, output))
      : exportFrom(job.path, job, output));
    output.finish();
    return { ...done, bytes: output.bytes };
  } catch (error) {
    output.abandon();
    throw error;
  }
}

type Done = Omit<ExportResult, 'bytes'>;

/** What a shared copy would have in it; writes nothing. */
export async function previewShare(job: ExportJob): Promise<SharePreview> {
  const look = async (path: string): Promise<SharePreview> =>
    shareCapture(await prepareShare(path, job, job.share?.keyFile ?? null), null);
  return (await isPipe(job.path)) ? spool(job.path, look) : look(job.path);
}

async function exportFrom(path: string, job: ExportJob, output: Output): Promise<Done> {
  if (job.share) return exportShared(path, job, output, job.share.keyFile);
  if (job.format === 'pcapng' || job.format === 'pcap') return exportPackets(path, job, output);
  const opened = await openCapture(path);
  const surroundings = surroundingsOf(opened.model, job.knowledge);
  const source = knowing(opened, surroundings);
  const range = rangeOf(job, source.startedNs);
  const matches = matching(job, source, surroundings, range);
  const told = matches === null ? source : { ...source, matches };
  if (job.format === 'parquet') {
    const written = writeFlowsParquet(told, output, job.signal);
    return { written, truncated: source.truncated, blocksLeftOut: 0 };
  }
  let written = 0;
  const pieces =
    job.format === 'json' ? summaryJson(told) : job.format === 'csv' ? flowsCsv(told) : flowsJsonLines(told);
  for (const piece of pieces) {
    job.signal?.throwIfAborted();
    output.text(piece);
    written++;
  }
  return { written, truncated: source.truncated, blocksLeftOut: 0 };
}

/** A flow belongs to a time range when any of it passed within; null = all flows do. */
function matching(
  job: ExportJob,
  source: SummarySource,
  surroundings: Surroundings,
  range: TimeRange,
): ((flow: number) => boolean) | null {
  const { model } = source;
  const predicate = job.filter === null ? null : compile(job.filter, modelFields(model, surroundings));
  if (range.fromNs === null && range.toNs === null) return predicate;
  const { firstNs, lastNs } = model.flows;
  return (flow) => {
    if (predicate !== null && !predicate(flow)) return false;
    const first = model.clock.wallNs(firstNs.data[flow] ?? 0);
    const last = model.clock.wallNs(lastNs.data[flow] ?? 0);
    if (first === null || last === null) return false;
    return (range.toNs === null || first <= range.toNs) && (range.fromNs === null || last >= range.fromNs);
  };
}

function rangeOf({ from, to, path }: ExportJob, startedNs: bigint | null): TimeRange {
  const moment = (value: InstantValue | OffsetValue | null): bigint | null => {
    if (value === null) return null;
    if (value.kind === 'instant') return value.epochNs;
    if (startedNs !== null) return startedNs + BigInt(Math.round(value.ns));
    throw new FlowglassError({
      code: 'time-range',
      what: 'the file tells no times',
      where: path,
      hint: 'leave out --from and --to',
    });
  };
  const range = { fromNs: moment(from), toNs: moment(to) };
  if (range.fromNs !== null && range.toNs !== null && range.fromNs > range.toNs) {
    throw new FlowglassError({
      code: 'time-range',
      what: '--from is later than --to',
      where: 'command line',
      hint: 'exchange them',
      exitCode: 2,
    });
  }
  return range;
}

/** The packets that were chosen, and who had them. */
interface Prepared {
  readonly packets: PacketExport;
  readonly processOf: ProcessOf | null;
}

async function prepare(path: string, job: ExportJob, processes: boolean): Promise<Prepared> {
  const { filter, from, to } = job;
  const relative = from?.kind === 'offset' || to?.kind === 'offset';
  const opened = filter !== null || relative || processes ? await openCapture(path) : null;
  const range = rangeOf(job, opened?.startedNs ?? null);
  const index = opened === null ? null : await sessionIndex(path);
  let select: MakeSelection = selectByTime(range);
  if (filter !== null && opened !== null) {
    const matches = compile(filter, modelFields(opened.model, surroundingsOf(opened.model, job.knowledge)));
    select = index === null ? selectForeign(range, matches) : selectSession(range, matches, opened.model, index);
  }
  if (job.interfaces.length > 0) select = onInterfaces(select, job.interfaces);
  const packets: PacketExport = {
    path,
    name: job.path === '-' ? 'standard input' : job.path,
    select,
    all: filter === null && from === null && to === null && job.interfaces.length === 0,
    signal: job.signal,
    progress: job.progress,
  };
  return { packets, processOf: processes && opened !== null && index !== null ? processAt(opened.model) : null };
}

async function exportPackets(path: string, job: ExportJob, output: Output): Promise<Done> {
  const { preset } = job;
  const { packets, processOf } = await prepare(path, job, job.format === 'pcapng' && preset === 'wireshark');
  const done =
    job.format === 'pcap'
      ? await exportPcap(packets, output)
      : await exportPcapng(packets, preset, output, job.application, processOf);
  return { written: done.packets, truncated: done.read.truncated, blocksLeftOut: done.blocksLeftOut };
}

/** A part of a recording tells its processes in blocks of Wireshark's, as our records cannot go with it. */
async function prepareShare(path: string, job: ExportJob, keyFile: string | null) {
  const chosen = job.filter !== null || job.from !== null || job.to !== null || job.interfaces.length > 0;
  const { packets, processOf } = await prepare(path, job, chosen);
  return { ...packets, processOf, keyFile };
}

/** Makes the copy; forms other than pcapng are made from it, so that they cannot know more. */
async function exportShared(path: string, job: ExportJob, output: Output, keyFile: string | null): Promise<Done> {
  const work = await prepareShare(path, job, keyFile);
  const left = (preview: SharePreview): number => (preview.records ? 0 : preview.removed.records);
  if (job.format === 'pcapng') {
    const shared = await shareCapture(work, (bytes) => output.write(bytes));
    return { written: shared.packets, truncated: shared.truncated, blocksLeftOut: left(shared), shared };
  }
  return inPrivateFolder(async (folder) => {
    const copy = join(folder, 'copy.pcapng');
    const between = new Output(copy, { force: false, input: path });
    try {
      const shared = await shareCapture(work, (bytes) => between.write(bytes));
      between.finish();
      const rest = { ...job, path: copy, filter: null, from: null, to: null, interfaces: [], share: null };
      return {
        ...(await exportFrom(copy, rest, output)),
        truncated: shared.truncated,
        blocksLeftOut: left(shared),
        shared,
      };
    } finally {
      between.abandon();
    }
  });
}

/** null when the file is not a session of ours. */
async function sessionIndex(path: string): Promise<readonly IndexEntry[] | null> {
  const session = await Session.open(path);
  await session?.close();
  return session?.index ?? null;
}
