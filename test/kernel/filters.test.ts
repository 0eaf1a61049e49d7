// What a filter keeps out of the file, by address prefix, port, protocol, process and control group: exactly what another
// recording of the same traffic, without a filter, says it should; and the counters stay complete.
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TOTALS_FILTERED } from '../../core/flow/interfaces.ts';
import { record, replayed, type Flow, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { labProgram } from '../lab/programs.ts';
import { startServers } from '../lab/traffic.ts';
import { tshark } from '../lab/truth.ts';

const cgroups = (): string => / (\/\S+) cgroup2 /.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1] ?? '';
const group = `flowglass-test-${process.pid}`;

describeAsRoot('filters', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  const made = join(cgroups(), group);

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    mkdirSync(made);
    await startServers(server);
  });
  afterAll(() => {
    lab.dispose();
    rmdirSync(made);
  });

  it('let through exactly what they say', async () => {
    const ask = (to: string, ...more: (string | number)[]) => ['tcp', '--port', 81, '--to', to, '--send', 700, '--receive', 900, ...more]; // prettier-ignore
    const known = client.start('client', ask(link.right.v4, '--exchanges', 3, '--wait'));
    await known.event('ready');
    const filters: [filter: string, truth: (ports: Record<string, number>) => string][] = [
      ['ip.addr == 10.77.3.0/30', () => 'ip.addr == 10.77.3.0/30'],
      ['ip.addr == fd77:0:0:3::/64 && udp', () => 'ipv6.addr == fd77:0:0:3::/64 && udp'],
      ['tcp.port in {80..82} || icmpv6', () => 'tcp.port in {80..82} || icmpv6'],
      ['udp', () => 'udp'],
      [`process.pid == ${known.pid}`, ({ known: port }) => `tcp.port == ${port}`],
      [`process.cgroup == "/${group}"`, ({ grouped: port }) => `tcp.port == ${port}`],
      ['ip.addr == 10.99.0.0/16', () => 'frame.number == 0'],
    ];
    const files = filters.map((_, i) => join(lab.directory, `filtered-${i}.pcapng`));
    const all = await record(lab, client, join(lab.directory, 'all.pcapng'));
    const recorders = await Promise.all(
      filters.map(([filter], i) => record(lab, client, files[i] ?? '', ['--filter', filter])),
    );
    known.write('\n');
    const grouped = client.spawn('sh', ['-c', 'echo $$ > "$0/cgroup.procs"; exec "$@"', made, labProgram('client'), ...ask(link.right.v6, '--exchanges', 2).map(String)]); // prettier-ignore
    const others = [
      client.start('client', ask(link.right.v4)),
      client.start('client', ['udp', '--to', link.right.v4, '--port', 84, '--send', 100, '--count', 5, '--echo']),
      client.start('client', ['udp', '--to', link.right.v6, '--port', 84, '--send', 100, '--count', 7, '--echo']),
    ];
    for (const child of [known, grouped, ...others]) expect((await child.done).status).toBe(0);
    for (const to of [link.right.v4, link.right.v6]) client.run('ping', ['-n', '-c', '3', '-i', '0.02', to]);
    await settle(300);
    const ports = { known: Number(known.events.find(({ event }) => event === 'closed')?.['localPort']), grouped: Number(grouped.events.find(({ event }) => event === 'closed')?.['localPort']) }; // prettier-ignore
    const complete = await all.finish();
    const summaries: Summary[] = [];
    for (const recorder of recorders) summaries.push(await recorder.finish());
    const key = ['frame.time_epoch', 'frame.len'];
    for (const [i, [filter, truth]] of filters.entries()) {
      const wanted = tshark(all.file, key, ['-Y', truth(ports)]);
      const found = tshark(files[i] ?? '', key);
      expect([filter, found.map(([, length]) => length)]).toEqual([filter, wanted.map(([, length]) => length)]);
      if (!filter.includes('10.99')) expect([filter, wanted.length > 5]).toEqual([filter, true]);
      const { session, flows } = summaries[i] ?? complete;
      expect([filter, session.packets, session.bytes]).toEqual([filter, complete.session.packets, complete.session.bytes]); // prettier-ignore
      expect([filter, flows.length]).toEqual([filter, complete.flows.length]);
      expect([filter, session.captured.wirePackets + session.filtered + session.lost.packets]).toEqual([filter, session.packets]); // prettier-ignore
    }
  }, 90_000);

  it('let the kernel itself leave out the packets of connections that are known to be of another process', async () => {
    const file = join(lab.directory, 'judged.pcapng');
    const wanted = client.start('client', ['tcp', '--port', 81, '--to', link.right.v4, '--send', 700, '--receive', 900, '--exchanges', 9, '--wait']); // prettier-ignore
    await wanted.event('ready');
    const recorder = await record(lab, client, file, ['--filter', `process.pid == ${wanted.pid} && rtt.p99 < 10s`]);
    // Another process, for longer than a verdict takes.
    const other = client.start('client', ['tcp', '--port', 81, '--to', link.right.v4, '--send', 700, '--receive', 900, '--exchanges', 300, '--pause-ms', 10]); // prettier-ignore
    expect((await other.done).status).toBe(0);
    wanted.write('\n');
    expect((await wanted.done).status).toBe(0);
    await settle(300);
    const { session, flows } = await recorder.finish();
    const ports = [wanted, other].map(({ events }) => events.find(({ event }) => event === 'closed')?.['localPort']);
    const [kept, left] = ports.map((port) => flows.find(({ client: end }) => end.port === port));
    const packets = ({ sent, received }: Flow): number => sent.packets + received.packets;
    if (kept === undefined || left === undefined) throw new Error('a connection is missing');
    expect(session.captured.wirePackets).toBe(packets(kept));
    expect(session.captured.wirePackets + session.filtered + session.lost.packets).toBe(session.packets);
    const { model } = await replayed(file);
    const byKernel = model.interfaces.sum(TOTALS_FILTERED);
    expect(byKernel).toBeGreaterThan(packets(left) / 4);
    expect(byKernel).toBeLessThan(packets(left));
  }, 60_000);
});
