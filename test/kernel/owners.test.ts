// Sockets that change hands, and the other ways to own one: right, or null with the right reason, never wrong.
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Child, LabEvent } from '../lab/child.ts';
import { type Flow, flowOf, record, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { has, Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { labProgram } from '../lab/programs.ts';
import { readPacketBlocks } from '../lab/truth.ts';

const LONG_NAME = 'a-program-whose-name-has-forty-letters-x';
const ECHO = 90;

describeAsRoot('owners', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  let echo: Child;

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    echo = await server.server(['tcp', '--port', ECHO, '--mode', 'echo', '--seconds', 300], { timeoutMs: 300_000 });
  });
  afterAll(() => lab.dispose());

  const owners = (what: string, ...more: (string | number)[]) =>
    client.start('owners', [what, '--to', link.right.v4, '--port', ECHO, ...more]);
  const uses = (child: Child) => child.events.filter((event) => event.event === 'used');
  const finished = async (child: Child): Promise<LabEvent[]> => {
    const { status, stderr } = await child.done;
    if (status !== 0) throw new Error(`${child.command}: ${stderr}`);
    return uses(child);
  };
  const processOf = (flow: Flow, side: 'client' | 'server') =>
    flow[`${side}Process`]?.pid ?? flow[`${side}ProcessUnknown`];

  it('handed over fork, exec and SCM_RIGHTS: each owner in turn, by what it was then', async () => {
    const program = join(lab.directory, LONG_NAME);
    copyFileSync(labProgram('owners'), program);
    chmodSync(program, 0o755);
    const recorder = await record(lab, client, join(lab.directory, 'handed.pcapng'));
    const forked = owners('fork');
    const child = owners('child');
    const execed = owners('exec', '--program', program);
    const passed = owners('pass');
    const used = await Promise.all([forked, child, execed, passed].map(finished));
    await settle(100);
    const summary = await recorder.finish();
    const history = (events: LabEvent[] | undefined) => flowOf(summary, events?.[0]?.['localPort']).owners;
    const pids = (events: LabEvent[] | undefined) => history(events).map(({ process }) => process.pid);

    expect(used[0]?.map((event) => event['role'])).toEqual(['parent', 'child', 'parent']);
    expect(pids(used[0])).toEqual(used[0]?.map((event) => event['pid']));
    expect(pids(used[1])).toEqual([child.pid, used[1]?.[0]?.['pid']]);
    expect(flowOf(summary, used[1]?.[0]?.['localPort']).clientProcess?.pid).toBe(child.pid); // who connected
    expect(used[3]?.map((event) => event['role'])).toEqual(['sender', 'receiver']);
    expect(pids(used[3])).toEqual(used[3]?.map((event) => event['pid']));

    expect(pids(used[2])).toEqual([execed.pid, execed.pid]);
    expect(history(used[2]).map(({ process }) => [process.name, process.exe])).toEqual([
      ['lab-owners', labProgram('owners')],
      [LONG_NAME, program],
    ]);
    expect(flowOf(summary, used[2]?.[0]?.['localPort']).clientProcess).toMatchObject({
      pid: execed.pid,
      name: 'lab-owners', // who it was when it connected, not what it became
      commandLine: expect.stringContaining('lab-owners exec --to') as unknown,
    });
    for (const flow of summary.flows) expect([flow.serverProcess, flow.serverProcessUnknown]).toEqual([null, 'remote']);
  }, 60_000);

  it('names: forty letters in full, a thread by its leader, a script by what runs it and which', async () => {
    const program = join(lab.directory, LONG_NAME);
    copyFileSync(labProgram('client'), program);
    chmodSync(program, 0o755);
    const bash = join(lab.directory, 'ask.sh');
    writeFileSync(bash, '#!/bin/bash\nexec 3<>/dev/tcp/$1/$2\nprintf 0123456789 >&3\nread -r -n 10 <&3\n', {
      mode: 0o755,
    });
    const python = join(lab.directory, 'ask.py');
    writeFileSync(
      python,
      'import socket, sys\ns = socket.create_connection((sys.argv[1], int(sys.argv[2])))\ns.sendall(b"0123456789")\ns.recv(10)\n',
    );
    const recorder = await record(lab, client, join(lab.directory, 'names.pcapng'));
    const long = client.spawn(program, ['tcp', '--to', link.right.v4, '--port', String(ECHO), '--send', '9', '--receive', '9']); // prettier-ignore
    const thread = owners('thread');
    const scripts = [client.spawn(bash, [link.right.v4, String(ECHO)])];
    if (has('python3')) scripts.push(client.spawn('python3', [python, link.right.v4, String(ECHO)]));
    await long.event('closed');
    const [inThread] = await finished(thread);
    for (const script of scripts) expect((await script.done).status).toBe(0);
    await settle(300);
    const summary = await recorder.finish();

    const closed = long.events.find(({ event }) => event === 'closed');
    expect(flowOf(summary, closed?.['localPort']).clientProcess).toMatchObject({ pid: long.pid, name: LONG_NAME, exe: program }); // prettier-ignore

    expect(inThread?.['tid']).not.toBe(thread.pid);
    expect(flowOf(summary, inThread?.['localPort']).clientProcess).toMatchObject({
      pid: thread.pid,
      name: 'lab-owners',
    });
    const blocks = readPacketBlocks(recorder.file).packets.filter(({ pid }) => pid === thread.pid);
    expect(blocks.length).toBeGreaterThan(5);
    expect(new Set(blocks.map(({ tid }) => tid))).toEqual(new Set([inThread?.['tid']]));

    for (const [script, path] of [
      [scripts[0], bash],
      [scripts[1], python],
    ] as const) {
      // prettier-ignore
      if (script === undefined) continue;
      // python3 may be a wrapper that runs another: the process that connected is this one or its child
      const flow = summary.flows.find(({ clientProcess }) => clientProcess?.commandLine?.includes(path));
      expect(flow, path).toBeDefined();
      if (path === bash) expect(flow?.clientProcess).toMatchObject({ pid: script.pid, name: 'ask.sh' });
      expect(flow?.clientProcess?.exe).toMatch(path === bash ? /\/bash$/ : /\/python3/);
    }
  }, 60_000);

  it('io_uring: the process that asked, also when a kernel thread of its own does it', async () => {
    const recorder = await record(lab, client, join(lab.directory, 'uring.pcapng'));
    const plain = owners('uring');
    const polled = owners('uring', '--poll');
    await Promise.all([plain.done, polled.done]);
    await settle(100);
    const summary = await recorder.finish();
    if ([plain, polled].some((child) => child.events.some(({ event }) => event === 'unsupported'))) {
      process.stderr.write('left out: io_uring is switched off here\n');
      return;
    }
    for (const child of [plain, polled]) {
      const [event] = await finished(child);
      const flow = flowOf(summary, event?.['localPort']);
      expect([child.command, processOf(flow, 'client')]).toEqual([child.command, child.pid]);
      expect(flow.clientProcess?.name).toBe('lab-owners');
      expect(flow.owners).toEqual([]);
    }
  }, 60_000);

  it('several workers of one listener, several listeners of one port, IPv4 on an IPv6 socket: who served', async () => {
    const shared = server.start('owners', ['workers', '--port', 91, '--count', 4]);
    const own = server.start('owners', ['workers', '--port', 92, '--count', 4, '--reuseport']);
    await Promise.all([shared.event('listening'), own.event('listening')]);
    const recorder = await record(lab, server, join(lab.directory, 'workers.pcapng'));
    for (const port of [91, 92]) {
      for (const to of [link.right.v4, link.right.v6]) {
        const swarm = client.start('swarm', [labProgram('client'), 40, 8, 'tcp', '--to', to, '--port', port, '--send', 10, '--receive', 10]); // prettier-ignore
        expect(await swarm.event('swarm')).toMatchObject({ started: 40, failed: 0 });
      }
    }
    await settle(200);
    const summary = await recorder.finish();
    for (const [workers, port] of [
      [shared, 91],
      [own, 92],
    ] as const) {
      // prettier-ignore
      const truth = uses(workers);
      expect(truth).toHaveLength(80);
      expect(new Set(truth.map((event) => event['pid'])).size).toBeGreaterThan(1);
      const flows = summary.flows.filter((flow) => flow.server.port === port);
      expect(flows.map(({ family }) => family).sort()).toEqual([...Array(40).fill(4), ...Array(40).fill(6)]);
      const found = truth.map((event) => {
        const flow = flows.find(({ client: end }) => end.port === event['peerPort']);
        return flow === undefined ? 'no flow' : processOf(flow, 'server');
      });
      expect(found).toEqual(truth.map((event) => event['pid']));
    }
  }, 60_000);

  it('UDP servers, connected and not, with several clients each; never a server that has the port of the peer', async () => {
    const open = await server.server(['udp', '--port', 93, '--mode', 'echo']);
    await client.server(['udp', '--port', 93, '--mode', 'echo']); // nobody asks it
    const connected = server.start('owners', ['udp', '--port', 94, '--clients', 4]);
    await connected.event('listening');
    const recorders = [
      await record(lab, client, join(lab.directory, 'udp-client.pcapng')),
      await record(lab, server, join(lab.directory, 'udp-server.pcapng')),
    ];
    const ask = (port: number, to: string, ...more: string[]) =>
      client.start('client', ['udp', '--to', to, '--port', port, '--send', 30, '--count', port === 93 ? 3 : 1, '--echo', ...more]); // prettier-ignore
    const clients: Child[] = [];
    for (const to of [link.right.v4, link.right.v6]) {
      clients.push(ask(93, to), ask(93, to, '--unconnected'), ask(93, to));
      for (const port of [94, 94]) {
        const one = ask(port, to);
        await one.done; // one after the other: each connects the server's next socket
        clients.push(one);
      }
    }
    for (const one of clients) expect((await one.event('closed'))['errno']).toBe(0);
    await settle(200);
    const [atClient, atServer] = (await Promise.all(recorders.map((r) => r.finish()))) as [Summary, Summary];
    for (const one of clients) {
      const port = one.events[0]?.['localPort'];
      const near = flowOf(atClient, port, 'udp');
      expect([one.command, processOf(near, 'client'), near.serverProcessUnknown]).toEqual([one.command, one.pid, 'remote']); // prettier-ignore
      const far = flowOf(atServer, port, 'udp');
      const served = far.server.port === 93 ? open.pid : connected.pid;
      expect([one.command, processOf(far, 'server'), far.clientProcessUnknown]).toEqual([one.command, served, 'remote']); // prettier-ignore
    }
  }, 60_000);

  it('a datagram whose sender is gone before the neighbour is found', async () => {
    server.ip('addr add 10.77.3.50/24 dev veth0'); // nobody has its hardware address yet, and the first request is lost
    server.run('nft', ['-f', '-'], 'add table arp lab\nadd chain arp lab in { type filter hook input priority 0 ; }\nadd rule arp lab in numgen inc mod 2 0 drop\n'); // prettier-ignore
    const recorder = await record(lab, client, join(lab.directory, 'gone.pcapng'));
    const gone = client.start('client', ['udp', '--to', '10.77.3.50', '--port', 96, '--send', 20]);
    const closed = await gone.event('closed');
    await gone.done;
    await settle(1400);
    const flow = flowOf(await recorder.finish(), closed['localPort'], 'udp');
    server.run('nft', ['delete', 'table', 'arp', 'lab']);
    expect([processOf(flow, 'client'), flow.clientProcess?.name]).toEqual([gone.pid, 'lab-client']);
  }, 60_000);

  it('a port pair that another program uses within a second begins a new flow that inherits nothing', async () => {
    const other = join(lab.directory, 'lab-other');
    copyFileSync(labProgram('client'), other);
    chmodSync(other, 0o755);
    const recorder = await record(lab, client, join(lab.directory, 'reused.pcapng'));
    const truth: { protocol: string; pid: number; name: string }[] = [];
    for (let i = 0; i < 16; i++) {
      const tcp = i % 4 < 2;
      const program = i % 2 === 0 ? labProgram('client') : other;
      const target = ['--to', link.right.v4, '--local-port', '5555', '--send', '10'];
      const args = tcp
        ? ['tcp', '--port', String(ECHO), '--receive', '10', '--reset', ...target]
        : ['udp', '--port', '95', ...target];
      const child = client.spawn(program, args);
      expect((await child.event('closed'))['errno']).toBe(0);
      await child.done;
      truth.push({ protocol: args[0] ?? '', pid: child.pid, name: i % 2 === 0 ? 'lab-client' : 'lab-other' });
    }
    const summary = await recorder.finish();
    for (const protocol of ['tcp', 'udp']) {
      const flows = summary.flows.filter((flow) => flow.protocol === protocol && flow.client.port === 5555);
      const found = flows
        .sort((a, b) => (a.started < b.started ? -1 : 1))
        .map((flow) => ({
          protocol,
          pid: flow.clientProcess?.pid,
          name: flow.clientProcess?.name,
          owners: flow.owners,
        }));
      const wanted = truth.filter((each) => each.protocol === protocol).map((each) => ({ ...each, owners: [] }));
      expect(found).toEqual(wanted);
    }
  }, 60_000);

  it('2,000 processes of as many names, over a hundred a second: at least 99 % named, none wrong', async () => {
    const directory = join(lab.directory, 'names');
    mkdirSync(directory);
    const recorder = await record(lab, client, join(lab.directory, 'many.pcapng'));
    const many = client.start('owners', [
      'numbered', '--directory', directory, '--program', labProgram('client'), '--count', 2000, '--every-us', 5000,
      '--', 'tcp', '--to', link.right.v4, '--port', ECHO, '--send', 10, '--receive', 10,
    ]); // prettier-ignore
    const end = await many.event('numbered', 55_000);
    expect(end['failed']).toBe(0);
    expect(2000 / (Number(end['durationNs']) / 1e9)).toBeGreaterThan(100);
    const summary = await recorder.finish();
    const names = new Map(many.events.filter((e) => e.event === 'started').map((e) => [e['pid'], e['name']]));
    const closed = many.events.filter((e) => e.event === 'closed');
    expect([names.size, closed.length, summary.flows.length]).toEqual([2000, 2000, 2000]);
    const byPort = new Map(summary.flows.map((flow) => [flow.client.port, flow]));
    let right = 0;
    const wrong: unknown[] = [];
    for (const event of closed) {
      const flow = byPort.get(Number(event['localPort']));
      const process = flow?.clientProcess;
      if (process === null || process === undefined) continue;
      const name = names.get(event['pid']);
      if (process.pid === event['pid'] && process.name === name) right++;
      else wrong.push([event['localPort'], event['pid'], name, process]);
    }
    expect(wrong).toEqual([]);
    expect(right).toBeGreaterThanOrEqual(1980);
    // Its file: no packet of any of them names another process.
    const { packets } = readPacketBlocks(recorder.file);
    expect(packets.filter(({ pid }) => pid !== null && pid !== 0 && !names.has(pid))).toEqual([]);
    expect(summary.session.lost).toEqual({ events: 0, packets: 0, flowPackets: 0 });
  }, 90_000);

  it('connections opened while we attach: right on both sides, or unknown with a reason', async () => {
    const swarm = client.start('swarm', [
      labProgram('client'), 1500, 200, 'tcp', '--to', link.right.v4, '--port', ECHO, '--send', 10, '--receive', 10,
      '--exchanges', 2, '--pause-ms', 500,
    ]); // prettier-ignore
    await settle(300);
    const recorders = await Promise.all([
      record(lab, client, join(lab.directory, 'window-client.pcapng')),
      record(lab, server, join(lab.directory, 'window-server.pcapng')),
    ]);
    expect(await swarm.event('swarm', 30_000)).toMatchObject({ started: 1500, failed: 0 });
    const [atClient, atServer] = (await Promise.all(recorders.map((r) => r.finish()))) as [Summary, Summary];
    const truth = new Map(
      swarm.events.filter((e) => e.event === 'closed').map((e) => [Number(e['localPort']), e['pid']]),
    );
    expect(truth.size).toBe(1500);
    for (const [summary, side] of [
      [atClient, 'client'],
      [atServer, 'server'],
    ] as const) {
      // prettier-ignore
      const flows = summary.flows.filter(({ server: end }) => end.port === ECHO);
      expect(flows.length).toBeGreaterThan(300);
      const wrong: unknown[] = [];
      const unknown: unknown[] = [];
      for (const flow of flows) {
        const pid = side === 'client' ? truth.get(flow.client.port ?? 0) : echo.pid;
        const found = flow[`${side}Process`];
        if (found === null) unknown.push([flow[`${side}ProcessUnknown`], flow.sent.packets, flow.started]);
        else if (found.pid !== pid) wrong.push([flow.client.port, pid, found]);
      }
      expect(wrong).toEqual([]);
      for (const [reason] of unknown as [string][]) expect(['pre-attach', 'no socket']).toContain(reason);
      expect(unknown.length, JSON.stringify(unknown.slice(0, 5))).toBeLessThanOrEqual(flows.length * 0.01);
    }
  }, 90_000);

  it('a socket of another namespace, behind a macvlan of ours: said so, and measured from its packets', async () => {
    const inner = lab.host('inner');
    client.ip(`link add mv0 link veth0 type macvlan mode bridge`, `link set mv0 netns ${inner.name}`);
    inner.ip('addr add 10.77.3.9/24 dev mv0', 'link set mv0 up');
    const recorder = await record(lab, client, join(lab.directory, 'macvlan.pcapng'));
    const tcp = inner.start('client', ['tcp', '--to', link.right.v4, '--port', ECHO, '--send', 50, '--receive', 50, '--exchanges', 3, '--pause-ms', 20]); // prettier-ignore
    const udp = inner.start('client', ['udp', '--to', link.right.v4, '--port', 9, '--send', 20]);
    const closed = [await tcp.event('closed'), await udp.event('closed')];
    await settle(200);
    const summary = await recorder.finish();
    const flow = flowOf(summary, closed[0]?.['localPort']);
    expect(flow).toMatchObject({
      clientProcess: null,
      clientProcessUnknown: 'other netns',
      state: 'closed',
      end: 'fin',
    });
    expect(flow.latency.connectUs).toBeGreaterThan(0);
    expect(flow.latency.rtt?.n).toBeGreaterThan(0);
    expect(flowOf(summary, closed[1]?.['localPort'], 'udp')).toMatchObject({ clientProcess: null, clientProcessUnknown: 'other netns' }); // prettier-ignore
  }, 60_000);

  it("the kernel's own: an answered ping, a tunnel's socket", async () => {
    for (const [near, far] of [
      [link.left, link.right],
      [link.right, link.left],
    ] as const) {
      // prettier-ignore
      near.host.ip(
        `link add vx0 type vxlan id 7 remote ${far.v4} local ${near.v4} dstport 4789 dev veth0`,
        `addr add 10.99.0.${near === link.left ? 1 : 2}/24 dev vx0`,
        'link set vx0 up',
        'neigh replace 10.99.0.2 lladdr 02:00:00:00:00:02 nud permanent dev vx0',
      );
    }
    try {
      const recorder = await record(lab, client, join(lab.directory, 'kernel.pcapng'));
      const far = await record(lab, server, join(lab.directory, 'kernel-far.pcapng'));
      server.run('ping', ['-n', '-c', '2', '-i', '0.05', link.left.v4]);
      client.start('client', ['udp', '--to', '10.99.0.2', '--port', '9', '--send', '20']);
      await settle(300);
      const summary = await recorder.finish();
      const ping = summary.flows.find(({ protocol }) => protocol === 'icmp');
      expect([ping?.serverProcess, ping?.serverProcessUnknown, ping?.clientProcessUnknown]).toEqual([null, 'kernel thread', 'remote']); // prettier-ignore
      const tunnel = (of: Summary) =>
        of.flows.find(({ protocol, server: end }) => protocol === 'udp' && end.port === 4789);
      expect(tunnel(summary)).toMatchObject({ clientProcess: null, clientProcessUnknown: 'kernel thread', serverProcessUnknown: 'remote' }); // prettier-ignore
      const received = tunnel(await far.finish());
      expect(received).toMatchObject({ serverProcess: null, serverProcessUnknown: 'kernel thread', clientProcessUnknown: 'remote' }); // prettier-ignore
    } finally {
      client.ip('link del vx0');
      server.ip('link del vx0');
    }
  }, 60_000);
});
