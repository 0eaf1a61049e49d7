import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from './child.ts';
import { command, Host } from './host.ts';

const PREFIX = 'fgl';
const NAME = /^fgl-(\d+)-([0-9a-z]+)-[0-9a-z]+-[a-z0-9]+$/;

/** Start time of a process in clock ticks since boot (/proc/PID/stat field 22), null when there is none. */
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** Deletes one namespace of ours and what still runs in it. Nothing outside it can be reached this way. */
function removeNamespace(name: string): void {
  const inside = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout ?? '';
  for (const pid of inside.split('\n').filter((line) => /^\d+$/.test(line))) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // gone meanwhile
    }
  }
  spawnSync('ip', ['netns', 'del', name]);
}

/** Removes what crashed runs left behind: namespaces whose name says pid and start time of a process that is no more. */
export function reapLeftovers(): string[] {
  let names: string[];
  try {
    names = readdirSync('/run/netns');
  } catch {
    return [];
  }
  const dead = names.filter((name) => {
    const match = NAME.exec(name);
    return match !== null && startTicks(Number(match[1])) !== parseInt(match[2] ?? '', 36).toString();
  });
  for (const name of dead) removeNamespace(name);
  return dead;
}

/** How two hosts are joined. */
export interface LinkOptions {
  /** Device names; both `veth0` by default. */
  leftDevice?: string;
  rightDevice?: string;
  /** Third octet of 10.77.N.0/24 and fourth group of fd77:0:0:N::/64, 1 to 9; left is .1, right is .2. */
  subnet?: number;
  /** Device segmentation offloads, on as the kernel has them by default. */
  offloads?: boolean;
  mtu?: number;
}

export interface Link {
  left: { host: Host; device: string; v4: string; v6: string };
  right: { host: Host; device: string; v4: string; v6: string };
}

export interface RelayOptions {
  /** One way, in microseconds. */
  delayUs: number;
  /** Every n-th packet of each way is dropped. */
  dropEvery?: number;
  bitsPerSecond?: number;
  /** ARPHRD_* of its devices; those of a tun by default. */
  linkType?: number;
}

const QUIET = `add table ip6 quiet
add chain ip6 quiet out { type filter hook output priority 0 ; }
add rule ip6 quiet out icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } drop
`;

const live = new Set<Lab>();

/**
 * A disposable laboratory of network namespaces. Nothing is shared with the machine: addresses, rules and traffic exist
 * only inside. Whatever happens (failure, SIGINT, process exit) it is removed; after a SIGKILL the next laboratory does it.
 */
export class Lab {
  /** Scratch directory of this laboratory. */
  readonly directory: string;
  readonly #tag: string;
  readonly #children = new Set<Child>();
  readonly #hosts: Host[] = [];
  #disposed = false;
  static #count = 0;

  constructor() {
    if (Lab.#count++ === 0) watchForTheEnd();
    reapLeftovers();
    const start = Number(startTicks(process.pid)).toString(36);
    this.#tag = `${PREFIX}-${process.pid}-${start}-${Lab.#count.toString(36)}`;
    this.directory = mkdtempSync(join(tmpdir(), 'flowglass-lab-'));
    live.add(this);
  }

  /** A new host (lower-case letters and digits). Quiet by itself: no router solicitations, no duplicate address detection. */
  host(label: string): Host {
    const name = `${this.#tag}-${label}`;
    command('ip', ['netns', 'add', name]);
    const host = new Host(name, this.#children);
    this.#hosts.push(host);
    host.sysctl({
      'net/ipv6/conf/default/accept_dad': 0,
      'net/ipv6/conf/all/accept_dad': 0,
      'net/ipv6/conf/default/router_solicitations': 0,
      'net/ipv6/conf/default/addr_gen_mode': 1,
      'net/ipv4/ping_group_range': '0 2147483647',
    });
    host.ip('link set lo up');
    // Group reports come by themselves at odd moments; nothing may move but what a test sends.
    host.run('nft', ['-f', '-'], QUIET);
    return host;
  }

  /** A veth pair between two hosts with an IPv4 and an IPv6 address each and permanent neighbours: no ARP, no discovery. */
  link(left: Host, right: Host, options: LinkOptions = {}): Link {
    const subnet = options.subnet ?? 3;
    const ends = {
      left: { host: left, device: options.leftDevice ?? 'veth0', v4: `10.77.${subnet}.1`, v6: `fd77:0:0:${subnet}::1` },
      right: {
        host: right,
        device: options.rightDevice ?? 'veth0',
        v4: `10.77.${subnet}.2`,
        v6: `fd77:0:0:${subnet}::2`,
      },
    };
    const mtu = options.mtu ?? 1500;
    left.ip(
      `link add ${ends.left.device} mtu ${mtu} type veth peer name ${ends.right.device} mtu ${mtu} netns ${right.name}`,
    );
    for (const end of [ends.left, ends.right]) {
      end.host.ip(
        `link set ${end.device} addrgenmode none`,
        `addr add ${end.v4}/24 dev ${end.device}`,
        `addr add ${end.v6}/64 dev ${end.device} nodad`,
        `link set ${end.device} up`,
      );
    }
    const macs = { left: left.mac(ends.left.device), right: right.mac(ends.right.device) };
    const know = (end: Link['left'], other: Link['left'], mac: string) =>
      end.host.ip(
        `neigh replace ${other.v4} lladdr ${mac} nud permanent dev ${end.device}`,
        `neigh replace ${other.v6} lladdr ${mac} nud permanent dev ${end.device}`,
      );
    know(ends.left, ends.right, macs.right);
    know(ends.right, ends.left, macs.left);
    if (options.offloads === false) this.offloads(ends, false);
    return ends;
  }

  /** Segmentation offloads of both ends of a link. */
  offloads(link: Link, on: boolean): void {
    for (const end of [link.left, link.right]) end.host.offloads(end.device, on);
  }

  /**
   * Client and server joined through a router namespace whose packets pass a delay relay between two TUN devices.
   * Returns the two links: the client is `near.left`, the server is `far.right`.
   */
  async delayed(
    client: Host,
    server: Host,
    options: RelayOptions,
  ): Promise<{ near: Link; far: Link; relay: Child; router: Host }> {
    const router = this.host('router');
    const near = this.link(client, router, { subnet: 1, rightDevice: 'near' });
    const far = this.link(router, server, { subnet: 2, leftDevice: 'far' });
    const args: (string | number)[] = ['tunnear', 'tunfar', '--delay-us', options.delayUs];
    if (options.dropEvery !== undefined) args.push('--drop-every', options.dropEvery);
    if (options.bitsPerSecond !== undefined) args.push('--bits-per-second', options.bitsPerSecond);
    if (options.linkType !== undefined) args.push('--link-type', options.linkType);
    const relay = router.start('relay', args, { timeoutMs: 150_000 });
    await relay.event('ready');
    router.sysctl({
      'net/ipv4/ip_forward': 1,
      'net/ipv6/conf/all/forwarding': 1,
      'net/ipv4/conf/all/rp_filter': 0,
      'net/ipv4/conf/default/rp_filter': 0,
      'net/ipv4/conf/tunnear/rp_filter': 0,
      'net/ipv4/conf/tunfar/rp_filter': 0,
    });
    const routes: string[] = [];
    const routes6: string[] = [];
    for (const [device, tun, table] of [
      ['near', 'tunnear', 101],
      ['far', 'tunfar', 102],
    ]) {
      routes.push(`link set ${tun} addrgenmode none`, `link set ${tun} up`);
      routes.push(
        `rule add iif ${device} lookup ${table} pref ${table}`,
        `route add default dev ${tun} table ${table}`,
      );
      routes6.push(
        `rule add iif ${device} lookup ${table} pref ${table}`,
        `route add default dev ${tun} table ${table}`,
      );
    }
    router.ip(...routes);
    router.ip6(...routes6);
    client.ip(`route add 10.77.2.0/24 via ${near.right.v4}`);
    client.ip6(`route add fd77:0:0:2::/64 via ${near.right.v6}`);
    server.ip(`route add 10.77.1.0/24 via ${far.left.v4}`);
    server.ip6(`route add fd77:0:0:1::/64 via ${far.left.v6}`);
    return { near, far, relay, router };
  }

  /** Keeps a process that was started outside the hosts (a recorder) under this laboratory's care. */
  care<T extends Child>(child: T): T {
    this.#children.add(child);
    return child;
  }

  /** Ends every process, removes every namespace and the scratch directory. Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    live.delete(this);
    for (const child of this.#children) child.kill('SIGKILL');
    for (const host of this.#hosts) removeNamespace(host.name);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Removes every laboratory of this process when it ends, however it ends short of SIGKILL. */
function watchForTheEnd(): void {
  const removeAll = () => {
    for (const lab of [...live]) lab.dispose();
  };
  process.once('exit', removeAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      removeAll();
      process.exit(128 + (signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 1));
    });
  }
}

/** Waits; for traffic to settle, never as a substitute for an event. */
export function settle(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** True when a program is on PATH. */
export function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
