// Bad input: one clear sentence, the right exit status, nothing on standard output, nothing left behind.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../lab/child.ts';
import { cutFile } from '../lab/capture-files.ts';
import { COMMAND, record, runFlowglass, summarize } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { capinfos, readPacketBlocks } from '../lab/truth.ts';

/** One line beginning `flowglass: `, nothing on standard output, the exit status, and not a stack trace. */
async function expectComplaint(args: readonly string[], status: number, saying: RegExp): Promise<void> {
  const outcome = await runFlowglass(args);
  expect(outcome.stdout, 'standard output').toBe('');
  expect(outcome.stderr).toMatch(/^flowglass: [^\n]+\n$/);
  expect(outcome.stderr).toMatch(saying);
  expect(outcome.status, outcome.stderr).toBe(status);
}

describe('files that cannot be read', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'flowglass-input-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const file = (name: string, content: string | Buffer) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };

  it('missing', () => expectComplaint(['summary', join(directory, 'nowhere.pcapng')], 1, /nowhere\.pcapng/));
  it('empty', () => expectComplaint(['summary', file('empty.pcapng', '')], 1, /empty/));
  it('not a capture', () =>
    expectComplaint(['summary', file('letter.txt', 'Dear reader,\n'.repeat(100))], 1, /letter\.txt/));
  it('a directory', () => expectComplaint(['summary', directory], 1, /directory/));
  it('a name with control characters is shown escaped', async () => {
    const outcome = await runFlowglass(['summary', join(directory, 'a\u001b[31mred\nline')]);
    expect(outcome.stderr).not.toContain('\u001b');
    expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('options that are wrong', () => {
  const output = () => join(tmpdir(), `flowglass-never-${process.pid}.pcapng`);
  it.each<[string, string[], RegExp]>([
    ['an unknown command', ['recrod'], /recrod/],
    ['an unknown option', ['record', '--colour', 'red', '-i', 'lo', '-w', output()], /--colour/],
    ['record without a source', ['record', '-w', output()], /-i|--all/],
    ['record without an output', ['record', '-i', 'lo'], /-w/],
    ['summary without a file', ['summary'], /FILE|file/],
    ['a duration that is none', ['record', '-i', 'lo', '-w', output(), '--duration', 'soon'], /soon/],
    ['a negative snaplen', ['record', '-i', 'lo', '-w', output(), '--snaplen=-1'], /snaplen|-1/],
    ['an unknown rung', ['record', '-i', 'lo', '-w', output(), '--attach', 'kprobe'], /kprobe/],
    [
      'a filter that cannot be read',
      ['record', '-i', 'lo', '-w', output(), '--filter', 'tcp.port =='],
      /filter|expected|end/i,
    ],
  ])('%s: exit 2', async (_name, args, saying) => {
    await expectComplaint(args, 2, saying);
    expect(existsSync(output())).toBe(false);
  });
});

describeAsRoot('recording that cannot be', () => {
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

  it('an unknown interface: names the ones there are', async () => {
    const output = join(lab.directory, 'unknown.pcapng');
    await expectComplaint(
      ['record', '--netns', client.path, '-i', 'eth7', '-w', output],
      1,
      /eth7.*(lo.*veth0|veth0.*lo)/,
    );
    expect(existsSync(output)).toBe(false);
  });

  it('an unknown namespace', async () => {
    const output = join(lab.directory, 'netns.pcapng');
    await expectComplaint(['record', '--netns', 'fgl-nowhere', '-i', 'veth0', '-w', output], 1, /fgl-nowhere/);
  });

  it('an output that exists is refused and not touched, and --force replaces it', async () => {
    const output = join(lab.directory, 'precious.pcapng');
    writeFileSync(output, 'precious');
    await expectComplaint(
      ['record', '--netns', client.path, '-i', 'veth0', '-w', output, '--duration', '1'],
      1,
      /precious\.pcapng.*--force/,
    );
    expect(readFileSync(output, 'utf8')).toBe('precious');
    const outcome = await runFlowglass([
      'record',
      '--netns',
      client.path,
      '-i',
      'veth0',
      '-w',
      output,
      '--duration',
      '500ms',
      '--force',
    ]);
    expect(outcome.status).toBe(0);
    expect(capinfos(output).packets).toBe(0);
  });

  it('an output in a directory that is not there', () =>
    expectComplaint(
      ['record', '--netns', client.path, '-i', 'veth0', '-w', join(lab.directory, 'no/such.pcapng')],
      1,
      /no\/such\.pcapng/,
    ));

  it('no privilege: exit 3 and the one thing to do', (context) => {
    const nobody = (program: string, args: string[]) =>
      spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', program, ...args], {
        encoding: 'utf8',
        timeout: 30_000,
        env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
        cwd: '/',
      });
    const readable = nobody(process.execPath, [COMMAND, '--version']);
    if (readable.status !== 0) {
      process.stderr.write(`left out (an ordinary user cannot read this checkout): no privilege\n`);
      context.skip();
    }
    const output = join(tmpdir(), `flowglass-nobody-${process.pid}.pcapng`);
    const outcome = nobody(process.execPath, [COMMAND, 'record', '-i', 'lo', '-w', output, '--duration', '1']);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toMatch(/^flowglass: [^\n]+\n$/);
    expect(outcome.stderr).toMatch(/sudo|pkexec|setcap|root/);
    expect(outcome.status).toBe(3);
    expect(existsSync(output)).toBe(false);
  });

  /** Records onto a disk of that many megabytes until it says something; the disk vanishes with its mount namespace. */
  async function recordOnto(megabytes: number, name: string, traffic: readonly (string | number)[]) {
    const disk = join(lab.directory, `disk-${name}`);
    const saved = join(lab.directory, `${name}.pcapng`);
    const script = `mkdir -p ${disk}; mount -t tmpfs -o size=${megabytes}m tmpfs ${disk};
      "$0" ${COMMAND} record --netns ${client.path} -i veth0 --snaplen 0 -w ${disk}/${name}.pcapng --duration 30; status=$?;
      df --output=avail -B1 ${disk} | tail -1 > ${saved}.free; cp ${disk}/${name}.pcapng ${saved}; exit $status`;
    const recorder = lab.care(new Child('unshare', ['-m', 'sh', '-c', script, process.execPath]));
    await recorder.until('recording', (c) => /^flowglass: recording/m.test(c.stderr));
    const sending = client.start('client', ['tcp', '--to', link.right.v4, ...traffic]);
    const { status, stdout, stderr } = await recorder.done;
    await sending.stop();
    expect(stdout).toBe('');
    const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('flowglass: record'));
    expect(complaints).toHaveLength(1);
    expect(status).toBe(1);
    expect(client.attached('veth0')).toEqual([]);
    const { packets } = readPacketBlocks(saved);
    const { session } = await summarize(saved);
    expect(session.captured.packets).toBe(packets.length);
    const captured = packets.reduce((sum, packet) => sum + packet.captured, 0);
    return { complaint: complaints[0]!, session, captured, freeBytes: Number(readFileSync(`${saved}.free`, 'utf8')) };
  }

  it('disk full at once: one sentence, exit 1, what was written stays readable, nothing attached', async () => {
    await server.server(['tcp', '--port', 80, '--mode', 'sink']);
    const { complaint, captured } = await recordOnto(1, 'full', ['--port', 80, '--send', 5_000_000]);
    // Faster than free space is looked at, or not.
    expect(complaint).toMatch(/^flowglass: .*(no space left|nearly full).*full\.pcapng/i);
    // How many packets that is depends on how much TCP sends at once; most of the disk holds them in any case.
    expect(captured).toBeGreaterThan(500_000);
  }, 60_000);

  it('disk that fills: the recording ends in order before it is full, a twentieth of it left free', async () => {
    await server.server(['tcp', '--port', 83, '--mode', 'respond', '--request', 10_000, '--response', 100]);
    const size = ['--send', 10_000, '--receive', 100, '--exchanges', 100_000, '--pause-ms', 5];
    const { complaint, session, freeBytes } = await recordOnto(16, 'filling', ['--port', 83, ...size]);
    expect(complaint).toMatch(/^flowglass: the disk is nearly full, so the recording was ended, .*filling\.pcapng, it is complete up to here and opens; 1 MB are left free: make room and record again$/); // prettier-ignore
    expect(session.truncated).toBe(false);
    expect(session.captured.wirePackets).toBeGreaterThan(1000);
    expect(freeBytes).toBeGreaterThan(500_000);
    expect(freeBytes).toBeLessThan(4_000_000);
  }, 60_000);

  /** The command in a mount namespace of its own, after a change that exists only there. */
  const changed = (change: string, args: string[]) =>
    lab.care(
      new Child('unshare', ['-m', 'sh', '-ec', `${change}; exec "$0" "$@"`, process.execPath, COMMAND, ...args], {
        timeoutMs: 30_000,
      }),
    );

  it('a kernel without BTF: one sentence, exit 1', async () => {
    const output = join(lab.directory, 'btf.pcapng');
    const { status, stdout, stderr } = await changed('mount --bind /dev/null /sys/kernel/btf/vmlinux', [
      'record', '--netns', client.path, '-i', 'veth0', '-w', output, '--duration', '1',
    ]).done; // prettier-ignore
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^flowglass: [^\n]*BTF[^\n]*\n$/);
    expect(status).toBe(1);
    expect(existsSync(output)).toBe(false);
    expect(client.attached('veth0')).toEqual([]);
  });

  it('a hook that is missing: that feature is off, said once, and everything else works', async () => {
    await server.server(['tcp', '--port', 86, '--mode', 'respond', '--request', 10, '--response', 10]);
    const output = join(lab.directory, 'hook.pcapng');
    // without a cgroup2 mount there is no socket creation hook
    const recorder = changed('for m in $(grep " cgroup2 " /proc/self/mounts | cut -d" " -f2); do umount "$m"; done', [
      'record', '--netns', client.path, '-i', 'veth0', '-w', output, '--duration', '60',
    ]); // prettier-ignore
    await recorder.until('recording', (c) => /^flowglass: recording/m.test(c.stderr));
    const run = client.start('client', ['tcp', '--to', link.right.v4, '--port', 86, '--send', 10, '--receive', 10]);
    const closed = await run.event('closed');
    const { status, stderr } = await recorder.stop('SIGINT', 10_000);
    expect(status, stderr).toBe(0);
    expect(stderr.match(/cgroup/g)).toHaveLength(1);
    expect(stderr).not.toMatch(/\n\s+at /);
    const summary = await summarize(output);
    expect(summary.flows).toHaveLength(1);
    expect(summary.flows[0]?.client.port).toBe(closed['localPort']);
    expect(summary.flows[0]?.clientProcess?.pid).toBe(run.pid); // from connect instead
  }, 30_000);

  it('a cut file: everything whole is read, truncated says so, at any place of the cut', async () => {
    await server.server(['tcp', '--port', 81, '--mode', 'respond', '--request', 10, '--response', 1000]);
    const recorder = await record(lab, client, join(lab.directory, 'whole.pcapng'));
    const traffic = client.start('client', [
      'tcp',
      '--to',
      link.right.v4,
      '--port',
      81,
      '--send',
      10,
      '--receive',
      1000,
      '--exchanges',
      100,
    ]);
    expect((await traffic.done).status).toBe(0);
    expect((await recorder.finish()).session.truncated).toBe(false);
    for (const fraction of [0.9, 0.37]) {
      const cut = join(lab.directory, `cut-${fraction}.pcapng`);
      writeFileSync(cut, readFileSync(recorder.file));
      cutFile(cut, fraction);
      const summary = await summarize(cut);
      expect(summary.session.truncated).toBe(true);
      expect(summary.session.captured.packets).toBe(readPacketBlocks(cut).packets.length);
    }
  }, 30_000);

  it('an interface that goes away while recording: the recording ends or waits, and the file stays whole', async () => {
    client.ip('link add gone0 type veth peer name gone1', 'link set gone0 up', 'link set gone1 up');
    const recorder = await record(lab, client, join(lab.directory, 'gone.pcapng'), ['-i', 'gone0']);
    client.ip('link del gone0');
    await settle(500);
    const { stderr } = await recorder.child.stop('SIGINT', 10_000);
    expect(stderr).not.toMatch(/\n\s+at /); // no stack trace
    expect((await summarize(recorder.file)).session.truncated).toBe(false);
  }, 30_000);
});
