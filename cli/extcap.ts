import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRecording } from '../core/engine/recorder.ts';
import { errnoName, errnoText, FlowglassError, printable } from '../core/errors.ts';
import { parse } from '../core/filter/filter.ts';
import { findInterfaces, listInterfaces, type NetworkInterface } from '../core/system/interfaces.ts';
import { usageError, type Command, type Given } from './command.ts';
import { version } from './main.ts';
import { parseCount } from './quantities.ts';
import { readFilter } from './source.ts';
import { print, signalled } from './terminal.ts';

/** What our interfaces are called in Wireshark: it keeps all of an extcap's under their value. */
const PREFIX = 'flowglass-';
const SNAPLEN_MAX = 262_144;
/** Names of link types as Wireshark shows them. */
const LINK_TYPES: Readonly<Record<number, readonly [name: string, text: string]>> = { 1: ['EN10MB', 'Ethernet'], 101: ['RAW', 'Raw IP'] }; // prettier-ignore

/** Braces end a value in the grammar of extcap(4). */
const sentence = (text: string): string => printable(text).replace(/[{}]/g, '?');

function interfaces(): string {
  const list = listInterfaces().filter(({ linkType, up }) => linkType !== null && up);
  const lines = list.map(({ name, kind }) => `interface {value=${PREFIX}${sentence(name)}}{display=Flowglass: ${sentence(name)} (${kind}) with processes}`); // prettier-ignore
  return [`extcap {version=${version()}}{help=file:///usr/share/doc/flowglass/extcap.md}`, ...lines, ''].join('\n');
}

function named(given: Given): NetworkInterface {
  const value = given.text('extcap-interface');
  if (value === undefined || !value.startsWith(PREFIX))
    throw usageError('no interface of ours', value ?? '--extcap-interface', 'see flowglass extcap --extcap-interfaces');
  const [found] = findInterfaces([value.slice(PREFIX.length)], listInterfaces());
  if (found === undefined) throw new Error('findInterfaces answers or throws');
  return found;
}

function linkTypes(given: Given): string {
  const { linkType } = named(given);
  const [name, text] = LINK_TYPES[linkType ?? 1] ?? ['USER0', 'unknown'];
  return `dlt {number=${linkType ?? 147}}{name=${name}}{display=${text}}\n`;
}

const CONFIG = [
  'arg {number=0}{call=--snaplen}{display=Bytes kept of a packet}{tooltip=0 = all of it}{type=unsigned}{range=0,262144}{default=0}',
  'arg {number=1}{call=--filter}{display=Filter}{tooltip=In the language of Flowglass, as process.name == "curl"}{type=string}',
  'arg {number=2}{call=--comments}{display=Whose it is, as a comment on each packet}{type=boolean}{default=true}',
  '',
].join('\n');

/** Wireshark asks whether a capture filter is right: silence says yes. */
function validation(text: string): string {
  const parsed = parse(text);
  return parsed.ok ? '' : `${sentence(parsed.problem.message)}\n`;
}

async function capture(given: Given): Promise<void> {
  const fifo = given.text('fifo');
  if (fifo === undefined) throw usageError('no pipe to write into', '--capture', 'give --fifo PATH');
  const snaplen = given.text('snaplen');
  const stop = signalled();
  const recording = await startRecording({
    application: `Flowglass ${version()}`,
    sources: [{ name: null, namespace: null, interfaces: [named(given)], all: false }],
    path: fifo,
    force: true,
    snaplen: snaplen === undefined ? 0 : parseCount('--snaplen', snaplen, 0, SNAPLEN_MAX),
    packets: true,
    filter: readFilter(given.text('filter') ?? given.text('extcap-capture-filter')),
    processComments: given.text('comments') !== 'false',
    wiresharkProcessInfo: given.has('process-blocks'),
  });
  void stop.then(() => recording.stop());
  const end = await recording.ended;
  // Wireshark ends a capture by going away.
  if (end.error !== null && errnoName(end.error.cause) !== 'EPIPE') throw end.error;
}

/** Where Wireshark looks for programs of the user, else for those of everybody. */
function extcapFolder(): string {
  const { stdout } = spawnSync('tshark', ['-G', 'folders'], { encoding: 'utf8', timeout: 20_000 });
  const folder = (kind: RegExp): string | undefined => kind.exec(stdout ?? '')?.[1]?.trim();
  const found = folder(/^Personal Extcap path:\s*(.+)$/m) ?? folder(/^(?:Global )?Extcap path:\s*(.+)$/m);
  if (found === undefined)
    throw new FlowglassError({ code: 'no-wireshark', what: 'Wireshark does not say where its extcap folder is', where: 'tshark -G folders', hint: 'install tshark, or give the folder: flowglass extcap --install FOLDER' }); // prettier-ignore
  return found;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

async function install(folder: string): Promise<void> {
  const path = join(folder, 'flowglass');
  const command = [process.execPath, process.argv[1] ?? 'flowglass'].map(quoted).join(' ');
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    writeFileSync(path, `#!/bin/sh\n# Flowglass as an interface of Wireshark; delete this file to be rid of it.\nexec ${command} extcap "$@"\n`); // prettier-ignore
    chmodSync(path, 0o755);
  } catch (error) {
    throw new FlowglassError({ code: 'unwritable-file', what: errnoText(error), where: printable(path), hint: 'run it with sudo, or name a folder: flowglass extcap --install FOLDER' }); // prettier-ignore
  }
  await print(`${path}\n`);
}

export const command: Command = {
  name: 'extcap',
  usage: '--install [FOLDER]',
  summary: 'Flowglass as an interface of Wireshark and TShark, with the process of each packet',
  details: `
Wireshark calls this itself once it is installed. See docs/extcap.md.`,
  options: {
    install: { help: 'put a small script where Wireshark looks for such programs, or into FOLDER' },
    'extcap-interfaces': { help: 'list the interfaces' },
    'extcap-version': { value: 'VERSION', help: "Wireshark's version" },
    'extcap-interface': { value: 'NAME', help: 'the interface that is meant' },
    'extcap-dlts': { help: 'its link types' },
    'extcap-config': { help: 'its options' },
    'extcap-capture-filter': { value: 'EXPR', help: 'as --filter; without --capture: is it right?' },
    capture: { help: 'capture' },
    fifo: { value: 'PATH', help: 'pipe to write into' },
    snaplen: { value: 'N', help: 'bytes kept of each packet (default 0 = all of it)' },
    filter: { value: 'EXPR', help: 'only what matches' },
    comments: { value: 'true|false', help: 'say on each packet whose it is (default true)' },
    'process-blocks': { help: 'also write the process blocks of Wireshark 5' },
  },
  async run(given: Given): Promise<void> {
    const [folder, extra] = given.positionals;
    if (extra !== undefined || (folder !== undefined && !given.has('install')))
      throw usageError('unexpected argument', extra ?? folder ?? '', 'see flowglass extcap --help');
    if (given.has('install')) return install(folder ?? extcapFolder());
    if (given.has('extcap-interfaces')) return print(interfaces());
    if (given.has('extcap-dlts')) return print(linkTypes(given));
    if (given.has('extcap-config')) {
      named(given);
      return print(CONFIG);
    }
    if (given.has('capture')) return capture(given);
    const filter = given.text('extcap-capture-filter');
    if (filter !== undefined) return print(validation(filter));
    throw usageError('nothing to do', 'flowglass extcap', 'give --install');
  },
};
