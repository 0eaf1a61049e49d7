import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sshHosts } from './ssh-config.ts';

it('suggests the hosts that the configuration and its includes name, without patterns, each once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowglass-ssh-config-'));
  try {
    mkdirSync(join(folder, 'more'));
    writeFileSync(join(folder, 'config'), 'Include more/*.conf loop\nHost shop "db-1" *.example !no\n  HostName 10.0.0.1\nhost=web shop\n'); // prettier-ignore
    writeFileSync(join(folder, 'more/a.conf'), 'Host first\n');
    writeFileSync(join(folder, 'more/b.txt'), 'Host never\n');
    writeFileSync(join(folder, 'loop'), 'Include loop\n');
    expect(sshHosts(join(folder, 'config'))).toEqual(['first', 'shop', 'db-1', 'web']);
    expect(sshHosts(join(folder, 'absent'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
