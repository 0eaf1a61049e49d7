// The command as people run it: options, output, exit statuses, signals, pipes.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../lab/child.ts';
import { COMMAND, record, runFlowglass, summarize } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { CHECKOUT } from '../lab/programs.ts';
import { capinfos, tshark } from '../lab/truth.ts';

/** A shell line with `flowglass` in it; pipefail, so that the status is the command's when others are content. */
function shell(line: string, cwd?: string): { status: number | null; stdout: string; stderr: string } {
  const script = `set -o pipefail; flowglass() { "${process.execPath}" "${COMMAND}" "$@"; }; ${line}`;
  return spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    timeout: 60_000,
    ...(cwd === undefined ? {} : { cwd }),
  });
}

const CAPTURE = join(CHECKOUT, 'test/corpus/m-half-close.pcap');

describe('export', () => {
  it('into a pipe: tcpdump reads as many packets as capinfos counts in the original', () => {
    const { status, stdout } = shell(`flowglass export "${CAPTURE}" --format pcap -o - | tcpdump -nn -r - 2>/dev/null`);
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(Number(capinfos(CAPTURE).packets));
  });
  it('from standard input, with a filter, is what it is from a file', () => {
    const options = `--format csv --filter tcp -o -`;
    const piped = shell(`flowglass export - ${options} < "${CAPTURE}"`);
    expect(piped).toMatchObject({ status: 0, stderr: '' });
    expect(piped.stdout).toBe(shell(`flowglass export "${CAPTURE}" ${options}`).stdout);
    expect(piped.stdout.split('\r\n').length).toBeGreaterThan(2);
  });
});

describe('the command line', () => {
  it.each<[string, string[], RegExp]>([
    ['an option given twice', ['record', '-i', 'lo', '-w', '/a', '-w', '/b'], /given twice, -w/],
    ['an interface given twice', ['record', '-i', 'lo,lo', '-w', '/a'], /given twice, lo/],
    ['a missing value', ['record', '-i', 'lo', '-w'], /needs a value, -w/],
    ['an option in place of a value', ['record', '-i', '--all', '-w', '/a'], /needs a value, -i/],
    ['a value for a switch', ['record', '--all=yes', '-w', '/a'], /takes no value, --all/],
    ['an empty value', ['record', '-i', '', '-w', '/a'], /needs a value, -i/],
    ['-i with --all', ['record', '-i', 'lo', '--all', '-w', '/a'], /-i and --all exclude each other/],
    ['--ring without --rotate', ['record', '-i', 'lo', '-w', '/a', '--ring', '2'], /--ring needs --rotate/],
    ['rotation into a pipe', ['record', '-i', 'lo', '-w', '-', '--rotate', '1MB'], /rotation needs files/],
    ['an argument too many', ['summary', 'a', 'b'], /more than one file, b/],
    ['no format', ['export', CAPTURE, '-o', '/a'], /no format, flowglass export, give --format: json/],
    ['a picture', ['export', CAPTURE, '--format', 'svg', '-o', '/a'], /pictures are drawn in the app/],
    [
      'a preset of another format',
      ['export', CAPTURE, '--format', 'csv', '-o', '/a', '--preset', 'plain'],
      /for pcapng/,
    ],
    [
      'a time that is none',
      ['export', CAPTURE, '--format', 'csv', '-o', '/a', '--from', 'noon'],
      /--from cannot be "noon"/,
    ],
    [
      'times the wrong way',
      ['export', CAPTURE, '--format', 'csv', '-o', '-', '--from', '+2s', '--to', '+1s'],
      /later than --to/,
    ],
    ['quiet and a log level', ['interfaces', '--quiet', '--log-level', 'info'], /exclude each other/],
    ['an unknown log level', ['interfaces', '--log-level', 'loud'], /no such log level, loud/],
    ['a word that is no command', ['recrod'], /no such command, recrod/],
  ])('%s: exit 2 and one line', async (_name, args, saying) => {
    const { status, stdout, stderr } = await runFlowglass(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^flowglass: [^\n]+\n$/);
    expect(stderr).toMatch(saying);
  });

  it('shows help and version on standard output', async () => {
    for (const name of ['record', 'summary', 'export', 'open', 'interfaces', 'doctor']) {
      const help = await runFlowglass([name, '--help']);
      expect(help).toMatchObject({ status: 0, stderr: '' });
      expect(help.stdout).toContain(`usage: flowglass ${name}`);
      expect((await runFlowglass(['--help'])).stdout).toContain(`  ${name} `);
    }
    const { version } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'));
    expect((await runFlowglass(['--version'])).stdout).toBe(`flowglass ${version}\n`);
  });

  it('lists the interfaces that the kernel lists, with index, MTU and state', async () => {
    const { status, stdout } = await runFlowglass(['interfaces', '--json']);
    expect(status).toBe(0);
    const list: { name: string; index: number; mtu: number; up: boolean; attach: { ingress: string } }[] =
      JSON.parse(stdout);
    const sysfs = (name: string, file: string) => readFileSync(`/sys/class/net/${name}/${file}`, 'utf8').trim();
    const truth = readdirSync('/sys/class/net').map((name) => ({
      name,
      index: Number(sysfs(name, 'ifindex')),
      mtu: Number(sysfs(name, 'mtu')),
      up: (Number(sysfs(name, 'flags')) & 1) === 1,
    }));
    const listed = list.map(({ name, index, mtu, up }) => ({ name, index, mtu, up }));
    // Other tests make and remove devices meanwhile: those that both saw must agree, and loopback is always there.
    for (const entry of truth.filter(({ name }) => listed.some((other) => other.name === name))) {
      expect(listed).toContainEqual(entry);
    }
    expect(list.find(({ name }) => name === 'lo')).toMatchObject({
      index: 1,
      up: true,
      attach: { ingress: expect.any(String) },
    });
  });

  it('a reader that goes away ends it quietly', () => {
    const many = `for i in $(seq 200); do echo; done`;
    for (const line of ['flowglass interfaces --json | head -c 1', `flowglass summary ${CAPTURE} --json | head -c 1`]) {
      const { stdout, stderr } = shell(`${line}; ${many} > /dev/null`);
      expect(stderr).toBe('');
      expect(stdout).toHaveLength(1);
    }
  });

  it('reads a capture from standard input', () => {
    const direct = JSON.parse(shell(`flowglass summary '${CAPTURE}' --json`).stdout);
    const piped = JSON.parse(shell(`flowglass summary - --json < '${CAPTURE}'`).stdout);
    expect(piped).toEqual(direct);
    expect(shell('echo no capture | flowglass summary -')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^flowglass: [^\n]*standard input[^\n]*\n$/),
    });
  });

  it('a summary can be filtered', () => {
    const flows = (filter: string): number =>
      JSON.parse(shell(`flowglass summary '${CAPTURE}' --json --filter '${filter}'`).stdout).flows.length;
    expect(flows('tcp')).toBe(1);
    expect(flows('udp')).toBe(0);
  });

  it('doctor says what works, as JSON too', async () => {
    const { status, stdout, stderr } = await runFlowglass(['doctor', '--json']);
    expect([status, stderr]).toEqual([0, '']);
    const diagnosis = JSON.parse(stdout);
    const kernel = diagnosis.findings.find(({ name }: { name: string }) => name === 'kernel');
    expect(kernel.detail).toBe(readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
    if (process.getuid?.() === 0) expect(diagnosis.capture).toBe(true);
  });
});

describeAsRoot('recording from the command line', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server, { offloads: false });
  });
  afterAll(() => lab.dispose());

  const out = (name: string): string => join(lab.directory, name);
  const ping = (count: number): void => {
    client.run('ping', ['-q', '-i', '0.02', '-c', String(count), link.right.v4]);
  };

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s to npx’s process group ends it with status 0 and a whole file',
    async (signal) => {
      const file = out(`npx-${signal}.pcapng`);
      const args = ['flowglass', 'record', '--netns', client.path, '-i', 'veth0', '-w', file];
      const npx = lab.care(new Child('npx', args, { cwd: CHECKOUT }));
      await npx.until('recording', (c) => /^flowglass: recording/m.test(c.stderr));
      ping(5);
      npx.kill(signal); // the group, as a terminal does
      const { status, stdout, stderr } = await npx.done;
      expect({ status, stdout, lines: stderr.trim().split('\n').length }).toEqual({ status: 0, stdout: '', lines: 1 });
      const summary = await summarize(file);
      expect(summary.session).toMatchObject({ packets: 10, truncated: false });
      expect(client.attached('veth0')).toEqual([]);
    },
  );

  it('ends by itself after --duration, and --quiet says nothing', async () => {
    const started = performance.now();
    const args = [
      'record',
      '--netns',
      client.path,
      '-i',
      'veth0',
      '-w',
      out('short.pcapng'),
      '--duration',
      '700ms',
      '--quiet',
    ];
    expect(await runFlowglass(args)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(performance.now() - started).toBeGreaterThan(700);
    expect(capinfos(out('short.pcapng')).packets).toBe(0);
  });

  it('writes to standard output, where tshark can follow it', async () => {
    const line = `flowglass record --netns ${client.path} -i veth0 -w - --duration 2 | tshark -r - -T fields -e icmp.seq 2>/dev/null`;
    const running = lab.care(
      new Child('bash', ['-c', `"${process.execPath}" "${COMMAND}" ${line.slice('flowglass '.length)}`]),
    );
    await running.until('recording', (c) => /^flowglass: recording/m.test(c.stderr));
    ping(3);
    const { status, stdout } = await running.done;
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(6);
  });

  it('a reader of the recording that goes away ends it quietly, and nothing stays attached', async () => {
    const line = `"${process.execPath}" "${COMMAND}" record --netns ${client.path} -i veth0 -w - --duration 30 | head -c 100 > /dev/null; echo "{\\"event\\":\\"ended\\",\\"status\\":\${PIPESTATUS[0]}}"`;
    const running = lab.care(new Child('bash', ['-c', line]));
    await running.until('recording', (c) => /^flowglass: recording/m.test(c.stderr));
    for (let i = 0; i < 20 && running.ended === null; i++) {
      ping(20);
      await new Promise((resolve) => setTimeout(resolve, 50)); // ping() blocks; let the end be seen
    }
    expect(await running.event('ended')).toMatchObject({ status: 0 });
    expect((await running.done).stderr.trim().split('\n')).toHaveLength(1);
    expect(client.attached('veth0')).toEqual([]);
  });

  it('--filter stores only what matches and counts the rest as filtered', async () => {
    await server.server(['tcp', '--port', 80, '--mode', 'respond', '--request', 10, '--response', 100]);
    const recorder = await record(lab, client, out('filtered.pcapng'), ['--filter', 'tcp.port == 80']);
    ping(4);
    const traffic = ['tcp', '--to', link.right.v4, '--port', 80, '--send', 10, '--receive', 100, '--exchanges', 3];
    expect((await client.start('client', traffic).done).status).toBe(0);
    const { session } = await recorder.finish();
    const stored = capinfos(recorder.file).packets;
    expect(stored).toBeGreaterThan(6);
    expect(tshark(recorder.file, ['frame.protocols'], ['-Y', '!tcp'])).toEqual([]);
    expect(session.filtered).toBeGreaterThanOrEqual(8);
    expect(session.captured.wirePackets + session.filtered + session.lost.packets).toBe(session.packets);
  });

  it('--filter by process, which no kernel rule knows, is exact in the file', async () => {
    await server.server(['tcp', '--port', 82, '--mode', 'respond', '--request', 10, '--response', 100]);
    const recorder = await record(lab, client, out('by-process.pcapng'), ['--filter', 'process.name == "ping"']);
    ping(4);
    const traffic = ['tcp', '--to', link.right.v4, '--port', 82, '--send', 10, '--receive', 100];
    expect((await client.start('client', traffic).done).status).toBe(0);
    const { session } = await recorder.finish();
    expect(tshark(recorder.file, ['frame.protocols'], ['-Y', 'tcp'])).toEqual([]);
    expect(capinfos(recorder.file).packets).toBe(8);
    expect(session.captured.wirePackets + session.filtered + session.lost.packets).toBe(session.packets);
  });

  it('--no-packets keeps flows and a small file', async () => {
    const recorder = await record(lab, client, out('flows.pcapng'), ['--no-packets']);
    ping(50);
    const summary = await recorder.finish();
    expect(capinfos(recorder.file).packets).toBe(0);
    expect(summary.session).toMatchObject({ packets: 100, captured: { packets: 0 } });
    expect(summary.flows).toHaveLength(1);
  });

  it('--rotate and --ring keep the last files, each of which opens by itself', async () => {
    const recorder = await record(lab, client, out('ring.pcapng'), ['--rotate', '500ms', '--ring', '2']);
    for (let i = 0; i < 5; i++) {
      ping(10);
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    expect((await recorder.child.stop('SIGINT', 10_000)).status).toBe(0);
    const files = readdirSync(lab.directory).filter((name) => name.startsWith('ring'));
    expect(files).toHaveLength(2);
    expect(files).not.toContain('ring.pcapng');
    for (const name of files) {
      expect(() => capinfos(out(name))).not.toThrow();
      expect((await summarize(out(name))).session.truncated).toBe(false);
    }
  });

  it('--all watches every interface of the namespace', async () => {
    const recorder = await record(lab, client, out('all.pcapng'), ['--all']);
    client.run('ping', ['-q', '-c', '1', '127.0.0.1']);
    ping(1);
    const { session, flows } = await recorder.finish();
    expect(session.interfaces.map(({ name }) => name).sort()).toEqual(['lo', 'veth0']);
    expect(flows.map((flow) => flow.interface).sort()).toEqual(['lo', 'veth0']);
  });

  it('under sudo the file belongs to who called it, and to nobody else', () => {
    const file = out('sudo.pcapng');
    const line = `SUDO_UID=65534 SUDO_GID=65534 flowglass record --netns ${client.path} -i veth0 -w '${file}' --duration 500ms`;
    expect(shell(line).status).toBe(0);
    const { uid, gid, mode } = statSync(file);
    expect([uid, gid, mode & 0o777]).toEqual([65534, 65534, 0o600]);
  });

  it('a failure leaves an existing file alone, even with --force', async () => {
    const file = out('kept.pcapng');
    writeFileSync(file, 'precious');
    const args = ['record', '--netns', client.path, '-i', 'nothing0', '-w', file, '--force'];
    expect((await runFlowglass(args)).status).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect(existsSync(out('nothing'))).toBe(false);
  });
});
