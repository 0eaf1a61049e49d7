import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Rungs } from '../../core/engine/capture-group.ts';
import type { SourceRequest } from '../../core/engine/capture-sources.ts';
import { Engine } from '../../core/engine/engine.ts';
import type { Knowledge } from '../../core/engine/knowledge.ts';
import { machineOptions } from '../../core/engine/machine.ts';
import type { RemoteWish } from '../../core/engine/remote-sources.ts';
import { errnoText, FlowglassError, printable } from '../../core/errors.ts';
import { programPath } from '../../core/system/programs.ts';
import { hasDisplay } from '../desktop.ts';
import { ALERT_OPTION } from '../alerts-option.ts';
import { usageError, type Command, type Given } from '../command.ts';
import { KNOWLEDGE_OPTIONS, readKnowledge } from '../knowledge.ts';
import { version } from '../main.ts';
import { badValue, parseCount } from '../quantities.ts';
import { readRemote, SSH_OPTIONS } from '../remote.ts';
import { readAttach, readFilter, SOURCE_OPTIONS, sourceRequest } from '../source.ts';
import { note, print, signalled } from '../terminal.ts';
import type { Access } from './guard.ts';
import { serve } from './server.ts';
import { VIEWERS_MAX } from './viewers.ts';

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

function readInvitations(given: Given): Access[] {
  const count = (name: string, least: number, otherwise: number): number => {
    const text = given.text(name);
    return text === undefined ? otherwise : parseCount(`--${name}`, text, least, VIEWERS_MAX);
  };
  const lookers = count('lookers', 1, 0);
  const viewers = count('viewers', 0, 1);
  if (viewers + lookers === 0) throw usageError('nobody may come', '--viewers 0', 'give --lookers N');
  return [...new Array<Access>(viewers).fill('full'), ...new Array<Access>(lookers).fill('look')];
}

/** Certificate and key, read and found to belong together. */
function readTls(given: Given): { cert: Buffer; key: Buffer } | null {
  const [cert, key] = [given.text('cert'), given.text('key')];
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined || key === undefined) throw usageError('--cert and --key go together', 'command line', 'give both'); // prettier-ignore
  const bad = (what: string, where: string): FlowglassError =>
    new FlowglassError({ code: 'bad-certificate', what, where: printable(where), hint: 'give a certificate and its private key as PEM' }); // prettier-ignore
  const read = <T>(path: string, kind: string, use: (bytes: Buffer) => T): [Buffer, T] => {
    try {
      const bytes = readFileSync(path);
      return [bytes, use(bytes)];
    } catch (error) {
      const unreadable = error instanceof Error && 'syscall' in error;
      throw bad(unreadable ? errnoText(error) : `this is no ${kind}`, path);
    }
  };
  const [certBytes, certificate] = read(cert, 'certificate', (bytes) => new X509Certificate(bytes));
  const [keyBytes, privateKey] = read(key, 'private key without a password', (bytes) => createPrivateKey(bytes));
  if (!certificate.checkPrivateKey(privateKey)) throw bad('the key is not that of the certificate', key);
  if (Date.parse(certificate.validTo) < Date.now()) note('warning', `the certificate ${cert} has run out: browsers will refuse it`); // prettier-ignore
  return { cert: certBytes, key: keyBytes };
}

function readPublic(text: string | undefined): URL | null {
  if (text === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '')
    throw badValue('--public', text, 'give an address such as https://host.example/flowglass/');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

export const command: Command = {
  name: 'serve',
  usage: '[FILE] [-i IFACE…] [OPTION…]',
  summary: 'Serve the interface to a browser on this machine',
  details: `
Prints one address on standard output. It can be used once: the browser that opens it is let in, others are not.
With --viewers and --lookers one address a line, for as many browsers; lookers change nothing. All see the same
engine. Ends by Ctrl-C or SIGTERM. See docs/serve.md.`,
  options: {
    ...SOURCE_OPTIONS,
    ssh: SSH_OPTIONS.ssh,
    tcpdump: SSH_OPTIONS.tcpdump,
    host: { value: 'HOST', help: 'address to listen on (default 127.0.0.1)' },
    port: { value: 'PORT', help: 'port to listen on (default any free one)' },
    ...KNOWLEDGE_OPTIONS,
    ...ALERT_OPTION,
    viewers: { value: 'N', help: 'addresses for browsers that may do everything (default 1)' },
    lookers: { value: 'N', help: 'further addresses, for browsers that may only look' },
    cert: { value: 'FILE', help: 'certificate (PEM, with its chain): serve over TLS' },
    key: { value: 'FILE', help: 'its private key (PEM)' },
    public: { value: 'URL', help: 'address by which a reverse proxy reaches this, with its path' },
  },
  async run(given: Given): Promise<void> {
    const [file, extra] = given.positionals;
    if (extra !== undefined) throw usageError('unexpected argument', extra, 'see flowglass serve --help');
    const source = sourceRequest(given);
    const named = Object.values(source).some((value) => value === true || (Array.isArray(value) && value.length > 0));
    if (file !== undefined && (named || given.has('ssh')))
      throw usageError('FILE and interfaces exclude each other', 'command line', 'give one of them');
    const remote = readRemote(given);
    const ended = signalled();
    await runServer(
      {
        file,
        live: named || remote !== null ? { source, ...readAttach(given), remote } : null,
        filter: readFilter(given.text('filter'))?.text ?? '',
        host: given.text('host') ?? '127.0.0.1',
        port: readPort(given.text('port')),
        knowledge: readKnowledge(given),
        alerts: given.text('alerts') ?? null,
        invitations: readInvitations(given),
        tls: readTls(given),
        publicUrl: readPublic(given.text('public')),
      },
      ended,
      (urls) => print(`${urls.join('\n')}\n`),
    );
  },
};

export interface ServeWhat {
  /** `-` = standard input, read while it comes. */
  file: string | undefined;
  /** The file still grows. */
  follow?: boolean;
  /** What to watch at once; null = what the page asks for. */
  live?: ({ readonly source: SourceRequest; readonly remote?: RemoteWish | null } & Rungs) | null;
  filter?: string;
  host: string;
  port: number;
  knowledge?: Knowledge;
  /** File of rules for alerts; null = the user's own, if it is there. */
  alerts?: string | null;
  invitations?: readonly Access[];
  tls?: { readonly cert: Buffer; readonly key: Buffer } | null;
  publicUrl?: URL | null;
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
  ready: (urls: readonly string[]) => Promise<void>,
): Promise<void> {
  const engine = new Engine({
    ...machineOptions(version()),
    exports: { paths: false, wireshark: () => wireshark(what.host) },
    ...(what.knowledge === undefined ? {} : { knowledge: what.knowledge }),
    ...(what.alerts === undefined ? {} : { alerts: what.alerts }),
  });
  try {
    if (what.file === '-' || what.follow === true) await follow(engine, what.file ?? '-');
    else if (what.file !== undefined) await engine.open(what.file);
    else if (what.live) {
      const { source, remote = null, ...rungs } = what.live;
      await engine.attach(source, rungs, remote);
    }
    engine.setFilter(what.filter ?? '');
    const server = await serve({
      host: what.host,
      port: what.port,
      page: pageFolder(),
      invitations: what.invitations ?? ['full'],
      tls: what.tls ?? null,
      publicUrl: what.publicUrl ?? null,
      connect: (port) => engine.connect(port),
      download: (id) => engine.exports.take(id),
    });
    if (!LOOPBACK.includes(what.host))
      note('warning', `listening on ${what.host}: whoever gets the address before you sees this machine's traffic`);
    await ready(server.urls);
    await ended;
    await server.close();
  } finally {
    await engine.close();
  }
}
