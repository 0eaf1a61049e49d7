import { mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { printable } from '../errors.ts';
import { expectedAttach, findInterfaces } from './interfaces.ts';
import { cgroup2Mount, effectiveCapabilities, kernelAtLeast } from './kernel.ts';
import { containerIds, findContainer, findNamespace, ownNamespace } from './netns.ts';

describe('facts of the kernel', () => {
  it('versions compare by number, whatever follows them', () => {
    expect(kernelAtLeast(6, 6, '6.10.0-rc1+deb')).toBe(true);
    expect(kernelAtLeast(6, 6, '6.1.0-56-cloud-amd64')).toBe(false);
    expect(kernelAtLeast(5, 15, '6.1.0')).toBe(true);
    expect(kernelAtLeast(6, 6, 'weird')).toBe(false);
  });

  it('the cgroup2 mount is found beside others, with escapes undone', () => {
    const mounts =
      'tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /a cgroup rw 0 0\ncgroup2 /sys/my\\040dir cgroup2 rw 0 0\n';
    expect(cgroup2Mount(mounts)).toBe('/sys/my dir');
    expect(cgroup2Mount('tmpfs / tmpfs rw 0 0\n')).toBe(null);
  });

  it('capabilities are read from the effective set', () => {
    expect(effectiveCapabilities('CapPrm:\tffffffffffffffff\nCapEff:\t000000c000001000\n')).toEqual(['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF']); // prettier-ignore
    expect(effectiveCapabilities('CapEff:\t0000000000000000\n')).toEqual([]);
  });
});

describe('how an interface will be attached', () => {
  it('native XDP only where it is known to keep the link, tcx where the kernel has it', () => {
    expect(expectedAttach('ethernet', 'virtio_net', '6.18.1')).toMatchObject({ ingress: 'xdp-native', egress: 'tcx' });
    expect(expectedAttach('ethernet', 'e1000e', '6.18.1')).toMatchObject({ ingress: 'tcx', egress: 'tcx' });
    expect(expectedAttach('veth', 'veth', '6.18.1')).toMatchObject({ ingress: 'tcx', egress: 'tcx' });
    expect(expectedAttach('loopback', null, '6.1.0')).toMatchObject({ ingress: 'clsact', egress: 'clsact' });
  });

  it('an unknown name tells the ones there are, escaped', () => {
    expect(() => findInterfaces(['eth9\n'], [])).toThrow(
      'no such interface, eth9\\x0a, there is none in this namespace',
    );
  });
});

describe('network namespaces', () => {
  it('are found by pid and by path, and are the kernel’s inode', () => {
    const inode = Number(/\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0]);
    expect(findNamespace(String(process.pid)).inode).toBe(inode);
    expect(findNamespace('/proc/self/ns/net').inode).toBe(inode);
    expect(ownNamespace().inode).toBe(inode);
  });

  it.each([
    ['4194304999', 'no process has this number'],
    ['/etc/passwd', 'not a network namespace'],
    ['/nowhere/at/all', 'not a network namespace'],
    ['surely-not-there', 'no such network namespace'],
  ])('%s: %s', (spec, text) => {
    expect(() => findNamespace(spec)).toThrow(text);
  });
});

describe('containers', () => {
  const id = 'c0ffee'.padEnd(64, '0');
  let proc: string;
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'flowglass-proc-'));
  });
  afterEach(() => rmSync(proc, { recursive: true }));
  const add = (pid: number, cgroup: string): void => {
    mkdirSync(join(proc, String(pid)));
    writeFileSync(join(proc, String(pid), 'cgroup'), `0::${cgroup}\n`);
  };

  it('are known by the cgroup paths of the usual engines', () => {
    for (const path of [
      `/system.slice/docker-${id}.scope`,
      `/docker/${id}`,
      `/machine.slice/libpod-${id}.scope/container`,
      `/kubepods.slice/kubepods-burstable.slice/cri-containerd-${id}.scope`,
      `/kubepods/burstable/podx/${id}`,
      `/kubepods.slice/crio-${id}.scope`,
    ]) {
      expect(containerIds(path)).toEqual([id]);
    }
    expect(containerIds('/user.slice/user-1000.slice/session-2.scope')).toEqual([]);
  });

  it('are looked for by the beginning of their id; several matches, none, and nonsense are errors', () => {
    add(process.pid, `/docker/${id}`);
    add(99, '/init.scope');
    expect(findContainer('c0ffee0', proc)).toEqual(findNamespace(String(process.pid)));
    add(98, `/docker/${'c0ffee1'.padEnd(64, '1')}`);
    expect(() => findContainer('c0ffee', proc)).toThrow('several containers begin with this id');
    expect(() => findContainer('abcdef', proc)).toThrow('no running container has this id');
    expect(() => findContainer('web', proc)).toThrow('not a container id');
  });
});

describe('text for a terminal', () => {
  it('shows what would move the cursor, colour or reverse as escapes', () => {
    expect(printable('a\u001b[31m\n\u007f\u0085\u202eb é 漢')).toBe('a\\x1b[31m\\x0a\\x7f\\x85\\u202eb é 漢');
  });
});
