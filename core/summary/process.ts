/** Processes and owners as the summary tells them. */
import type { FlowModel } from '../flow/model.ts';
import { SOURCES } from '../flow/names.ts';
import { handedOn, ownerOfSide, type UnknownReason } from '../flow/owners.ts';
import { PROCESS_PARENT_KNOWN, PROCESS_UID_KNOWN } from '../flow/processes.ts';
import type { AppPackage } from '../processes/cgroup-path.ts';
import { type Container, packageOfProcess, placeOfProcess, scriptOfProcess } from '../processes/places.ts';
import { nameOfProcess } from '../processes/process-name.ts';
import { decode, instant } from './text.ts';

export interface ProcessSummary {
  readonly pid: number;
  readonly name: string | null;
  readonly nameRaw?: string;
  readonly exe: string | null;
  readonly exeRaw?: string;
  readonly commandLine: string | null;
  readonly commandLineRaw?: string;
  readonly uid: number | null;
  readonly started: string | null;
  readonly parentPid: number | null;
  readonly cgroup: string | null;
  readonly cgroupRaw?: string;
  readonly netns: number | null;
  readonly unit: string | null;
  readonly container: Container | null;
  /** What it was installed as: Flatpak, Snap, AppImage. */
  readonly package: AppPackage | null;
  /** What the interpreter runs: `foo.py` of `python3 foo.py`. */
  readonly script: string | null;
  readonly source: (typeof SOURCES)[number];
  readonly confidence: 'certain' | 'likely';
}

export interface OwnerSummary {
  readonly at: string | null;
  readonly side: 'client' | 'server';
  readonly process: ProcessSummary;
  readonly source: (typeof SOURCES)[number];
}

export interface SideSummary {
  readonly process: ProcessSummary | null;
  readonly unknown: UnknownReason | null;
  readonly listener: ProcessSummary | null;
}

/** The process at a side, or why it is not known. */
export function sideSummary(model: FlowModel, flow: number, side: number): SideSummary {
  const { owner, process, reason, listener } = ownerOfSide(model, flow, side);
  if (owner >= 0) return { process: ownerProcess(model, process, owner), unknown: null, listener: null };
  return {
    process: null,
    unknown: reason,
    listener: listener < 0 ? null : processSummary(model, listener, 'listen', null),
  };
}

/** Every process that had the socket at a side, when there was more than one. */
export function ownerSummaries(
  model: FlowModel,
  flow: number,
  side: number,
  name: 'client' | 'server',
): OwnerSummary[] {
  return handedOn(model, flow, side).map((owner) => {
    const process = ownerProcess(model, model.sockets.ownerProcess.data[owner]!, owner);
    const wallNs = model.clock.wallNs(model.sockets.ownerNs.data[owner]!);
    return { at: wallNs === null ? null : instant(wallNs), side: name, process, source: process.source };
  });
}

function ownerProcess(model: FlowModel, process: number, owner: number): ProcessSummary {
  return processSummary(model, process, SOURCES[model.sockets.ownerSource.data[owner]!] ?? null, owner);
}

/** `owner` = how it is known, a row of `sockets.owners`. */
export function processSummary(
  model: FlowModel,
  row: number,
  source: (typeof SOURCES)[number],
  owner: number | null,
): ProcessSummary {
  const { processes, cgroups } = model;
  const flags = processes.flags.data[row]!;
  const exe = optional(model, processes.exe.data[row]!) ?? optional(model, processes.file.data[row]!);
  const name = nameOfProcess(model, row);
  const args = optional(model, processes.args.data[row]!);
  const cgroup = optional(model, cgroups.pathOf(processes.cgroupLow.data[row]!, processes.cgroupHigh.data[row]!) + 1);
  const { unit, container } = placeOfProcess(model, row);
  const startNs = (BigInt(processes.startHigh.data[row]!) << 32n) | BigInt(processes.startLow.data[row]!);
  const wallNs = startNs === 0n ? null : model.clock.wallNs(model.clock.relativeOf(startNs));
  return {
    pid: processes.pid.data[row]!,
    ...texts('name', name),
    ...texts('exe', exe),
    ...texts('commandLine', args === null ? null : joined(args)),
    uid: (flags & PROCESS_UID_KNOWN) !== 0 ? processes.uid.data[row]! : null,
    started: wallNs === null ? null : instant(wallNs),
    parentPid: (flags & PROCESS_PARENT_KNOWN) !== 0 ? processes.parentPid.data[row]! : null,
    ...texts('cgroup', cgroup),
    netns: processes.netns.data[row]! === 0 ? null : processes.netns.data[row]!,
    unit,
    container,
    package: packageOfProcess(model, row),
    script: scriptOfProcess(model, row),
    source,
    confidence: owner !== null && (source === 'snapshot' || source === 'release') ? 'likely' : 'certain',
  };
}

/** Short text for tables: the script that an interpreter runs, else the process's name; '' when it has none. */
export function processName(model: FlowModel, row: number): string {
  const script = scriptOfProcess(model, row);
  if (script !== null) return script;
  const name = nameOfProcess(model, row);
  return name === null ? '' : decode(name).text;
}

/** Arguments with spaces between them. */
function joined(args: Uint8Array): Uint8Array {
  let end = args.length;
  while (end > 0 && args[end - 1] === 0) end--;
  return args.slice(0, end).map((byte) => (byte === 0 ? 0x20 : byte));
}

function optional(model: FlowModel, string: number): Uint8Array | null {
  return string === 0 ? null : model.strings.bytesOf(string - 1);
}

type Texts<K extends string> = { readonly [P in K]: string | null } & { readonly [P in `${K}Raw`]?: string };

function texts<K extends string>(key: K, bytes: Uint8Array | null): Texts<K>;
function texts(key: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [key]: null };
  const { text, raw } = decode(bytes);
  return raw === null ? { [key]: text } : { [key]: text, [`${key}Raw`]: raw };
}
