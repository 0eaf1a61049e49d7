// Our figures beside those of the tools that people know: iperf3 for bytes, ping for round trips.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flowOf, record, totalOf } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { has, Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

/** What ping said of each protocol, in µs. */
const seen: { protocol: string; least: number; mean: number; most: number }[] = [];

describeAsRoot('beside other tools', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
  });
  afterAll(() => lab.dispose());

  it.skipIf(!has('iperf3'))(
    'payload is what iperf3 says it sent and received, over loopback and over a link',
    async () => {
      const link = lab.link(client, server);
      for (const [what, where, to, extra] of [
        ['a link', client, link.right.v4, []],
        ['a link, the other way', client, link.right.v6, ['-R']],
        ['loopback', server, '127.0.0.1', []],
      ] as const) {
        const daemon = server.spawn('iperf3', ['-s', '-1', '-p', '5201', '--forceflush']);
        await daemon.until('listening', (child) => child.stdout.includes('Server listening'));
        const recorder = await record(lab, where, join(lab.directory, `${what.replaceAll(/\W/g, '-')}.pcapng`), ['-i', where === server ? 'lo' : 'veth0', '--no-packets']); // prettier-ignore
        const report = JSON.parse(where.run('iperf3', ['-c', to, '-p', '5201', '-n', '600M', '-J', ...extra]));
        await settle(200);
        const summary = await recorder.finish();
        await daemon.done;
        const flow = flowOf(summary, report.start.connected[0].local_port);
        const { sum_sent: sent, sum_received: received } = report.end;
        const ours = what.includes('other way') ? flow.received.payloadBytes : flow.sent.payloadBytes;
        expect(sent.bytes, what).toBeGreaterThan(600e6);
        // iperf3 counts as sent what it wrote, though the last of it may be thrown away in the socket's buffer.
        expect(ours, what).toBeGreaterThanOrEqual(received.bytes);
        for (const bytes of [sent.bytes, received.bytes]) {
          expect(Math.abs(ours - bytes) / bytes, `${what}: ${ours} of ours, ${bytes} of iperf3`).toBeLessThan(0.01);
        }
        // Counted once, also on loopback: headers are all there is beside.
        expect(totalOf(summary, 'bytes') / ours, what).toBeLessThan(1.1);
      }
    },
    90_000,
  );

  it('round trips are those of ping: least, mean and most', async () => {
    const [near, far] = [lab.host('near'), lab.host('far')];
    await lab.delayed(near, far, { delayUs: 25_000 });
    const recorder = await record(lab, near, join(lab.directory, 'ping.pcapng'));
    for (const to of ['10.77.2.2', 'fd77:0:0:2::2']) {
      // A real-time program, as the relay is: a busy machine then shows in what both see, or in neither.
      const text = near.run('chrt', ['-f', '5', 'ping', '-n', '-c', '12', '-i', '0.1', to]);
      const found = /= ([\d.]+)\/([\d.]+)\/([\d.]+)\/([\d.]+) ms/.exec(text)?.slice(1).map(Number) ?? [];
      expect(found).toHaveLength(4);
      const [least = NaN, mean = NaN, most = NaN] = found.map((ms) => ms * 1000);
      const now = to.includes(':') ? 'icmpv6' : 'icmp';
      seen.push({ protocol: now, least, mean, most });
    }
    await settle(100);
    const summary = await recorder.finish();
    for (const { protocol, least, mean, most } of seen) {
      const rtt = summary.flows.find((flow) => flow.protocol === protocol)?.latency.rtt;
      expect(rtt?.n).toBe(12);
      // 5 % + 0.2 ms; ping's own path to the device and back is in its figure, not in ours.
      const near = (ours: number | undefined, theirs: number, what: string) =>
        expect(Math.abs((ours ?? NaN) - theirs), `${protocol}, ${what}: ${ours} µs of ours, ${theirs} µs of ping`).toBeLessThan(theirs * 0.05 + 200); // prettier-ignore
      near(rtt?.minUs, least, 'least');
      near(rtt?.meanUs, mean, 'mean');
      near(rtt?.maxUs, most, 'most');
      expect(rtt?.minUs).toBeGreaterThan(50_000);
    }
  }, 60_000);
});
