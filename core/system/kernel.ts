import { readFileSync } from 'node:fs';
import { release } from 'node:os';

/** Whether the running kernel is at least this version; distributions' backports are not known by number. */
export function kernelAtLeast(major: number, minor: number, kernel = release()): boolean {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  const [haveMajor, haveMinor] = [Number(first), Number(second)];
  return haveMajor > major || (haveMajor === major && haveMinor >= minor);
}

/** The first mount point of the unified cgroup hierarchy in /proc/self/mounts (proc(5), octal escapes), or null. */
export function cgroup2Mount(mounts = readMounts()): string | null {
  for (const line of mounts.split('\n')) {
    const [, target, type] = line.split(' ');
    if (type === 'cgroup2' && target !== undefined) {
      return target.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    }
  }
  return null;
}

function readMounts(): string {
  try {
    return readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return '';
  }
}

const CAPABILITIES = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

/** Name of a capability that matters to capturing (capabilities(7)). */
export type Capability = keyof typeof CAPABILITIES;

/** Which of the capabilities that matter are in this process's effective set. */
export function effectiveCapabilities(status = readFileSync('/proc/self/status', 'utf8')): Capability[] {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(CAPABILITIES)
    .filter(([, bit]) => (mask >> BigInt(bit)) & 1n)
    .map(([name]) => name)
    .filter((name): name is Capability => name in CAPABILITIES);
}
