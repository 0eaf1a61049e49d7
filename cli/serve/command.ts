import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Engine } from '../../core/engine/engine.ts';
import type { Knowledge } from '../../core/engine/knowledge.ts';
import { machineOptions } from '../../core/engine/machine.ts';
import { FlowglassError, printable } from '../../core/errors.ts';
import { programPath } from '../../core/system/programs.ts';
import { hasDisplay } from '../desktop.ts';
import { usageError, type Command, type Given } from '../command.ts';
import { KNOWLEDGE_OPTIONS, readKnowledge } from '../knowledge.ts';
import { version } from '../main.ts';
import { badValue } from '../quantities.ts';
import { note, print, signalled } from '../terminal.ts';
import { serve } from './server.ts';

/** Where the built page lies: dist/renderer, seen from dist/cli/serve or cli/serve. */
export const pageFolder = (): string => {
  const here = fileURLToPath(new URL('.', import.meta.url));
  return here.includes('/dist/')
    ? fileURLToPath(new URL('../../renderer/', import.meta.url))
    : fileURLToPath(new URL('../../dist/renderer/', import.meta.url));
};

function readPort(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65535)
    throw badValue('--port', text, 'give a port from 0 to 65535 (0 = any free one)');
  return port;
}

export const command: Command = {
  name: 'serve',
  usage: '[FILE] [-i IFACE…] [OPTION…]',
  summary: 'Serve the interface to a browser on this machine',
  details: `
Prints one address on standard output. It can be used once: the browser that opens it is let in, others are not.
Ends by Ctrl-C or SIGTERM.`,
  options: {
    interface: { short: 'i', value: 'IFACE', multiple: true, help: 'interface to watch at once; several with commas' },
    all: { help: 'every interface' },
    netns: { value: 'NAME', help: 'in another network namespace: name, path or pid (needs root)' },
    host: { value: 'HOST', help: 'address to listen on (default 127.0.0.1)' },
    port: { value: 'PORT', help: 'port to listen on (default any free one)' },
    ...KNOWLEDGE_OPTIONS,
  },
  async run(given: Given): Promise<void> {
    const [file, extra] = given.positionals;
    if (extra !== undefined) throw usageError('unexpected argument', extra, 'see flowglass serve --help');
    const interfaces = given.texts('interface').flatMap((text) => text.split(','));
    const all = given.has('all');
    if (file !== undefined && (interfaces.length > 0 || all))
      throw usageError('FILE and interfaces exclude each other', 'command line', 'give one of them');
    if (all && interfaces.length > 0)
      throw usageError('-i and --all exclude each other', 'command line', 'give one of them');
    const ended = signalled();
    await runServer(
      {
        file,
        interfaces,
        all,
        netns: given.text('netns') ?? null,
        host: given.text('host') ?? '127.0.0.1',
        port: readPort(given.text('port')),
        knowledge: readKnowledge(given),
      },
      ended,
      (url) => print(`${url}\n`),
    );
  },
};

export interface ServeWhat {
  /** `-` = standard input, read while it comes. */
  file: string | undefined;
  /** The file still grows. */
  follow?: boolean;
  interfaces: string[];
  all: boolean;
  netns: string | null;
  host: string;
  port: number;
  knowledge?: Knowledge;
}

/** How long the beginning of a capture is waited for before the page is shown without it. */
const BEGIN_MS = 1000;

/** Follows a capture. What is no capture at all is an error; a writer that is slow to begin is not. */
async function follow(engine: Engine, file: string): Promise<void> {
  if (file === '-' && process.stdin.isTTY)
    throw usageError('standard input is a terminal', '-', 'send a capture into it: tcpdump -w - | flowglass open -');
  if (file !== '-' && !statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new FlowglassError({ code: 'unreadable-file', what: 'no such file', where: printable(file), hint: 'give a capture file that is being written' }); // prettier-ignore
  const source = await (file === '-' ? engine.follow('-', process.stdin) : engine.follow(file));
  await Promise.race([source.begun, new Promise((resolve) => setTimeout(resolve, BEGIN_MS).unref())]);
  if (source.failure !== null && source.endNs === 0) throw source.failure;
}

const LOOPBACK: readonly string[] = ['127.0.0.1', '::1', 'localhost'];

/** Wireshark opens on this machine: only for a browser that is on it too, and where there is a screen. */
function wireshark(host: string): string | null {
  const here = LOOPBACK.includes(host) && hasDisplay() && process.env['SSH_CONNECTION'] === undefined;
  return here ? programPath('wireshark') : null;
}

/** Runs engine and server until `ended`; `ready` gets the address. */
export async function runServer(
  what: ServeWhat,
  ended: Promise<void>,
  ready: (url: string) => Promise<void>,
): Promise<void> {
  const engine = new Engine({
    ...machineOptions(version()),
    exports: { paths: false, wireshark: () => wireshark(what.host) },
    ...(what.knowledge === undefined ? {} : { knowledge: what.knowledge }),
  });
  try {
    if (what.file === '-' || what.follow === true) await follow(engine, what.file ?? '-');
    else if (what.file !== undefined) await engine.open(what.file);
    else if (what.all || what.interfaces.length > 0)
      await engine.attach({ interfaces: what.interfaces, all: what.all, netns: what.netns });
    const server = await serve({
      host: what.host,
      port: what.port,
      page: pageFolder(),
      connect: (port) => engine.connect(port),
      download: (id) => engine.exports.take(id),
    });
    if (!LOOPBACK.includes(what.host))
      note('warning', `listening on ${what.host}: whoever gets the address before you sees this machine's traffic`);
    await ready(server.url);
    await ended;
    await server.close();
  } finally {
    await engine.close();
  }
}
