import { spawnSync } from 'node:child_process';
import { Child, type ChildOptions } from './child.ts';
import { type LabProgram, labProgram } from './programs.ts';

/** An interface's own counters, as the kernel gives them. */
export interface InterfaceCounters {
  rxPackets: number;
  rxBytes: number;
  rxDropped: number;
  txPackets: number;
  txBytes: number;
  txDropped: number;
}

/** Runs a program to its end, at most `timeoutMs`; throws with its own words unless it exits 0. */
export function command(program: string, args: readonly string[], input?: string, timeoutMs = 15_000): string {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 1 << 26,
    input: input ?? '',
  });
  if (result.status !== 0) {
    throw new Error(
      `${program} ${args.join(' ')}: ${result.error?.message ?? result.stderr} (status ${result.status})`,
    );
  }
  return result.stdout;
}

/** One host of the laboratory: a network namespace. Programs enter it with nsenter, never `ip netns exec`, which remounts /sys. */
export class Host {
  readonly name: string;
  readonly path: string;
  readonly #children: Set<Child>;

  constructor(name: string, children: Set<Child>) {
    this.name = name;
    this.path = `/run/netns/${name}`;
    this.#children = children;
  }

  /** Inode that names the namespace. */
  get inode(): number {
    const text = command('nsenter', [`--net=${this.path}`, 'readlink', '/proc/self/ns/net']);
    return Number(/\d+/.exec(text)?.[0]);
  }

  /** A program in this host, run to its end; throws unless it exits 0. */
  run(program: string, args: readonly string[], input?: string, timeoutMs?: number): string {
    return command('nsenter', [`--net=${this.path}`, program, ...args], input, timeoutMs);
  }

  /** A program in this host, running; nsenter execs it, so `pid` is the program's own. */
  spawn(program: string, args: readonly string[], options?: ChildOptions): Child {
    const child = new Child('nsenter', [`--net=${this.path}`, program, ...args], options);
    this.#children.add(child);
    return child;
  }

  /** One of the laboratory's own programs in this host. */
  start(name: LabProgram, args: readonly (string | number)[], options?: ChildOptions): Child {
    return this.spawn(labProgram(name), args.map(String), options);
  }

  /** A server that listens already when this settles. */
  async server(args: readonly (string | number)[], options?: ChildOptions): Promise<Child> {
    const child = this.start('server', args, options);
    await child.event('listening');
    return child;
  }

  /** `ip` in this host, one line for each change (ip -batch). */
  ip(...lines: string[]): void {
    command('ip', ['-n', this.name, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  /** The same for IPv6 routes and rules, which ip(8) wants told apart. */
  ip6(...lines: string[]): void {
    command('ip', ['-6', '-n', this.name, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  /** Writes kernel settings of this namespace, by their path under /proc/sys. */
  sysctl(settings: Record<string, string | number>): void {
    const lines = Object.entries(settings).map(
      ([path, value]) => `[ ! -e /proc/sys/${path} ] || echo '${value}' > /proc/sys/${path}`,
    );
    this.run('sh', ['-ec', lines.join('\n')]);
  }

  /** Replaces every nftables rule of this host by these, on packets that arrive for its own sockets. */
  nft(...rules: string[]): void {
    const chain = 'add chain inet lab in { type filter hook input priority 0 ; }';
    const lines = rules.map((rule) => `add rule inet lab in ${rule}`);
    this.run(
      'nft',
      ['-f', '-'],
      ['add table inet lab', 'delete table inet lab', 'add table inet lab', chain, ...lines, ''].join('\n'),
    );
  }

  /**
   * Segmentation and merging by the device on or off. On a veth pair both ends must agree for the frames to be what
   * arrives at the other end.
   */
  offloads(device: string, on: boolean): void {
    const word = on ? 'on' : 'off';
    this.run('ethtool', ['-K', device, 'tso', word, 'gso', word, 'gro', word, 'tx-udp-segmentation', word]);
  }

  counters(device: string): InterfaceCounters {
    const parsed: unknown = JSON.parse(command('ip', ['-s', '-j', '-n', this.name, 'link', 'show', 'dev', device]));
    const stats = (Array.isArray(parsed) ? parsed[0] : {}).stats64;
    return {
      rxPackets: stats.rx.packets,
      rxBytes: stats.rx.bytes,
      rxDropped: stats.rx.dropped,
      txPackets: stats.tx.packets,
      txBytes: stats.tx.bytes,
      txDropped: stats.tx.dropped,
    };
  }

  /** MAC address of a device. */
  mac(device: string): string {
    const parsed: unknown = JSON.parse(command('ip', ['-j', '-n', this.name, 'link', 'show', 'dev', device]));
    return String((Array.isArray(parsed) ? parsed[0] : {}).address);
  }

  /** Everything attached to a device, one word each: `tcx ingress`, `tc egress NAME`, `xdp`. Empty = nothing. */
  attached(device: string): string[] {
    const found: string[] = [];
    const tcx: unknown = JSON.parse(this.run(labProgram('attached'), [device]));
    if (typeof tcx === 'object' && tcx !== null) {
      for (const [key, count] of Object.entries(tcx)) {
        for (let i = 0; i < Number(count); i++) found.push(key === 'tcxIngress' ? 'tcx ingress' : 'tcx egress');
      }
    }
    for (const direction of ['ingress', 'egress']) {
      const shown = command('tc', ['-n', this.name, 'filter', 'show', 'dev', device, direction]);
      for (const match of shown.matchAll(/handle (\S+) (\S+)/g)) found.push(`tc ${direction} ${match[1]} ${match[2]}`);
    }
    if (/ xdp|prog\/xdp/.test(command('ip', ['-n', this.name, 'link', 'show', 'dev', device]))) found.push('xdp');
    return found;
  }

  /**
   * tcpdump on a device, capturing already when this settles: the ground truth for frames. `quick` lets it batch, as
   * people run it; then the last packets may be missing when it is stopped.
   */
  async capture(device: string, file: string, filter = '', { quick = false } = {}): Promise<Tcpdump> {
    const args = ['-i', device, '-n', '-Z', 'root', '-B', '32768', '-s', '256', '-w', file];
    if (!quick) args.push('-U', '--immediate-mode');
    if (filter !== '') args.push(filter);
    const child = this.spawn('tcpdump', args);
    await child.until('listening', (c) => c.stderr.includes('listening on'));
    return new Tcpdump(child, file);
  }
}

/** A running tcpdump. */
export class Tcpdump {
  readonly file: string;
  readonly #child: Child;

  constructor(child: Child, file: string) {
    this.#child = child;
    this.file = file;
  }

  /** Ends it, whatever it dropped. */
  async end(): Promise<void> {
    await this.#child.stop('SIGINT');
  }

  /** Ends it; throws when the kernel dropped a packet on the way, because then it is no ground truth. */
  async stop(): Promise<{ frames: number }> {
    const { stderr } = await this.#child.stop('SIGINT');
    const frames = Number(/(\d+) packets? captured/.exec(stderr)?.[1] ?? NaN);
    const dropped = Number(/(\d+) packets? dropped by kernel/.exec(stderr)?.[1] ?? NaN);
    if (dropped !== 0 || Number.isNaN(frames)) throw new Error(`tcpdump is no ground truth here: ${stderr}`);
    return { frames };
  }
}
