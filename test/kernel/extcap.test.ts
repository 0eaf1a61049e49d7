// Flowglass as an interface of a real tshark: what it shows of each packet is what the programs did.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Child } from '../lab/child.ts';
import { runFlowglass } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

describeAsRoot('an extcap', () => {
  let lab: Lab;
  let client: Host;
  let program: string;
  let server: Child;

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    const peer = lab.host('server');
    lab.link(client, peer);
    server = await peer.server(['tcp', '--port', 80, '--mode', 'respond', '--request', 700, '--response', 900]);
    const { status, stdout } = await runFlowglass(['extcap', '--install', join(lab.directory, 'extcap')]);
    expect(status).toBe(0);
    program = stdout.trim();
  }, 60_000);
  afterAll(() => lab.dispose());

  const ask = (...args: string[]): string => client.run(program, args);

  it('names interfaces, link types and options in the grammar of extcap', () => {
    expect(ask('--extcap-interfaces', '--extcap-version=4.0')).toMatch(/^extcap \{version=[\d.]+\}.*\ninterface \{value=flowglass-lo\}\{display=.*\}\ninterface \{value=flowglass-veth0\}/); // prettier-ignore
    expect(ask('--extcap-dlts', '--extcap-interface', 'flowglass-veth0')).toBe('dlt {number=1}{name=EN10MB}{display=Ethernet}\n'); // prettier-ignore
    const options = ask('--extcap-config', '--extcap-interface', 'flowglass-veth0').trim().split('\n');
    expect(options.every((line) => /^arg \{number=\d\}\{call=--[a-z]+\}\{display=.*\}\{type=\w+\}/.test(line))).toBe(true); // prettier-ignore
    expect(ask('--extcap-interface', 'flowglass-veth0', '--extcap-capture-filter', 'tcp.port == 80')).toBe('');
    expect(ask('--extcap-interface', 'flowglass-veth0', '--extcap-capture-filter', 'tcp.prt == 80')).not.toBe('');
    expect(() => ask('--extcap-dlts', '--extcap-interface', 'flowglass-none')).toThrow(/no such interface, none, there are lo, veth0/); // prettier-ignore
  });

  it('gives tshark each packet with the process that it belongs to', async () => {
    const file = join(lab.directory, 'seen.pcapng');
    // As root it looks in its own folder only: ours takes that folder's place in a mount namespace.
    const folder = /^(?:Global )?Extcap path:\s*(.+)$/m.exec(client.run('tshark', ['-G', 'folders']))?.[1] ?? '';
    const covered = ['-m', 'sh', '-ec', 'mount --bind "$0" "$1"; shift; exec tshark "$@"', join(lab.directory, 'extcap'), folder]; // prettier-ignore
    const tshark = client.spawn('unshare', [...covered, '-i', 'flowglass-veth0', '-l', '-w', file, '-P', '-T', 'fields', '-e', 'frame.comment', '-e', 'tcp.flags.str', '-e', 'tcp.len'], { timeoutMs: 60_000 }); // prettier-ignore
    // It says nothing when capturing has begun: connect until a packet is seen.
    const connect = (): Child => client.start('client', ['tcp', '--to', '10.77.3.2', '--port', 80, '--send', 700, '--receive', 900]); // prettier-ignore
    const warm: Promise<unknown>[] = [];
    for (let tries = 0; tries < 40 && tshark.stdout === ''; tries++) {
      warm.push(connect().done);
      await tshark.until('a packet', ({ stdout }) => stdout !== '', 500).catch(() => undefined);
    }
    await Promise.all(warm);
    const child = connect();
    const closed = await child.event('closed');
    const mine = (line: string): boolean => line.includes(`(pid ${child.pid}`);
    await tshark.until('its packets', ({ stdout }) => stdout.split('\n').filter(mine).length >= Number((closed['tcp'] as { segmentsIn: number }).segmentsIn) + Number((closed['tcp'] as { segmentsOut: number }).segmentsOut)); // prettier-ignore
    await tshark.stop('SIGINT', 10_000);
    const lines = tshark.stdout
      .split('\n')
      .filter(mine)
      .map((line) => line.split('\t'));
    expect(lines.every(([comment]) => comment?.startsWith(`lab-client (pid ${child.pid}`))).toBe(true);
    // Both ways: the SYN, its answer, and all the payload.
    expect(lines.reduce((sum, [, , length]) => sum + Number(length), 0)).toBe(700 + 900);
    expect(lines.filter(([, flags]) => flags?.includes('S'))).toHaveLength(2);
    expect(server.ended).toBeNull();
    // What it wrote is an ordinary capture, and no program of ours stays.
    const written = client.run('tshark', ['-r', file, '-T', 'fields', '-e', 'frame.comment']);
    expect(written.split('\n').filter(mine)).toHaveLength(lines.length);
    for (let tries = 0; tries < 50 && client.attached('veth0').length > 0; tries++) await new Promise((resolve) => setTimeout(resolve, 100)); // prettier-ignore
    expect(client.attached('veth0')).toEqual([]);
  });
});
