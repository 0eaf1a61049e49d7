// Whose connection is it: right or null with a reason, never wrong.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LabEvent } from '../lab/child.ts';
import { type Flow, flowOf, record, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { labProgram } from '../lab/programs.ts';
import { readPacketBlocks } from '../lab/truth.ts';

describeAsRoot('attribution', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
  });
  afterAll(() => lab.dispose());

  const connect = (...args: (string | number)[]) => client.start('client', ['tcp', '--to', link.right.v4, ...args]);
  const closedOf = (events: LabEvent[]) => events.filter((event) => event.event === 'closed');

  /** Counts flows whose process is right, unknown with a reason, and wrong. */
  function judge(summary: Summary, side: 'client' | 'server', truth: Map<number, number>) {
    const verdict = { right: 0, unknown: 0, wrong: [] as string[] };
    for (const [port, pid] of truth) {
      const flow = flowOf(summary, port);
      const process = flow[`${side}Process`];
      if (process === null) {
        verdict.unknown++;
        expect(flow[`${side}ProcessUnknown`], `reason of port ${port}`).toEqual(expect.any(String));
      } else if (process.pid === pid) verdict.right++;
      else verdict.wrong.push(`port ${port}: ${process.pid} (${process.name}) instead of ${pid}`);
    }
    return verdict;
  }

  it('200 processes that live for a millisecond are named right, by pid, name and program', async () => {
    await server.server(['tcp', '--port', 80, '--mode', 'respond', '--request', 50, '--response', 500]);
    const recorder = await record(lab, client, join(lab.directory, 'swarm.pcapng'));
    const program = labProgram('client');
    const swarm = client.start('swarm', [
      program, 200, 4, 'tcp', '--to', link.right.v4, '--port', 80, '--send', 50, '--receive', 500,
    ]); // prettier-ignore
    expect(await swarm.event('swarm')).toMatchObject({ started: 200, failed: 0 });
    const summary = await recorder.finish();
    const truth = new Map(closedOf(swarm.events).map((e) => [Number(e['localPort']), Number(e['pid'])]));
    expect(truth.size).toBe(200);
    expect(summary.flows).toHaveLength(200);
    const verdict = judge(summary, 'client', truth);
    expect(verdict.wrong).toEqual([]);
    expect(verdict.right).toBeGreaterThanOrEqual(198); // unknown < 1 %
    for (const flow of summary.flows) {
      if (flow.clientProcess === null) continue;
      expect(flow.clientProcess).toMatchObject({
        name: 'lab-client',
        parentPid: swarm.pid,
        uid: 0,
        netns: client.inode,
      });
      if (flow.clientProcess.exe !== null) expect(flow.clientProcess.exe).toBe(program);
      expect(flow.clientProcess.commandLine).toContain(`--to ${link.right.v4} --port 80`);
    }
    expect(summary.session.lost.events).toBe(0);
    // The file itself: option 8 of every packet that has one names the right process.
    const pids = new Set(truth.values());
    const { packets } = readPacketBlocks(recorder.file);
    const owned = packets.filter((packet) => packet.pid !== null && packet.pid !== 0);
    expect(owned.filter((packet) => !pids.has(packet.pid ?? 0))).toEqual([]);
    expect(owned.length).toBeGreaterThan(packets.length * 0.9);
  }, 60_000);

  it('connections from before the start are named, on both sides', async () => {
    const echo = await server.server(['tcp', '--port', 81, '--mode', 'echo']);
    const dgram = await server.server(['udp', '--port', 82, '--mode', 'echo']);
    const waiting = [
      connect('--port', 81, '--send', 10, '--receive', 10, '--exchanges', 3, '--wait'),
      client.start('client', [
        'tcp',
        '--to',
        link.right.v6,
        '--port',
        81,
        '--send',
        10,
        '--receive',
        10,
        '--exchanges',
        3,
        '--wait',
      ]),
      client.start('client', [
        'udp',
        '--to',
        link.right.v4,
        '--port',
        82,
        '--send',
        10,
        '--count',
        3,
        '--echo',
        '--wait',
      ]),
    ];
    for (const child of waiting) await child.event('ready');
    const recorders = [
      await record(lab, client, join(lab.directory, 'before-client.pcapng')),
      await record(lab, server, join(lab.directory, 'before-server.pcapng')),
    ];
    await settle(300);
    for (const child of waiting) child.write('\n');
    for (const child of waiting) await child.event('closed');
    const [atClient, atServer] = await Promise.all(recorders.map((recorder) => recorder.finish()));
    if (atClient === undefined || atServer === undefined) throw new Error('unreachable');
    for (const [index, child] of waiting.entries()) {
      const port = child.events[0]?.['localPort'];
      const protocol = index === 2 ? 'udp' : 'tcp';
      const near = flowOf(atClient, port, protocol);
      expect([child.command, near.clientProcess?.pid]).toEqual([child.command, child.pid]);
      // What they were started with, though that was before the recording.
      const command = readFileSync(`/proc/${echo.pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
      expect(near.clientProcess?.commandLine).toBe(child.command.replace(/^nsenter \S+ /, ''));
      expect(near.clientProcess?.exe).toBe(labProgram('client'));
      if (index !== 2) expect(flowOf(atServer, port, protocol).serverProcess?.commandLine).toBe(command);
      const far = flowOf(atServer, port, protocol);
      expect([child.command, far.serverProcess?.pid]).toEqual([child.command, (index === 2 ? dgram : echo).pid]);
    }
  }, 60_000);

  it('an accept belongs to the forked child that serves it, never to the parent nor to the client', async () => {
    const forking = await server.server([
      'tcp',
      '--port',
      83,
      '--mode',
      'respond',
      '--request',
      10,
      '--response',
      10,
      '--fork',
      'accept',
    ]);
    const prefork = await server.server([
      'tcp',
      '--port',
      84,
      '--mode',
      'respond',
      '--request',
      10,
      '--response',
      10,
      '--fork',
      'prefork',
    ]);
    const recorder = await record(lab, server, join(lab.directory, 'fork.pcapng'));
    for (const port of [83, 84]) {
      const run = connect('--port', port, '--send', 10, '--receive', 10, '--connections', 10);
      expect((await run.done).status).toBe(0);
    }
    await settle(100);
    const summary = await recorder.finish();
    const served = [...closedOf(forking.events), ...closedOf(prefork.events)];
    expect(served).toHaveLength(20);
    const verdict = judge(summary, 'server', new Map(served.map((e) => [Number(e['peerPort']), Number(e['pid'])])));
    expect(verdict.wrong).toEqual([]);
    expect(verdict.right).toBe(20);
    for (const flow of summary.flows) {
      expect(flow.serverProcess?.pid).not.toBe(forking.pid);
      expect(flow).toMatchObject({ clientProcess: null, clientProcessUnknown: 'remote' });
    }
  }, 60_000);

  it('a connection nobody has read from or written to is not given to the listener', async () => {
    // The kernel completes the handshake; lab-server in fork mode is stopped, so nobody ever accepts.
    const listener = await server.server(['tcp', '--port', 85, '--mode', 'sink']);
    listener.signal('SIGSTOP');
    const recorder = await record(lab, server, join(lab.directory, 'unaccepted.pcapng'));
    const run = connect('--port', 85, '--send', 0, '--hold-ms', 300, '--reset');
    const closed = await run.event('closed');
    const summary = await recorder.finish();
    listener.signal('SIGCONT');
    const flow: Flow = flowOf(summary, closed['localPort']);
    expect(flow.serverProcess).toBeNull();
    expect(flow.serverProcessUnknown).toEqual(expect.any(String));
    expect(flow.serverProcessUnknown).not.toBe('remote');
  }, 60_000);
});
