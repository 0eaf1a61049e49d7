/**
 * A host that is watched over ssh: what it has, the helper brought there once, and how to start it. The helper there
 * connects to a socket that ssh carries back to us (StreamLocal forwarding), so that engine and helper speak as they do
 * on one machine.
 */
import { createHash } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { errnoText, FlowglassError, printable } from '../errors.ts';
import { helperFile } from '../helper/ladder.ts';
import { interfacesFrom, type NetworkInterface } from '../system/interfaces.ts';
import { Ssh } from './ssh.ts';

const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** Facts of the host, one `key=value` a line, then its interfaces as `ip` tells them. */
const PROBE = `
PATH="$PATH:/usr/sbin:/sbin"; LC_ALL=C; export PATH LC_ALL; umask 077
echo "machine=$(uname -m)"; echo "kernel=$(uname -r)"; echo "uid=$(id -u)"; echo "user=$(id -un)"; echo "host=$(uname -n)"
cache="\${XDG_CACHE_HOME:-$HOME/.cache}/flowglass"; echo "cache=$cache"
[ -r /sys/kernel/btf/vmlinux ] && echo btf=1
command -v tcpdump >/dev/null 2>&1 && echo tcpdump=1
[ "$(id -u)" = 0 ] || { sudo -n true 2>/dev/null && echo sudo=1; }
for helper in "$cache"/helper-*; do [ -f "$helper" ] && echo "have=$(sha256sum < "$helper" | cut -d' ' -f1) $helper"; done
echo; ip -json -details -stats address show
`;

/** Runs its arguments until standard input ends: with the connection, or when we want to. */
const UNTIL_END = `exec 3<&0
"$0" "$@" <&- &
child=$!
{ cat <&3; kill $child; } >/dev/null 2>&1 &
waiting=$!
exec 3<&-
wait $child
status=$?
kill $waiting 2>/dev/null
exit $status`;

interface Facts {
  readonly machine: string;
  readonly kernel: string;
  readonly user: string;
  readonly host: string;
  readonly root: boolean;
  readonly sudo: boolean;
  readonly btf: boolean;
  readonly tcpdump: boolean;
  readonly cache: string;
  /** Hash to path of helpers that are there. */
  readonly have: ReadonlyMap<string, string>;
  readonly interfaces: readonly NetworkInterface[];
}

/** What `startHelper` needs to start one elsewhere. */
export interface RemoteStart {
  /** The host's own name. */
  readonly host: string;
  start(socketPath: string, args: readonly string[]): ChildProcess;
}

/** Folders of sessions that nobody took away: a day old. */
const LEFT_MINUTES = 1440;
/** A host that cannot be reached is not waited for at the end. */
const TIDY_MS = 3000;
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export class RemoteHost implements RemoteStart {
  readonly #ssh: Ssh;
  readonly #facts: Facts;
  /** Where the helper lies there, and the folder that goes with the session; null = it is not there yet. */
  #helper: { path: string; session: string } | null = null;
  readonly #keep: boolean;

  private constructor(ssh: Ssh, facts: Facts, keep: boolean) {
    this.#ssh = ssh;
    this.#facts = facts;
    this.#keep = keep;
  }

  /** Connects and looks; `keep` = the helper that `bring` brings stays in the user's cache there. Throws FlowglassError. */
  static async connect(destination: string, keep = false): Promise<RemoteHost> {
    const ssh = new Ssh(destination);
    try {
      const { stdout, stderr, status } = await ssh.run('sh -s', { text: PROBE });
      if (status !== 0) throw remoteProblem(`its interfaces cannot be listed (${printable(stderr.trim().split('\n').at(-1) ?? '')})`, destination, 'install iproute2 there'); // prettier-ignore
      return new RemoteHost(ssh, factsOf(stdout, destination), keep);
    } catch (error) {
      ssh.close();
      throw error;
    }
  }

  get host(): string {
    return this.#facts.host;
  }

  get interfaces(): readonly NetworkInterface[] {
    return this.#facts.interfaces;
  }

  /** Why the helper cannot run there; null = it can. */
  get helperMissing(): FlowglassError | null {
    const { machine, root, sudo, btf, user, kernel } = this.#facts;
    const { destination } = this.#ssh;
    if (machine !== MACHINES[arch()]) return remoteProblem(`the host is ${machine}, and the helper here is not`, destination, 'take packets only, by tcpdump there'); // prettier-ignore
    if (!btf) return remoteProblem(`its kernel ${kernel} has no BTF`, destination, 'take packets only, by tcpdump there'); // prettier-ignore
    if (!root && !sudo) return remoteProblem(`capturing needs root there, and ${user} may not become root without a password`, destination, `log in as root, or put "${user} ALL=(root) NOPASSWD: ALL" into a file of /etc/sudoers.d there`); // prettier-ignore
    return null;
  }

  get hasTcpdump(): boolean {
    return this.#facts.tcpdump;
  }

  /** Starts the helper there; its socket comes back to `socketPath` here. */
  start(socketPath: string, args: readonly string[]): ChildProcess {
    if (this.#helper === null) throw new Error('bring() comes first');
    const { path, session } = this.#helper;
    const socket = `${session}/s-${createHash('sha256').update(socketPath).digest('hex').slice(0, 8)}`;
    const command = [...this.#asRoot, path, '--socket', socket, ...args].map(quoted).join(' ');
    return this.#ssh.spawn(`exec ${command}`, ['-o', 'ExitOnForwardFailure=yes', '-o', 'StreamLocalBindUnlink=yes', '-R', `${socket}:${socketPath}`]); // prettier-ignore
  }

  /** Packets only, as pcap on its standard output, until its standard input ends. */
  tcpdump(interfaceName: string, snaplen: number): ChildProcess {
    const command = ['tcpdump', '--immediate-mode', '-U', '-n', '-s', String(snaplen), '-w', '-', '-i', interfaceName];
    return this.#ssh.spawn(`exec ${[...this.#asRoot, 'sh', '-c', UNTIL_END, ...command].map(quoted).join(' ')}`);
  }

  /** The sentence for its ssh that ended. */
  lost(stderr: string): FlowglassError {
    return this.#ssh.failed(stderr);
  }

  /** Takes away what is not to stay there, and ends the connection. */
  async close(): Promise<void> {
    if (this.#helper !== null)
      await this.#ssh.run(`rm -rf -- ${quoted(this.#helper.session)}`, { text: '' }, TIDY_MS).catch(() => undefined);
    this.#ssh.close();
  }

  /** Who may not become root tries as they are: tcpdump may have capabilities of its own. */
  get #asRoot(): readonly string[] {
    return this.#facts.root || !this.#facts.sudo ? [] : ['sudo', '-n', '--'];
  }

  /** Copies the helper there, unless the very same is there already. Throws FlowglassError, also when it cannot run there. */
  async bring(): Promise<void> {
    const { cache, have } = this.#facts;
    const { destination } = this.#ssh;
    const missing = this.helperMissing;
    if (missing !== null) throw missing;
    if (this.#helper !== null) return;
    const local = helperFile();
    const bytes = readHelper(local);
    const hash = createHash('sha256').update(bytes).digest('hex');
    // Sockets lie in a folder of this session's own; those that a lost connection left are old by the next time.
    const session = `${cache}/once-${hash.slice(0, 8)}-${process.pid}-${Date.now().toString(36)}`;
    const known = this.#keep ? have.get(hash) : undefined;
    const path = known ?? `${this.#keep ? cache : session}/helper-${hash.slice(0, 16)}`;
    const tidy = `umask 077; mkdir -p -- ${quoted(session)} && find ${quoted(cache)} -maxdepth 1 -name 'once-*' -mmin +${LEFT_MINUTES} -exec rm -rf -- {} +`;
    const [to, part] = [quoted(path), quoted(`${path}.part`)];
    const copy =
      known !== undefined
        ? tidy
        : `${tidy} && cat > ${part} && [ "$(sha256sum < ${part} | cut -d' ' -f1)" = ${hash} ] && chmod 700 ${part} && mv -f -- ${part} ${to}`;
    const { status, stderr } = await this.#ssh.run(copy, { file: local });
    if (status !== 0) throw remoteProblem(`the helper cannot be stored there (${printable(stderr.trim().split('\n').at(-1) ?? '') || 'it arrived changed'})`, `${destination}:${cache}`, 'see that there is space'); // prettier-ignore
    this.#helper = { path, session };
  }
}

function readHelper(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw remoteProblem(`the helper that is to be brought there cannot be read (${errnoText(error)})`, path, 'join the group flowglass (flowglass doctor says how), or run npm run build'); // prettier-ignore
  }
}

function factsOf(text: string, destination: string): Facts {
  const end = text.indexOf('\n\n');
  const lines = text.slice(0, end < 0 ? text.length : end).split('\n');
  const have = new Map<string, string>();
  const facts = new Map<string, string>();
  for (const line of lines) {
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    const [, hash, path] = /^([0-9a-f]{64}) (.+)$/.exec(value) ?? [];
    if (key === 'have' && hash !== undefined && path !== undefined) have.set(hash, path);
    else facts.set(key, value);
  }
  const cache = facts.get('cache') ?? '';
  if (!cache.startsWith('/')) throw remoteProblem('it does not answer as a Linux host does', destination, 'see what ssh HOST uname says'); // prettier-ignore
  return {
    machine: facts.get('machine') ?? '',
    kernel: facts.get('kernel') ?? '',
    user: printable(facts.get('user') ?? ''),
    host: facts.get('host') ?? destination,
    root: facts.get('uid') === '0',
    sudo: facts.has('sudo'),
    btf: facts.has('btf'),
    tcpdump: facts.has('tcpdump'),
    cache,
    have,
    interfaces: interfacesFrom(text.slice(end + 2), facts.get('kernel') ?? ''),
  };
}

function remoteProblem(what: string, where: string, hint: string): FlowglassError {
  return new FlowglassError({ code: 'remote', what, where: printable(where), hint });
}
