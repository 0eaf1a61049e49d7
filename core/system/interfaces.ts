import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { networkInterfaces, release } from 'node:os';
import { basename } from 'node:path';
import { z } from 'zod';
import { FlowglassError, errnoText, printable } from '../errors.ts';
import { kernelAtLeast } from './kernel.ts';
import type { NetworkNamespace } from './netns.ts';

/** A network device as it is now; all of it is public knowledge, no privilege is needed. */
export interface NetworkInterface {
  readonly name: string;
  readonly index: number;
  /** What kind of device: the kernel's own word for virtual ones (veth, bridge, tun, …), else ethernet, wifi, loopback, other. */
  readonly kind: string;
  /** LINKTYPE_* of a capture on it (tcpdump.org/linktypes.html); null when it is not one that we decode. */
  readonly linkType: number | null;
  /** With prefix length, as `ip addr` shows them. */
  readonly addresses: readonly string[];
  readonly mtu: number;
  readonly up: boolean;
  /** Bits per second, null when the device does not say. */
  readonly speedBps: number | null;
  readonly driver: string | null;
  /** How we will attach, and why. */
  readonly attach: { readonly ingress: string; readonly egress: string; readonly reason: string };
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
}

/** Drivers on which native XDP attaches without dropping the link (design: attach ladder). */
export const XDP_DRIVERS: readonly string[] = ['virtio_net'];

const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;
const LINK_TYPES: Readonly<Record<string, number>> = { ether: LINKTYPE_ETHERNET, loopback: LINKTYPE_ETHERNET, none: LINKTYPE_RAW, ppp: LINKTYPE_RAW, rawip: LINKTYPE_RAW, '[519]': LINKTYPE_RAW, ipip: LINKTYPE_RAW, tunnel6: LINKTYPE_RAW, sit: LINKTYPE_RAW, gre: LINKTYPE_RAW, gre6: LINKTYPE_RAW }; // prettier-ignore

/** What `auto` will do on this kernel with this device; the helper has the last word and says what it did. */
export function expectedAttach(kind: string, driver: string | null, kernel = release()): NetworkInterface['attach'] {
  const egress = kernelAtLeast(6, 6, kernel) ? 'tcx' : 'clsact';
  if (kind === 'ethernet' && driver !== null && XDP_DRIVERS.includes(driver)) {
    return { ingress: 'xdp-native', egress, reason: `${driver} attaches XDP without dropping the link` };
  }
  const reason = egress === 'tcx' ? 'exact and light on every device' : 'this kernel has no tcx (6.6 and newer do)';
  return { ingress: egress, egress, reason };
}

const counters = z.object({ bytes: z.number(), packets: z.number() });
const ipAddr = z.array(
  z.object({
    ifindex: z.number(),
    ifname: z.string(),
    flags: z.array(z.string()),
    mtu: z.number().default(0),
    link_type: z.string().default('none'),
    linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
    addr_info: z.array(z.object({ local: z.string().optional(), prefixlen: z.number().optional() })).default([]),
    stats64: z.object({ rx: counters, tx: counters }).optional(),
  }),
);

function sysfs(name: string, file: string): string | null {
  try {
    return readFileSync(`/sys/class/net/${name}/${file}`, 'utf8').trim();
  } catch {
    return null; // absent, or EINVAL where a device does not know (speed of one that is down)
  }
}

function sysfsDriver(name: string): string | null {
  try {
    return basename(readlinkSync(`/sys/class/net/${name}/device/driver`));
  } catch {
    return null;
  }
}

/** /sys shows the namespace in which it was mounted: it is asked only where it names the same device. */
const sysfsMatches = (name: string, index: number): boolean => sysfs(name, 'ifindex') === String(index);

/** Runs `ip -json` in a namespace; null when there is no such program. */
function ipJson(namespace: NetworkNamespace | null): z.infer<typeof ipAddr> | null {
  const show = ['-json', '-details', '-stats', 'address', 'show'];
  const named = namespace === null ? undefined : /^\/run\/netns\/([^/]+)$/.exec(namespace.path)?.[1];
  const [program, args]: [string, string[]] =
    namespace === null
      ? ['ip', show]
      : named !== undefined
        ? ['ip', ['-netns', named, ...show]]
        : ['nsenter', [`--net=${namespace.path}`, 'ip', ...show]];
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
  try {
    const text = execFileSync(program, args, {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    });
    return entriesOf(text);
  } catch (error) {
    if (namespace === null) return null;
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : errnoText(error);
    if (/not permitted|permission denied/i.test(text)) {
      throw new FlowglassError({ code: 'permission', what: 'entering another network namespace needs root', where: namespace.path, hint: 'run this command with sudo', exitCode: 3 }); // prettier-ignore
    }
    throw new FlowglassError({ code: 'netns-unreadable', what: `its interfaces cannot be listed (${printable(text.trim().split('\n')[0] ?? '')})`, where: namespace.path, hint: 'install iproute2 and util-linux' }); // prettier-ignore
  }
}

/** `ip -details -json` leaves empty objects for devices it filtered out. */
function entriesOf(text: string): z.infer<typeof ipAddr> {
  const list: unknown = JSON.parse(text);
  return ipAddr.parse(Array.isArray(list) ? list.filter((entry) => 'ifindex' in Object(entry)) : list);
}

/** Interfaces of another host, by what `ip -json -details -stats address show` said there; none when it is no answer. */
export function interfacesFrom(text: string, kernel: string): NetworkInterface[] {
  try {
    return entriesOf(text).map((entry) => interfaceOf(entry, null, false, kernel));
  } catch {
    return [];
  }
}

/** `driver` null, `wireless` false = not known. */
function interfaceOf(
  entry: z.infer<typeof ipAddr>[number],
  driver: string | null,
  wireless: boolean,
  kernel?: string,
): NetworkInterface {
  const hardware = wireless ? 'wifi' : entry.link_type === 'ether' ? 'ethernet' : entry.link_type === 'loopback' ? 'loopback' : 'other'; // prettier-ignore
  const kind = entry.linkinfo?.info_kind ?? hardware;
  return {
    name: entry.ifname,
    index: entry.ifindex,
    kind,
    linkType: LINK_TYPES[entry.link_type] ?? null,
    addresses: entry.addr_info.flatMap(({ local, prefixlen }) =>
      local === undefined ? [] : [prefixlen === undefined ? local : `${local}/${prefixlen}`],
    ),
    mtu: entry.mtu,
    up: entry.flags.includes('UP'),
    speedBps: null,
    driver,
    attach: expectedAttach(kind, driver, kernel),
    rxPackets: entry.stats64?.rx.packets ?? 0,
    rxBytes: entry.stats64?.rx.bytes ?? 0,
    txPackets: entry.stats64?.tx.packets ?? 0,
    txBytes: entry.stats64?.tx.bytes ?? 0,
  };
}

/** Without iproute2: what /sys tells of our own namespace. */
function fromSysfs(): z.infer<typeof ipAddr> {
  const own = networkInterfaces();
  return readdirSync('/sys/class/net').flatMap((ifname) => {
    const number = (file: string): number => Number(sysfs(ifname, file) ?? 0);
    if (sysfs(ifname, 'ifindex') === null) return [];
    const type = number('type'); // ARPHRD_*, include/uapi/linux/if_arp.h
    const up = (Number(sysfs(ifname, 'flags') ?? 0) & 1) === 1;
    return [
      {
        ifname,
        ifindex: number('ifindex'),
        flags: up ? ['UP'] : [],
        mtu: number('mtu'),
        link_type: type === 772 ? 'loopback' : type === 1 ? 'ether' : type === 0xfffe ? 'none' : `[${type}]`,
        addr_info: (own[ifname] ?? []).map(({ cidr, address }) => {
          const [local = address, prefix] = (cidr ?? '').split('/');
          return { local, prefixlen: Number(prefix) };
        }),
        stats64: {
          rx: { bytes: number('statistics/rx_bytes'), packets: number('statistics/rx_packets') },
          tx: { bytes: number('statistics/tx_bytes'), packets: number('statistics/tx_packets') },
        },
      },
    ];
  });
}

/** Interfaces of a namespace (null = ours), by index. Throws `permission` when another one may not be entered. */
export function listInterfaces(namespace: NetworkNamespace | null = null): NetworkInterface[] {
  const entries = ipJson(namespace) ?? fromSysfs();
  return entries
    .map((entry): NetworkInterface => {
      const { ifname: name, ifindex: index } = entry;
      const mine = namespace === null && sysfsMatches(name, index);
      const wireless = mine && sysfs(name, 'phy80211/name') !== null;
      const speed = mine ? Number(sysfs(name, 'speed') ?? -1) : -1; // Mbit/s, -1 = not known
      return { ...interfaceOf(entry, mine ? sysfsDriver(name) : null, wireless), speedBps: speed > 0 ? speed * 1e6 : null }; // prettier-ignore
    })
    .sort((a, b) => a.index - b.index);
}

/** The interfaces with these names, in this order. Throws `unknown-interface`, naming those there are. */
export function findInterfaces(names: readonly string[], there: readonly NetworkInterface[]): NetworkInterface[] {
  return names.map((name) => {
    const found = there.find((entry) => entry.name === name);
    if (found !== undefined) return found;
    const list = there.map((entry) => printable(entry.name)).join(', ');
    const hint = there.length === 0 ? 'there is none in this namespace' : `there are ${list}`;
    throw new FlowglassError({ code: 'unknown-interface', what: 'no such interface', where: printable(name), hint });
  });
}
