import { rmSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { debianKernel } from './kernel-package.ts';
import { runMachine } from './machine.ts';

it('boots Debian’s kernel, runs a script, hands back its files and its status', async () => {
  const kernel = debianKernel();
  const script =
    'uname -r > /tmp/out/release; [ -s /sys/kernel/btf/vmlinux ] || exit 9; ip netns add a || exit 8; exit 7';
  const { status, console, output } = await runMachine({ kernel, script, memoryMiB: 256 });
  try {
    expect(status, console).toBe(7);
    expect(readFileSync(join(output, 'release'), 'utf8').trim()).toBe(kernel.version);
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}, 240_000);
