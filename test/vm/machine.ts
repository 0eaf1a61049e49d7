import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Kernel } from './kernel-package.ts';

export interface MachineOptions {
  kernel: Kernel;
  /** Shell script (dash, with busybox, ip and tc) that runs as root; its status is the machine's. /tmp/out comes back. */
  script: string;
  /** Kernel modules to load, with what they depend on. */
  modules?: readonly string[];
  /** Directory that is mounted read-only on /d (through an ext4 image, made without root). */
  share?: string;
  /** Guest time is counted in instructions and idle time skipped: the host's load cannot show in it. */
  exact?: boolean;
  memoryMiB?: number;
  timeoutMs?: number;
}

export interface MachineResult {
  status: number | null;
  console: string;
  /** What the script left in /tmp/out; the caller removes it. */
  output: string;
}

function run(program: string, args: readonly string[], options: { cwd?: string; input?: string } = {}): string {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 120_000, maxBuffer: 1 << 28, ...options });
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.error?.message ?? result.stderr}`);
  return result.stdout;
}

/** Copies a program and the libraries it is linked with below `root`; the program into `into`. */
export function copyProgram(program: string, root: string, into: string): void {
  const path = realpathSync(program.includes('/') ? program : run('sh', ['-c', `command -v ${program}`]).trim());
  mkdirSync(join(root, into), { recursive: true });
  copyFileSync(path, join(root, into, basename(program)));
  const libraries = spawnSync('ldd', [path], { encoding: 'utf8' }).stdout;
  for (const [library] of libraries.matchAll(/\/\S+\.so\S*/g)) {
    const target = join(root, library);
    if (existsSync(target)) continue;
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(realpathSync(library), target);
  }
}

/** Puts the named modules, and all they need, into the initramfs; modprobe finds them through the reduced modules.dep. */
function copyModules(kernel: Kernel, root: string, names: readonly string[]): void {
  const from = join(kernel.directory, 'lib/modules', kernel.version);
  const to = join(root, 'lib/modules', kernel.version);
  mkdirSync(to, { recursive: true });
  for (const file of ['modules.builtin', 'modules.order']) copyFileSync(join(from, file), join(to, file));
  const dependencies = new Map(
    readFileSync(join(from, 'modules.dep'), 'utf8')
      .split('\n')
      .map(
        (line) =>
          [
            line.slice(0, line.indexOf(':')),
            line
              .slice(line.indexOf(':') + 1)
              .split(' ')
              .filter(Boolean),
          ] as const,
      ),
  );
  const builtIn = readFileSync(join(from, 'modules.builtin'), 'utf8');
  const wanted = new Map<string, readonly string[]>();
  const add = (path: string) => {
    if (wanted.has(path)) return;
    const needs = dependencies.get(path) ?? [];
    wanted.set(path, needs);
    for (const need of needs) add(need);
  };
  for (const name of names) {
    if (builtIn.includes(`/${name}.ko\n`)) continue;
    const path = [...dependencies.keys()].find((module) => basename(module) === `${name}.ko`);
    if (path === undefined) throw new Error(`kernel ${kernel.version} has no module ${name}`);
    add(path);
  }
  for (const path of wanted.keys()) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    copyFileSync(join(from, path), join(to, path));
  }
  writeFileSync(join(to, 'modules.dep'), [...wanted].map(([path, needs]) => `${path}: ${needs.join(' ')}\n`).join(''));
}

const INIT = (modules: readonly string[]) => `#!/bin/sh
/bin/busybox --install -s /bin 2>/dev/null
export PATH=/bin:/sbin HOME=/tmp
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs t /tmp; mount -t tmpfs t /run
mount -t bpf b /sys/fs/bpf; mount -t cgroup2 c /sys/fs/cgroup; mkdir -p /run/netns /tmp/out /d
ip link set lo up
for m in virtio_pci virtio_blk ${modules.join(' ')}; do modprobe $m || echo "no module $m"; done
[ ! -e /dev/vdb ] || mount -o ro -t ext4 /dev/vdb /d
cd /tmp; sh /script; status=$?
cd /tmp/out && tar c . > /dev/vda; sync
echo "MACHINE-STATUS $status"
reboot -f # qemu ends instead; powering off does not work any more after a sleep
`;

/**
 * Boots a Debian kernel under qemu without KVM, runs a script in it and powers off: 3 to 6 seconds for a trivial one.
 * Everything is in an initramfs of busybox, dash, ip, tc and nsenter (those of busybox run its own ip whatever PATH says).
 */
export async function runMachine(options: MachineOptions): Promise<MachineResult> {
  const work = mkdtempSync(join(tmpdir(), 'flowglass-vm-'));
  try {
    const root = join(work, 'root');
    for (const directory of ['bin', 'sbin', 'proc', 'sys', 'dev', 'run', 'tmp', 'etc'])
      mkdirSync(join(root, directory), { recursive: true });
    copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
    for (const program of ['dash', 'ip', 'tc', 'nsenter']) copyProgram(program, root, 'bin');
    copyFileSync(join(root, 'bin/dash'), join(root, 'bin/sh'));
    const modules = options.modules ?? ['veth', 'sch_ingress', 'cls_bpf'];
    copyModules(options.kernel, root, ['virtio_pci', 'virtio_blk', ...modules]);
    writeFileSync(join(root, 'init'), INIT(modules), { mode: 0o755 });
    writeFileSync(join(root, 'script'), options.script);
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/tmp:/bin/sh\n');
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
    const initrd = join(work, 'initrd');
    run('sh', ['-c', `find . | cpio -o -H newc --quiet -R 0:0 > '${initrd}'`], { cwd: root });
    const drives = ['-drive', `file=${join(work, 'out.img')},format=raw,if=virtio`];
    writeFileSync(join(work, 'out.img'), '');
    truncateSync(join(work, 'out.img'), 64 << 20);
    if (options.share !== undefined) {
      const image = join(work, 'share.img');
      const size = Math.ceil((Number(run('du', ['-sm', options.share]).split('\t')[0]) * 5) / 4) + 32;
      run('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-d', options.share, image, `${size}M`]);
      drives.push('-drive', `file=${image},format=raw,if=virtio,readonly=on`);
    }
    const time = options.exact
      ? ['-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off']
      : ['-accel', 'tcg,thread=multi'];
    const kernelLine =
      'console=ttyS0 loglevel=3 panic=-1 mitigations=off audit=0 apparmor=0 nokaslr tsc=reliable no_timer_check random.trust_cpu=on';
    const { console, timedOut } = await boot(
      [
        '-M', 'q35', ...time, '-cpu', 'max', '-smp', '1', '-m', String(options.memoryMiB ?? 768), '-nodefaults', '-no-user-config',
        '-display', 'none', '-serial', 'stdio', '-no-reboot', '-kernel', options.kernel.image, '-initrd', initrd, ...drives,
        '-append', kernelLine,
      ], // prettier-ignore
      options.timeoutMs ?? 120_000,
    );
    if (timedOut)
      throw new Error(`the machine was still running after ${options.timeoutMs ?? 120_000} ms:\n${console}`);
    const output = mkdtempSync(join(tmpdir(), 'flowglass-vm-out-'));
    spawnSync('tar', ['xf', join(work, 'out.img'), '-C', output]);
    const status = /^MACHINE-STATUS (\d+)$/m.exec(console)?.[1];
    return { status: status === undefined ? null : Number(status), console, output };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function boot(args: readonly string[], timeoutMs: number): Promise<{ console: string; timedOut: boolean }> {
  return new Promise((resolve, reject) => {
    const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let console = '';
    let timedOut = false;
    const end = () => qemu.kill('SIGKILL');
    const timer = setTimeout(() => {
      timedOut = true;
      end();
    }, timeoutMs);
    process.once('exit', end);
    const collect = (data: Buffer) => {
      console = (console + data.toString('utf8').replaceAll('\r', '')).slice(-(1 << 20));
    };
    qemu.stdout.on('data', collect);
    qemu.stderr.on('data', collect);
    qemu.on('error', reject);
    qemu.on('close', () => {
      clearTimeout(timer);
      process.removeListener('exit', end);
      resolve({ console, timedOut });
    });
  });
}
