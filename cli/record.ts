import { existsSync } from 'node:fs';
import { LOG_DEBUG, LOG_ERROR, LOG_INFO, LOG_WARNING } from '../core/abi/generated.ts';
import { startRecording, type Recording, type RecordingEnd } from '../core/engine/recorder.ts';
import { errnoName, FlowglassError, printable } from '../core/errors.ts';
import type { InterfaceReport, LogLine } from '../core/wire/messages.ts';
import {
  complain,
  KEEP_DETAILS,
  KEEP_OPTIONS,
  keptText,
  readKeep,
  tellFired,
  tellLeftRings,
  tellSaved,
  type Kept,
} from './keep.ts';
import { ALERT_OPTION, readAlertService } from './alerts-option.ts';
import { usageError, type Command, type Given } from './command.ts';
import { KNOWLEDGE_OPTIONS, readKnowledge } from './knowledge.ts';
import { version } from './main.ts';
import { badValue, parseCount, parseDuration, parseRotation, sizeText } from './quantities.ts';
import { openSource, recordPackets, SSH_OPTIONS, type OpenSource } from './remote.ts';
import { SOURCE_OPTIONS } from './source.ts';
import { note, signalled, speaks, type Level } from './terminal.ts';

const SNAPLEN = 256;
const SNAPLEN_MAX = 262_144;

interface Target {
  readonly path: string;
  readonly force: boolean;
  readonly packets: boolean;
  readonly snaplen: number;
  readonly durationMs: number | null;
  readonly rotateBytes?: number;
  readonly rotateMs?: number;
  readonly ring?: number;
  readonly keep: Kept | null;
}

/** Options that say where it goes and how long it lasts. */
function readTarget(given: Given): Target {
  const path = given.text('write');
  if (path === undefined)
    throw usageError('no file to write', 'flowglass record', 'give -w FILE (- is standard output)');
  const packets = !given.has('no-packets');
  const snaplen = given.text('snaplen');
  if (!packets && snaplen !== undefined) {
    throw usageError('--snaplen and --no-packets exclude each other', 'command line', 'give one of them');
  }
  const rotate = given.text('rotate');
  const rotation = rotate === undefined ? null : parseRotation('--rotate', rotate);
  const ring = given.text('ring');
  if (ring !== undefined && rotation === null) throw usageError('--ring needs --rotate', 'command line', 'say when the next file begins, e.g. --rotate 100MB'); // prettier-ignore
  if (path === '-' && rotation !== null)
    throw usageError('rotation needs files', 'standard output', 'give -w a file name');
  if (path === '-' && process.stdout.isTTY) throw badValue('-w', '-', 'standard output is a terminal: send it into a file or a program'); // prettier-ignore
  const duration = given.text('duration');
  return {
    path,
    keep: readKeep(given),
    force: given.has('force'),
    packets,
    snaplen: snaplen === undefined ? SNAPLEN : parseCount('--snaplen', snaplen, 0, SNAPLEN_MAX),
    durationMs: duration === undefined ? null : parseDuration('--duration', duration),
    ...(rotation !== null && 'bytes' in rotation ? { rotateBytes: rotation.bytes } : {}),
    ...(rotation !== null && 'ms' in rotation ? { rotateMs: rotation.ms } : {}),
    ...(ring === undefined ? {} : { ring: parseCount('--ring', ring, 1, 100_000) }),
  };
}

const LEVELS: Readonly<Record<number, Level>> = { [LOG_ERROR]: 'debug', [LOG_WARNING]: 'warning', [LOG_INFO]: 'info', [LOG_DEBUG]: 'debug' }; // prettier-ignore

/** An error of the helper ends the session and is told then, in one line; the rest is told as it comes. */
function relay({ level, text }: LogLine): void {
  note(LEVELS[level] ?? 'debug', text.trim());
}

function attachedText({ name, ingress, egress }: InterfaceReport): string {
  const rung = ['none', 'auto', 'xdp-native', 'xdp-generic', 'tcx', 'clsact'];
  const [into, out] = [rung[ingress] ?? 'none', rung[egress] ?? 'none'];
  return `${printable(name)} (${into === out ? into : `${into} in, ${out} out`})`;
}

function conclusion({ files, bytes, counts }: RecordingEnd): string {
  if (files.length === 0) return 'wrote nothing: what was kept is deleted';
  const where = files.length === 1 ? (files[0] ?? '') : `${files.length} files`;
  return `wrote ${where} (${sizeText(bytes)}, ${counts.packets} packet records)`;
}

/** What was lost on the way to the file, and what helps; null when nothing was. */
function losses({ lost }: RecordingEnd): string | null {
  if (lost === null || lost.packets + lost.events === 0) return null;
  return `lost ${lost.packets} packet records and ${lost.events} events: totals stay exact; a --filter or a smaller --snaplen loses less`;
}

/** A counter on the last line of a terminal; nothing when standard error is a file. */
function progress(recording: Recording, started: number): () => void {
  if (!process.stderr.isTTY || !speaks('warning')) return () => undefined;
  const timer = setInterval(() => {
    process.stderr.write(`\r${Math.round((performance.now() - started) / 1000)} s, Ctrl-C ends the recording `);
  }, 1000);
  void recording.ended.then(() => clearInterval(timer));
  return () => {
    clearInterval(timer);
    process.stderr.write('\r\u001b[K');
  };
}

/** SIGUSR1 writes what is kept, SIGUSR2 pauses and resumes. */
function obeySignals(recording: Recording, packets: boolean, keeps: boolean): void {
  process.on('SIGUSR1', () => {
    if (!keeps) return note('warning', 'SIGUSR1 writes what --keep holds, and there is none: this recording is a file already'); // prettier-ignore
    recording.save().then((saved) => saved && tellSaved(saved, recording), complain);
  });
  process.on('SIGUSR2', () => {
    if (!packets) return note('warning', 'a recording without packets has nothing to pause');
    recording.paused = !recording.paused;
    note('warning', recording.paused ? 'paused: no packets are stored until the next SIGUSR2' : 'recording again');
  });
}

/** One recording, from attached to closed; why it ended before it was asked to. */
async function recordOne(
  given: Given,
  source: OpenSource,
  { durationMs, keep, ...target }: Target,
  stop: Promise<void>,
): Promise<FlowglassError | null> {
  const early: LogLine[] = []; // a failure is one line: what was said before it is told only once all is attached
  let attached = false;
  const { remote, ...watched } = source;
  const alerts = readAlertService(given);
  const recording: Recording = await startRecording({
    ...target,
    ...watched,
    ...(remote === null ? {} : { remote }),
    knowledge: readKnowledge(given),
    ...(alerts === null ? {} : { alerts }),
    application: `Flowglass ${version()}`,
    wiresharkProcessInfo: given.has('wireshark-process-info'),
    acceptTracing: given.has('accept-tracing'),
    onLog: (line) => (attached ? relay(line) : early.push(line)),
    ...(keep === null
      ? {}
      : {
          keep: {
            ...keep,
            onFired: tellFired,
            onSaved: (saved) => tellSaved(saved, recording),
            onError: complain,
          },
        }),
  });
  attached = true;
  early.forEach(relay);
  const started = performance.now();
  const names = `${recording.interfaces.map(attachedText).join(', ')}${remote === null ? '' : ` of ${printable(remote.host)}`}`;
  note('warning', `recording ${names} ${keep === null ? `into ${target.path === '-' ? 'standard output' : target.path}` : keptText(keep)}`); // prettier-ignore
  if (keep !== null) tellLeftRings(target.path);
  obeySignals(recording, target.packets, keep !== null);
  const clear = progress(recording, started);
  const timer = durationMs === null ? null : setTimeout(() => void recording.stop(), durationMs);
  void stop.then(() => recording.stop());
  const end = await recording.ended;
  await alerts?.close();
  if (timer !== null) clearTimeout(timer);
  clear();
  // A reader of standard output that goes away has had what it wanted.
  if (target.path === '-' && errnoName(end.error?.cause) === 'EPIPE') return null;
  if (end.error !== null) return end.error;
  const lost = losses(end);
  if (lost !== null) note('warning', lost);
  note('info', conclusion(end));
  return null;
}

export const command: Command = {
  name: 'record',
  usage: '(-i IFACE[,IFACE…] | --all) -w FILE [OPTION…]',
  summary: 'Record an interface into a pcapng file, with processes, states and latency',
  details: `
Durations: 500ms 10s 5m 2h (bare = seconds). Sizes: 100MB 2GiB (bare = bytes).
Ends after --duration, or by Ctrl-C or SIGTERM. Files are readable by their owner only.
SIGUSR2 pauses and resumes it: no packets are stored meanwhile, and the file shows the gap.
${KEEP_DETAILS}
Ends by itself before the disk is full: a twentieth of it, at most 256 MB, is left free.`,
  options: {
    ...SOURCE_OPTIONS,
    ...SSH_OPTIONS,
    write: { short: 'w', value: 'FILE', help: 'file to write; - is standard output' },
    force: { help: 'replace an existing file' },
    duration: { value: 'TIME', help: 'end after this time' },
    snaplen: { value: 'N', help: `bytes kept of each packet (default ${SNAPLEN}, 0 = all of it)` },
    'no-packets': { help: 'flows and events only: a tiny file' },
    rotate: { value: 'SIZE|TIME', help: 'begin another file after 100MB, or after 10m' },
    ring: { value: 'N', help: 'keep the last N files' },
    ...KEEP_OPTIONS,
    ...ALERT_OPTION,
    'wireshark-process-info': { help: 'also write the process blocks of Wireshark 5' },
    'accept-tracing': { help: 'owner of connections at accept; slows every system call by about 15 %' },
    ...KNOWLEDGE_OPTIONS,
  },
  async run(given: Given): Promise<void> {
    const [extra] = given.positionals;
    if (extra !== undefined) throw usageError('unexpected argument', extra, 'see flowglass record --help');
    const { durationMs, keep, ...target } = readTarget(given);
    if (
      target.path !== '-' &&
      !target.force &&
      keep === null &&
      target.rotateBytes === undefined &&
      target.rotateMs === undefined &&
      existsSync(target.path)
    ) {
      throw new FlowglassError({ code: 'file-exists', what: 'the file exists', where: printable(target.path), hint: 'give another name, or --force to replace it' }); // prettier-ignore
    }
    const stop = signalled();
    const source = await openSource(given);
    try {
      const error =
        source.remote !== null && given.has('tcpdump')
          ? await recordPackets(source.remote, source.sources, { ...target, durationMs }, stop)
          : await recordOne(given, source, { ...target, durationMs, keep }, stop);
      if (error !== null) throw error;
    } finally {
      await source.remote?.close();
    }
  },
};
