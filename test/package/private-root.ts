/** A machine of our own to install packages on: this one's files below an overlay, in a mount namespace that dies with us. */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, type ChildOptions, type Outcome } from '../lab/child.ts';

/** Where the kernel puts what was changed, and the changed machine itself. */
const SETUP = `
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
cd "$1"
mkdir changes work root
mount -t overlay overlay -o lowerdir=/,upperdir=changes,workdir=work root
mount -t tmpfs -o mode=1777 tmpfs root/tmp
mount -t tmpfs -o mode=755 tmpfs root/run
for each in proc sys dev; do mount --rbind /$each root/$each; done
echo ready
exec cat # until standard input ends: however the test ends, the namespace and all of this ends with it
`;

/** Rewritten by triggers of others (caches), or by every use of dpkg and of the tools for users. */
const REWRITTEN = [/^var\/(cache|log|lib\/(dpkg|apt|systemd))\//, /^usr\/share\/mime\//, /\/(mimeinfo|icon-theme)\.cache$/, /^etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?$/, /^etc\/ld\.so\.cache$/, /^var\/mail\//, /^var\/lib\/lastlog/]; // prettier-ignore

/** What a new machine's programs find. */
const PLAIN = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
};

export interface RunOptions extends ChildOptions {
  /** Runs as this user of the private machine, with its groups; root by default. */
  user?: string;
  /** Path of a network namespace. */
  netns?: string;
  env?: Record<string, string>;
}

export class PrivateRoot {
  readonly #place: string;
  readonly #holder: Child;

  private constructor(place: string, holder: Child) {
    this.#place = place;
    this.#holder = holder;
  }

  static async make(): Promise<PrivateRoot> {
    const place = mkdtempSync(join(tmpdir(), 'flowglass-root-'));
    const holder = new Child('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', SETUP, 'sh', place], { timeoutMs: 600_000 }); // prettier-ignore
    const root = new PrivateRoot(place, holder);
    try {
      await holder.until('a private root', ({ stdout }) => stdout.includes('ready'));
      return root;
    } catch (error) {
      await root.dispose();
      throw error;
    }
  }

  async dispose(): Promise<void> {
    this.#holder.closeInput();
    await this.#holder.stop('SIGTERM');
    rmdirSync(this.#place); // empty: the mounts were never ours to see
  }

  /** Path of a file of the private machine, as this process sees it. */
  path(file: string): string {
    return `/proc/${this.#holder.pid}/root${this.#place}/root${file}`;
  }

  /** env(1) comes after setpriv(1), which itself still may everything while it starts a program. */
  #argv(command: readonly string[], { user, netns, env = {} }: RunOptions): string[] {
    const change = user === undefined ? [] : ['setpriv', '--reuid', user, '--regid', user, '--init-groups', '--reset-env']; // prettier-ignore
    const set = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const net = netns === undefined ? [] : [`--net=${netns}`];
    return [...net, `--mount=/proc/${this.#holder.pid}/ns/mnt`, 'chroot', `${this.#place}/root`, ...change, 'env', ...set, ...command]; // prettier-ignore
  }

  /** Runs a program there to its end, whatever its status. */
  run(command: readonly string[], options: RunOptions = {}): Outcome {
    const { status, signal, stdout, stderr, error } = spawnSync('nsenter', this.#argv(command, options), { encoding: 'utf8', timeout: options.timeoutMs ?? 60_000, env: PLAIN, maxBuffer: 1 << 26 }); // prettier-ignore
    if (error) throw error;
    return { status, signal, stdout, stderr };
  }

  /** The same for what must succeed; its standard output. */
  must(command: readonly string[], options: RunOptions = {}): string {
    const { status, stdout, stderr } = this.run(command, options);
    if (status !== 0) throw new Error(`${command.join(' ')}: status ${status}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Starts a program there. */
  start(command: readonly string[], options: RunOptions = {}): Child {
    return new Child('nsenter', this.#argv(command, options), { ...options, env: PLAIN });
  }

  /** Every difference between the private machine and this one, one line each, but for what is rewritten by any use. */
  differences(): string[] {
    const changes = `/proc/${this.#holder.pid}/root${this.#place}/changes`;
    return [...differences(changes, '')].sort();
  }
}

const look = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });
/** How overlayfs marks what was deleted. */
const isWhiteout = (entry: Stats): boolean => entry.isCharacterDevice() && entry.rdev === 0;

function same(changed: string, original: string, entry: Stats, before: Stats): boolean {
  if (entry.mode !== before.mode || entry.uid !== before.uid || entry.gid !== before.gid) return false;
  if (entry.isSymbolicLink()) return readlinkSync(changed) === readlinkSync(original);
  return !entry.isFile() || readFileSync(changed).equals(readFileSync(original));
}

function* differences(changes: string, folder: string): Generator<string> {
  for (const name of readdirSync(join(changes, folder))) {
    const path = join(folder, name);
    const entry = look(join(changes, path));
    const before = look(`/${path}`);
    if (!entry || REWRITTEN.some((pattern) => pattern.test(entry.isDirectory() ? `${path}/` : path))) continue;
    if (isWhiteout(entry)) {
      if (before) yield `deleted /${path}`;
    } else if (!before) yield `created /${path}`;
    else if (!same(join(changes, path), `/${path}`, entry, before)) yield `changed /${path}`;
    if (entry.isDirectory() && before?.isDirectory() === true) yield* differences(changes, path);
  }
}
