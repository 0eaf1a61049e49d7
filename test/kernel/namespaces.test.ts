// Several network namespaces in one recording: a helper each, one session.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Engine } from '../../core/engine/engine.ts';
import { machineOptions } from '../../core/engine/machine.ts';
import { TestPage, until } from '../../core/engine/port.testkit.ts';
import { GAP_INTERFACE } from '../../core/flow/reducer.ts';
import { COMMAND, flowOf, record, Recorder, replayed, summarize, totalOf } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { mixedTraffic, PINGS, startServers } from '../lab/traffic.ts';

/** Pid of the helper below `ancestor` that serves a namespace. */
function helperIn(ancestor: number, netns: number): number {
  const parents = new Map<number, number>();
  const found: number[] = [];
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
      const served = readlinkSync(`/proc/${pid}/ns/net`) === `net:[${netns}]`;
      if (served && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('flowglass-helper')) found.push(pid);
    } catch {
      // it has ended meanwhile
    }
  }
  const below = (pid: number): boolean => pid === ancestor || (pid > 1 && below(parents.get(pid) ?? 0));
  const [helper] = found.filter(below);
  if (helper === undefined) throw new Error(`no helper serves ${netns}`);
  return helper;
}

describeAsRoot('several namespaces', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;

  beforeEach(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
  });
  afterEach(() => lab.dispose());

  it('a connection between two of them is one flow with both its processes, and the sums balance', async () => {
    const servers = await startServers(server);
    const recorder = await record(lab, client, join(lab.directory, 'both.pcapng'), ['--netns', server.path]);
    const connections = await mixedTraffic(client, link, servers);
    await settle(300);
    const summary = await recorder.finish();
    const { interfaces, packets, bytes, duplicates, lost, unparsed, captured } = summary.session;
    expect(interfaces.map(({ netns }) => netns).sort()).toEqual([client.inode, server.inode].sort());
    for (const c of connections) {
      const flow = flowOf(summary, c.localPort, c.protocol);
      const served = servers[c.server.port - 80]!;
      expect([c.name, flow.path.length, flow.sent.payloadBytes, flow.received.payloadBytes]).toEqual([
        c.name,
        2,
        c.sent + (c.tcp['bytesRetrans'] ?? 0),
        c.received + c.serverBytesRetrans,
      ]);
      expect([c.name, flow.clientProcess?.pid, flow.serverProcess?.pid]).toEqual([c.name, c.pid, served.pid]);
    }
    const pings = summary.flows.filter(({ protocol }) => protocol.startsWith('icmp'));
    expect(pings.map(({ sent, received }) => [sent.packets, received.packets])).toEqual([
      [PINGS, PINGS],
      [PINGS, PINGS],
    ]);
    expect([lost.flowPackets, lost.packets, Object.keys(unparsed)]).toEqual([0, 0, []]);
    expect(totalOf(summary, 'packets') + duplicates.packets).toBe(packets);
    expect(totalOf(summary, 'bytes') + duplicates.bytes).toBe(bytes);
    // Each end of the pair saw every packet, and each was stored.
    expect(duplicates.packets * 2).toBe(packets);
    expect(captured.wirePackets).toBe(packets);
  });

  it('goes on with the others when one helper dies, here too, says so, and there is a gap of that one alone', async () => {
    const sink = await server.server(['tcp', '--port', 82, '--mode', 'sink']);
    const file = join(lab.directory, 'one.pcapng');
    // Started where the client is: `:veth0` is the one here, beside that of another namespace.
    const source = ['-i', `:veth0,${server.path}:veth0`, '--netns', server.path];
    const child = client.spawn(process.execPath, [COMMAND, 'record', ...source, '-w', file]);
    await child.until('recording', ({ stderr }) => /^flowglass: recording/m.test(stderr));
    const send = async (): Promise<number> => {
      const sender = client.start('client', ['tcp', '--send', 5000, '--to', link.right.v4, '--port', 82]);
      await sender.done;
      return Number(sender.events.find(({ event }) => event === 'closed')?.['localPort']);
    };
    const before = await send();
    // The last one: of it was heard what holds for the whole machine only if it is taken over.
    process.kill(helperIn(child.pid, client.inode), 'SIGKILL');
    await child.until('notice', ({ stderr }) => /here: the capture helper was ended by SIGKILL: the others go on/.test(stderr)); // prettier-ignore
    const after = await send();
    await settle(300);
    const summary = await new Recorder(child, file).finish();
    expect(flowOf(summary, before).sent.payloadBytes).toBe(5000);
    const flow = flowOf(summary, after);
    expect([flow.path, flow.sent.payloadBytes, flow.serverProcess?.pid]).toEqual([['veth0'], 5000, sink.pid]);
    expect(flow.serverProcess?.exe).toMatch(/server$/);
    expect(summary.session.interfaces.map(({ netns }) => netns).sort()).toEqual([client.inode, server.inode].sort());
    const { gaps, model } = await replayed(file);
    const away = gaps.filter(({ stream }) => stream === GAP_INTERFACE);
    expect(away.map(({ iface, toNs }) => [model.interfaces.get(iface)?.netns, toNs])).toEqual([[client.inode, Infinity]]); // prettier-ignore
  });

  it('gives a dropped datagram to the flow of its own namespace, where another one uses the same addresses', async () => {
    const [otherClient, otherServer] = [lab.host('client2'), lab.host('server2')];
    lab.link(otherClient, otherServer);
    await server.server(['udp', '--port', 90, '--mode', 'sink']);
    const file = join(lab.directory, 'drops.pcapng');
    const recorder = await record(lab, server, file, ['--netns', otherServer.path]);
    // Where there is a server it is received, where there is none it is dropped.
    const datagram = ['udp', '--to', link.right.v4, '--port', 90, '--local-port', 4090, '--send', 100];
    for (const from of [client, otherClient]) await from.start('client', datagram).done;
    await settle(300);
    const { flows, session } = await recorder.finish();
    // The one that was sent first is the first of them.
    const udp = flows.filter(({ protocol }) => protocol === 'udp').sort((a, b) => a.started.localeCompare(b.started));
    expect(session.interfaces.map(({ netns }) => netns).sort()).toEqual([server.inode, otherServer.inode].sort());
    expect(udp.map(({ sent, serverProcess }) => [sent.packets, serverProcess === null])).toEqual([[1, false], [1, true]]); // prettier-ignore
    expect(udp.map(({ drops }) => drops)).toEqual([[], [{ reason: 'NO_SOCKET', count: 1 }]]);
  });

  it('in the app: what the page asks for, live and in the recording that it starts', async () => {
    const servers = await startServers(server);
    const file = join(lab.directory, 'app.pcapng');
    const engine = new Engine({ ...machineOptions('test'), opened: () => undefined, newRecording: () => file });
    const page = new TestPage();
    engine.connect(page);
    try {
      const asked = await page.ask('attach', { interfaces: ['veth0'], netns: [client.path, server.path] });
      expect(asked).toMatchObject({ result: null });
      await page.ask('recordStart');
      const [connection] = await mixedTraffic(client, link, servers);
      const rows = await page.look(1, { kind: 'table', show: 'matches' });
      const row = await until(() =>
        rows('rows').find(({ port, protocol }) => port === connection?.server.port && protocol === 'tcp'),
      );
      expect([row['process'], row['port'], row['interface']]).toEqual(['lab-client', connection?.server.port, 'veth0']);
      expect(page.state.attached.map(({ name }) => name)).toEqual([`${client.path}:veth0`, `${server.path}:veth0`]);
      await page.ask('recordStop');
    } finally {
      await engine.close();
    }
    const { session } = await summarize(file);
    expect(session.interfaces.map(({ netns }) => netns).sort()).toEqual([client.inode, server.inode].sort());
    expect(session.duplicates.packets * 2).toBe(session.packets);
  });
});
