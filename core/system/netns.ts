import { readFileSync, readdirSync, statSync } from 'node:fs';
import { FlowglassError } from '../errors.ts';

/** Where `ip netns add` puts its names (ip-netns(8)). */
const NAMED = '/run/netns';

/** A network namespace to be entered: a path that setns(2) takes, and its identity. */
export interface NetworkNamespace {
  readonly path: string;
  /** Inode of the namespace: the identity that the kernel programs see (`ns.inum`). */
  readonly inode: number;
}

/** Named namespaces there are, sorted. */
export function namedNamespaces(): string[] {
  try {
    return readdirSync(NAMED).sort();
  } catch {
    return [];
  }
}

/** The namespace of this process. */
export function ownNamespace(): NetworkNamespace {
  return { path: '/proc/self/ns/net', inode: statSync('/proc/self/ns/net').ino };
}

/** Finds a namespace by PID (digits), by path (has a slash) or by name. Throws `unknown-netns`. */
export function findNamespace(spec: string): NetworkNamespace {
  const path = /^\d+$/.test(spec) ? `/proc/${spec}/ns/net` : spec.includes('/') ? spec : `${NAMED}/${spec}`;
  try {
    const { ino, dev } = statSync(path);
    const nsfs = statSync('/proc/self/ns/net').dev; // all namespaces live on one nsfs
    if (dev === nsfs) return { path, inode: ino };
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')) {
      throw new FlowglassError({
        code: 'permission',
        what: 'the network namespace may not be looked at',
        where: spec,
        hint: process.getuid?.() === 0 ? 'run it where CAP_SYS_PTRACE is allowed' : 'run this command with sudo',
        exitCode: 3,
        cause: error,
      });
    }
  }
  if (/^\d+$/.test(spec)) {
    throw new FlowglassError({ code: 'unknown-netns', what: 'no process has this number', where: spec, hint: 'give the pid of a running process' }); // prettier-ignore
  }
  if (spec.includes('/')) {
    throw new FlowglassError({ code: 'unknown-netns', what: 'this is not a network namespace', where: spec, hint: 'give a path such as /run/netns/NAME or /proc/PID/ns/net' }); // prettier-ignore
  }
  const names = namedNamespaces();
  const hint = names.length === 0 ? 'none is named here; give a pid or a path' : `there are ${names.join(', ')}`;
  throw new FlowglassError({ code: 'unknown-netns', what: 'no such network namespace', where: spec, hint });
}

/** The identifier in one component of a container's cgroup path: `docker-ID.scope`, `libpod-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, `/docker/ID`, `/kubepods/…/ID`. */
export function containerIds(cgroupPath: string): string[] {
  return cgroupPath.split('/').flatMap((part) => {
    const id = /^(?:[a-z]+(?:-[a-z]+)*-)?([0-9a-f]{32,64})(?:\.scope)?$/.exec(part)?.[1];
    return id === undefined ? [] : [id];
  });
}

/** Network namespace of a container, by its id or the beginning of it (at least 6 characters), found through the cgroups of its processes. */
export function findContainer(id: string, proc = '/proc'): NetworkNamespace {
  if (!/^[0-9a-f]{6,64}$/.test(id)) {
    throw new FlowglassError({ code: 'unknown-container', what: 'this is not a container id', where: id, hint: 'give at least 6 of its hexadecimal digits (docker ps, podman ps, crictl ps)', exitCode: 2 }); // prettier-ignore
  }
  const found = new Map<string, number>(); // container id → its lowest pid, which is its first process
  const pids = readdirSync(proc).filter((name) => /^\d+$/.test(name));
  for (const pid of pids.map(Number).sort((a, b) => a - b)) {
    let text: string;
    try {
      text = readFileSync(`${proc}/${pid}/cgroup`, 'utf8');
    } catch {
      continue; // it has ended meanwhile
    }
    for (const line of text.split('\n')) {
      for (const full of containerIds(line.slice(line.indexOf('/')))) {
        if (full.startsWith(id) && !found.has(full)) found.set(full, pid);
      }
    }
  }
  const [first] = found;
  if (first === undefined) {
    throw new FlowglassError({ code: 'unknown-container', what: 'no running container has this id', where: id, hint: 'see docker ps, podman ps or crictl ps' }); // prettier-ignore
  }
  if (found.size > 1) {
    const ids = [...found.keys()].map((full) => full.slice(0, 12)).join(', ');
    throw new FlowglassError({ code: 'unknown-container', what: 'several containers begin with this id', where: id, hint: `give more digits: ${ids}` }); // prettier-ignore
  }
  return findNamespace(String(first[1]));
}
