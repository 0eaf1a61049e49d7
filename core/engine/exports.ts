/**
 * Exports of what the engine shows: one at a time, with progress, to a path of the viewer's choice (the desktop), to be
 * fetched once (a browser), or into Wireshark on this machine.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { ExportDone, Exporting, ExportLook, ExportWish } from '../contract/exports.ts';
import { errnoText, FlowglassError } from '../errors.ts';
import { previewShare, runExport, type ExportJob } from '../export/run.ts';
import { modelFields } from '../filter/adapter.ts';
import { flowSummary } from '../summary/flow.ts';
import { compile, parse, type Expression } from '../filter/filter.ts';
import { COUNTERS } from '../flow/flows.ts';
import { summaryFlows } from '../summary/summary.ts';
import { exportedBytes, withExported } from './export-file.ts';
import { surroundingsOf, type Knowledge } from './knowledge.ts';
import type { Source } from './source.ts';
import type { TimeRange } from './time-range.ts';

export interface ExportPlaces {
  /** Files are chosen in a dialog of this machine (`grant`); false = exports are fetched. */
  readonly paths: boolean;
  /** Wireshark's program for a viewer on this machine; null = there is none, or the viewer may be elsewhere. */
  readonly wireshark: () => string | null;
}

export const NO_EXPORTS: ExportPlaces = { paths: false, wireshark: () => null };

/** What is shown, and what of it is asked for. */
export interface Exportable {
  readonly wish: ExportWish;
  readonly source: Source;
  readonly filter: Expression | null;
  readonly range: TimeRange | null;
  readonly knowledge: Knowledge;
}

/** Bytes of a flow in each form, for the estimate: measured on docs/demo.pcapng, rounded. */
const FLOW_BYTES: Readonly<Record<string, number>> = { json: 2400, jsonl: 2400, csv: 420, parquet: 250 };
/** How long a request waits for the grant of its path. */
const GRANT_MS = 2000;
/** Fetched exports are kept until then when nobody fetches them. */
const FETCH_MS = 10 * 60_000;

interface Waiting {
  readonly path: string;
  readonly name: string;
  readonly timer: NodeJS.Timeout;
}

export class Exports {
  readonly paths: boolean;
  exporting: Exporting | null = null;
  readonly #version: string;
  readonly #changed: () => void;
  readonly #program: string | null;
  readonly #waiting = new Map<string, Waiting>();
  readonly #granted = new Set<string>();
  readonly #grants = new Set<() => void>();
  readonly #opened = new Map<ChildProcess, string>();
  #cancel: AbortController | null = null;

  /** `changed` is called when `exporting` is another. */
  constructor(places: ExportPlaces, version: string, changed: () => void) {
    this.paths = places.paths;
    this.#program = places.wireshark();
    this.#version = version;
    this.#changed = changed;
  }

  get wireshark(): boolean {
    return this.#program !== null;
  }

  /** What would be exported. Throws FlowglassError when there is nothing to export from. */
  async look(what: Exportable): Promise<ExportLook> {
    const { wish, source } = what;
    const name = fileName(what);
    const empty = { name, replaced: [], removed: null, packets: null, records: false };
    if (wish.share) {
      const seen = await this.#from(what, name, '-', (job) => previewShare(job));
      const replaced = seen.replaced.map(({ kind, count, examples }) => ({
        kind,
        count,
        examples: examples.map(([before, after]): [string, string] => [before, after]),
      }));
      const bytes = wish.format === 'pcapng' ? seen.bytes : null;
      const { removed, packets, records } = seen;
      return { name, bytes, exact: true, flows: flowsOf(what), replaced, removed: { ...removed }, packets, records };
    }
    const flows = flowsOf(what);
    const perFlow = FLOW_BYTES[wish.format];
    if (perFlow !== undefined) return { ...empty, bytes: flows * perFlow, exact: false, flows };
    const whole = exportedBytes(source, true);
    const all = filterOf(what) === null && !(wish.ranged && what.range);
    const exact = all && wish.format === 'pcapng' && wish.preset === 'as-recorded';
    return { ...empty, bytes: exact ? whole : Math.round(whole * shareOf(what, source)), exact, flows };
  }

  /** Exports; `path` only where viewers may name one. */
  async start(what: Exportable, path: string | null): Promise<ExportDone> {
    const name = path === null ? fileName(what) : basename(path);
    if (path !== null && !(await this.#isGranted(path)))
      throw new FlowglassError({ code: 'no-path', what: 'this file was not chosen in a save dialog', where: path, hint: 'choose where to save it' }); // prettier-ignore
    const folder = path === null ? mkdtempSync(join(tmpdir(), 'flowglass-export-')) : null;
    const output = path ?? join(folder ?? '', 'export');
    try {
      // The desktop's save dialog has asked before a file is replaced.
      const done = await this.#from(what, name, output, (job) => runExport({ ...job, force: path !== null }));
      const { bytes, written, blocksLeftOut } = done;
      const truncated = done.truncated && what.source.mode !== 'live';
      const told = { name, bytes, written, truncated, blocksLeftOut };
      return folder === null ? { ...told, path, download: null } : { ...told, path: null, download: this.#offer(output, name) }; // prettier-ignore
    } catch (error) {
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The user chose this file in a dialog of ours: it may be written once. */
  grant(path: string): void {
    this.#granted.add(path);
    this.#grants.forEach((look) => look());
  }

  /** The grant and the request come by different ways: either may be first. */
  async #isGranted(path: string): Promise<boolean> {
    if (!this.paths) return false;
    if (!this.#granted.has(path)) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, GRANT_MS);
        const look = (): void => {
          if (!this.#granted.has(path)) return;
          clearTimeout(timer);
          resolve();
        };
        this.#grants.add(look);
        timer.unref();
      });
      this.#grants.clear();
    }
    return this.#granted.delete(path);
  }

  cancel(): void {
    this.#cancel?.abort();
  }

  /** Takes an export to hand it out, once; null when there is none of that id. Call `done` when it has been sent. */
  take(id: string): { readonly path: string; readonly name: string; readonly done: () => void } | null {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return null;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    const { path, name } = waiting;
    return { path, name, done: () => rmSync(dirname(path), { recursive: true, force: true }) };
  }

  /** Writes the packets into a private file, starts Wireshark with it, and removes the file when Wireshark has ended. */
  async openInWireshark(what: Exportable): Promise<void> {
    const program = this.#program;
    if (program === null)
      throw new FlowglassError({ code: 'no-wireshark', what: 'Wireshark is not installed here', where: 'wireshark', hint: 'install it, or export the packets' }); // prettier-ignore
    const folder = mkdtempSync(join(tmpdir(), 'flowglass-wireshark-'));
    const path = join(folder, fileName(what));
    try {
      await this.#from(what, basename(path), path, (job) => runExport({ ...job, preset: 'plain' }));
      chmodSync(path, 0o600);
      const child = spawn(program, ['-r', path], { stdio: 'ignore', detached: true });
      await new Promise<void>((started, failed) => child.once('spawn', started).once('error', failed));
      this.#opened.set(child, folder);
      child.once('exit', () => {
        this.#opened.delete(child);
        rmSync(folder, { recursive: true, force: true });
      });
      child.unref();
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      if (error instanceof FlowglassError) throw error;
      throw new FlowglassError({ code: 'no-wireshark', what: errnoText(error), where: program, hint: 'export the packets instead', cause: error }); // prettier-ignore
    }
  }

  /** Forgets everything that waits; files that Wireshark shows are removed too, it has read them. */
  close(): void {
    this.cancel();
    for (const id of [...this.#waiting.keys()]) this.take(id)?.done();
    for (const folder of this.#opened.values()) rmSync(folder, { recursive: true, force: true });
    this.#opened.clear();
  }

  #offer(path: string, name: string): string {
    const id = randomBytes(24).toString('base64url');
    const timer = setTimeout(() => this.take(id)?.done(), FETCH_MS);
    timer.unref();
    this.#waiting.set(id, { path, name, timer });
    return `download?id=${id}`;
  }

  /** Runs one that is made from what is shown. */
  #from<T>(what: Exportable, name: string, output: string, work: (job: ExportJob) => Promise<T>): Promise<T> {
    const { format } = what.wish;
    return this.#run(name, (signal, progress) =>
      withExported(what.source, format === 'pcapng' || format === 'pcap', (path) =>
        work({ ...jobOf(what, path, output, this.#version), signal, progress }),
      ),
    );
  }

  async #run<T>(
    name: string,
    work: (signal: AbortSignal, progress: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T> {
    if (this.#cancel !== null)
      throw new FlowglassError({ code: 'busy', what: 'another export is under way', where: this.exporting?.name ?? '', hint: 'wait for it, or cancel it' }); // prettier-ignore
    const cancel = (this.#cancel = new AbortController());
    this.exporting = { name, done: 0, total: 0 };
    this.#changed();
    try {
      return await work(cancel.signal, (done, total) => {
        this.exporting = { name, done, total };
      });
    } catch (error) {
      if (!cancel.signal.aborted) throw error;
      throw new FlowglassError({ code: 'cancelled', what: 'the export was cancelled', where: name, hint: 'nothing was written', cause: error }); // prettier-ignore
    } finally {
      this.#cancel = null;
      this.exporting = null;
      this.#changed();
    }
  }
}

function jobOf(what: Exportable, path: string, output: string, version: string): ExportJob {
  const { wish, source } = what;
  const { clock } = source.model;
  const at = (ns: number): { kind: 'instant'; epochNs: bigint } | null => {
    const epochNs = clock.wallNs(ns);
    return epochNs === null ? null : { kind: 'instant', epochNs };
  };
  const range = wish.ranged ? what.range : null;
  return {
    path,
    format: wish.format,
    preset: wish.preset,
    output,
    force: false,
    filter: filterOf(what),
    knowledge: what.knowledge,
    interfaces: [],
    from: range && at(range.fromNs),
    // The range ends before its end.
    to: range && at(range.toNs - 1),
    share: wish.share ? { keyFile: null } : null,
    application: `Flowglass ${version}`,
  };
}

/** The file is read without folding, so that a flow that was folded and heard of again has another id there. */
function oneFlow(source: Source, id: number): string {
  const { model } = source;
  const row = model.flows.rowOf(id);
  if (model.folded.total === 0 || row < 0) return `id == "${id + 1}"`;
  const { client, server, started, interface: face } = flowSummary(source.summary(), row);
  const conditions = [
    `protocol == ${model.flows.protocolOf(row)}`,
    `client.addr == ${client.address}`,
    `server.addr == ${server.address}`,
    ...(client.port === null ? [] : [`client.port == ${client.port}`, `server.port == ${server.port}`]),
    ...(face === null ? [] : [`interface == ${JSON.stringify(face)}`]),
    ...(started === null ? [] : [`started >= "${started}" && started <= "${started}"`]),
  ];
  return conditions.join(' && ');
}

function filterOf({ wish, source, filter }: Exportable): Expression | null {
  const parsed = wish.flow === null ? null : parse(oneFlow(source, wish.flow));
  if (parsed?.ok === true) return parsed.ast;
  return wish.filtered ? filter : null;
}

function fileName({ wish, source, filter, range }: Exportable): string {
  const stem = basename(source.name).replace(/\.(pcapng|pcap|cap|ntar|dmp|gz|zst)$/gi, '').replace(/[^\p{L}\p{N}._ -]+/gu, '_'); // prettier-ignore
  const part = wish.flow !== null ? ` flow ${wish.flow + 1}` : (wish.filtered && filter) || (wish.ranged && range) ? ' part' : ''; // prettier-ignore
  return `${wish.share ? 'shared' : stem.slice(0, 100) || 'capture'}${part}.${wish.format}`;
}

const compileFor = (filter: Expression, { source: { model }, knowledge }: Exportable): ((flow: number) => boolean) =>
  compile(filter, modelFields(model, surroundingsOf(model, knowledge)));

/** Flows that are asked for, of the state that is shown. */
function flowsOf(what: Exportable): number {
  const { wish, source, range } = what;
  if (wish.flow !== null) return 1;
  const matches = filterOf(what);
  const { model } = source;
  const predicate = matches && compileFor(matches, what);
  let count = 0;
  for (const flow of summaryFlows({ ...source.summary(), ...(predicate ? { matches: predicate } : {}) })) {
    const { firstNs, lastNs } = model.flows;
    const within = !wish.ranged || range === null || (firstNs.data[flow]! < range.toNs && lastNs.data[flow]! >= range.fromNs); // prettier-ignore
    if (within) count++;
  }
  return count;
}

/** Share of the bytes that is asked for: by flows of the filter, by time of the range. */
function shareOf(what: Exportable, source: Source): number {
  const { wish, range } = what;
  const { model } = source;
  const matches = filterOf(what);
  let share = 1;
  if (matches !== null) {
    const predicate = compileFor(matches, what);
    const { data } = model.flows.counters;
    let [some, all] = [0, 0];
    for (let flow = 0; flow < model.flows.rows.count; flow++) {
      const bytes = data[flow * 2 * COUNTERS + 4]! + data[(flow * 2 + 1) * COUNTERS + 4]!;
      all += bytes;
      if (predicate(flow)) some += bytes;
    }
    share = all === 0 ? 0 : some / all;
  }
  if (wish.ranged && range !== null) share *= Math.min(1, (range.toNs - range.fromNs) / Math.max(1, source.endNs - source.startNs)); // prettier-ignore
  return share;
}
