import { EXIT_USAGE, FlowglassError, printable } from '../core/errors.ts';
import { FORMATS, previewShare, runExport, type Format } from '../core/export/run.ts';
import type { Preset } from '../core/export/packets.ts';
import type { InstantValue, OffsetValue } from '../core/filter/ast.ts';
import { requireFilter } from '../core/filter/filter.ts';
import { parseInstant } from '../core/filter/instant.ts';
import { usageError, type Command, type Given } from './command.ts';
import { KNOWLEDGE_OPTIONS, readKnowledge } from './knowledge.ts';
import { version } from './main.ts';
import { badValue } from './quantities.ts';
import { previewText } from './share-preview.ts';
import { note, print, speaks } from './terminal.ts';

const PRESETS: readonly Preset[] = ['as-recorded', 'plain', 'wireshark'];
/** Named in the design, made later. */
const LATER: readonly string[] = ['svg', 'png'];

function readFormat(text: string | undefined): Format {
  const hint = `give ${FORMATS.join(', ')}`;
  if (text === undefined) throw usageError('no format', 'flowglass export', `give --format: ${FORMATS.join(', ')}`);
  const format = FORMATS.find((known) => known === text);
  if (format !== undefined) return format;
  if (LATER.includes(text))
    throw new FlowglassError({ code: 'not-available', what: 'pictures are drawn in the app', where: `--format ${text}`, hint: 'use the menu of graph or timeline there', exitCode: EXIT_USAGE }); // prettier-ignore
  throw usageError('no such format', text, hint);
}

function readPreset(text: string | undefined, format: Format): Preset {
  if (text === undefined) return 'as-recorded';
  if (format !== 'pcapng') throw usageError('--preset is for pcapng', `--format ${format}`, 'leave out --preset');
  const preset = PRESETS.find((known) => known === text);
  if (preset === undefined) throw usageError('no such preset', text, `give ${PRESETS.join(', ')}`);
  return preset;
}

function readMoment(option: string, text: string | undefined): InstantValue | OffsetValue | null {
  if (text === undefined) return null;
  const moment = parseInstant(text);
  if (moment === null)
    throw badValue(option, text, 'give a time such as 2026-11-24T12:00:00Z, or +10s from the start of the recording');
  return moment;
}

function readShare(given: Given): { keyFile: string | null } | null {
  const keyFile = given.text('share-key') ?? null;
  if (given.has('share')) return { keyFile };
  const option = given.has('preview') ? '--preview' : keyFile === null ? null : '--share-key';
  if (option !== null) throw usageError(`${option} is for --share`, 'command line', 'add --share');
  return null;
}

/** Share of the file on the last line of a terminal; nothing when standard error is a file. */
function progress(): { show: (bytes: number, total: number) => void; clear: () => void } {
  if (!process.stderr.isTTY || !speaks('warning')) return { show: () => undefined, clear: () => undefined };
  let shown = 0;
  return {
    show: (bytes, total) => {
      if (total === 0 || performance.now() - shown < 200) return;
      shown = performance.now();
      process.stderr.write(`\r${Math.floor((bytes / total) * 100)} %, Ctrl-C cancels `);
    },
    clear: () => void process.stderr.write('\r\u001b[K'),
  };
}

export const command: Command = {
  name: 'export',
  usage: 'FILE --format FORMAT -o OUT [OPTION…]',
  summary: 'Write the flows or the packets of a capture in another form',
  details: `
FILE is a recording of ours, or any pcap or pcapng file, also compressed; - is standard input.
Formats: json (the document of summary --json), jsonl (one flow a line), csv (one flow a record),
parquet (csv's columns with types), pcapng, pcap.
With --filter only flows that match, and their packets. --from and --to choose packets by their time, and flows of which
anything passed between them. A time is RFC 3339, or +10s from the start of the recording.
With --share a copy that may be given away: the same pseudonym for the same address, name, user, path and command
line, no payload, no comment. Look with --preview first: it tells what would leave, and writes nothing. The key of the
pseudonyms is thrown away unless --share-key names a file for it.
Presets of pcapng: as-recorded (default: every block as it is), plain (only the blocks that every reader knows),
wireshark (plain, with Wireshark's process information).`,
  options: {
    format: { value: 'FORMAT', choices: FORMATS, help: FORMATS.join(', ') },
    output: { short: 'o', value: 'OUT', help: 'file to write; - is standard output' },
    filter: { value: 'EXPR', help: "only what matches, e.g. 'tcp.port == 443'" },
    interface: {
      short: 'i',
      value: 'IFACE',
      multiple: true,
      help: 'only packets of this interface; several with commas',
    },
    from: { value: 'TIME', help: 'from this time on' },
    to: { value: 'TIME', help: 'up to this time' },
    preset: { value: 'NAME', choices: PRESETS, help: `of pcapng: ${PRESETS.join(', ')}` },
    share: { help: 'with pseudonyms and without payload' },
    preview: { help: 'of --share: say what would leave, and write nothing' },
    'share-key': { value: 'FILE', help: 'keep the key of the pseudonyms in FILE, or use the one there' },
    force: { help: 'replace an existing file' },
    ...KNOWLEDGE_OPTIONS,
  },
  async run(given: Given): Promise<void> {
    const [path, extra] = given.positionals;
    if (path === undefined)
      throw usageError('no file to read', 'flowglass export', 'give a FILE (- is standard input)');
    if (extra !== undefined) throw usageError('more than one file', extra, 'give one FILE');
    const share = readShare(given);
    const preview = given.has('preview');
    const format = preview ? 'pcapng' : readFormat(given.text('format'));
    const preset = readPreset(given.text('preset'), format);
    if (share !== null && given.text('preset') !== undefined)
      throw usageError('--share and --preset exclude each other', 'command line', 'give one of them');
    const output = preview ? '-' : given.text('output');
    if (output === undefined)
      throw usageError('no file to write', 'flowglass export', 'give -o OUT (- is standard output)');
    const packets = format === 'pcapng' || format === 'pcap';
    if (output === '-' && !preview && packets && process.stdout.isTTY)
      throw badValue('-o', '-', 'standard output is a terminal: send it into a file or a program');
    const interfaces = given.texts('interface').flatMap((text) => text.split(','));
    if (interfaces.length > 0 && !packets)
      throw usageError('-i is for packets', `--format ${format}`, 'use --filter \'interface == "…"\'');
    const filter = given.text('filter');
    const job = {
      path,
      format,
      preset,
      share,
      output,
      force: given.has('force'),
      filter: filter === undefined ? null : requireFilter(filter),
      knowledge: readKnowledge(given),
      interfaces,
      from: readMoment('--from', given.text('from')),
      to: readMoment('--to', given.text('to')),
      application: `Flowglass ${version()}`,
    };
    const cancel = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => cancel.abort());
    const line = progress();
    try {
      if (preview) {
        const what = await previewShare({ ...job, signal: cancel.signal, progress: line.show });
        line.clear();
        await print(previewText(what));
        return;
      }
      const { written, bytes, truncated, blocksLeftOut } = await runExport({
        ...job,
        signal: cancel.signal,
        progress: line.show,
      });
      line.clear();
      if (truncated) note('warning', 'the capture was cut off or damaged: what could be read was exported');
      if (blocksLeftOut > 0)
        note(
          'warning',
          'our own records were left out, they tell of more than was chosen: flows are rebuilt from packets',
        );
      const what = packets ? `${written} packets` : format === 'json' ? 'the document' : 'the flows';
      note('info', `wrote ${what} into ${output === '-' ? 'standard output' : printable(output)} (${bytes} bytes)`);
    } catch (error) {
      line.clear();
      if (!cancel.signal.aborted) throw error;
      throw new FlowglassError({ code: 'cancelled', what: 'cancelled', where: printable(path), hint: 'nothing was written', cause: error }); // prettier-ignore
    }
  },
};
