// flowglass check: what iperf3 and ping say of themselves beside a recording of the same packets.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Comparison } from '../../core/check/compare.ts';
import { record, runFlowglass } from '../lab/flowglass.ts';
import { Lab } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

describeAsRoot('a cross-check', () => {
  const lab = new Lab();
  afterAll(() => lab.dispose());

  it('states the difference to iperf3 and to ping, which is none where both count the same', async () => {
    const [client, server] = [lab.host('client'), lab.host('server')];
    const { near, far } = await lab.delayed(client, server, { delayUs: 3000 });
    void near;
    const listener = server.spawn('iperf3', ['-s', '-1', '--forceflush']);
    await listener.until('listening', ({ stdout }) => stdout.includes('listening'));
    const file = join(lab.directory, 'check.pcapng');
    const recorder = await record(lab, client, file, ['--no-packets']);
    const iperf3 = join(lab.directory, 'iperf3.json');
    writeFileSync(iperf3, client.run('iperf3', ['-c', far.right.v4, '-n', '2M', '-P', '2', '-J'], undefined, 30_000));
    const ping = join(lab.directory, 'ping.txt');
    writeFileSync(ping, client.run('ping', ['-n', '-c', '5', '-i', '0.05', far.right.v6]));
    await recorder.finish();
    const check = async (...args: string[]): Promise<Comparison[]> => {
      const { status, stdout, stderr } = await runFlowglass(['check', ...args, file, '--json']);
      expect([status, stderr]).toEqual([0, '']);
      return JSON.parse(stdout) as Comparison[];
    };
    const streams = await check('--iperf3', iperf3);
    expect(streams).toHaveLength(2);
    for (const { flows, differences } of streams) {
      expect(flows).toHaveLength(1);
      const by = Object.fromEntries(differences.map((each) => [each.what, each]));
      expect(by['segments sent again']?.difference).toBe(0);
      // On the wire is no less than what arrived, and no more than what was written, the cookie of 37 bytes that comes
      // first, and what was sent again.
      const again = (by['segments sent again']?.measured ?? NaN) * 1448;
      expect(by['payload delivered']?.difference).toBeGreaterThanOrEqual(0);
      expect(by['payload written']?.difference).toBeLessThanOrEqual(37 + again);
      expect(by['round trip, least']?.recorded).toBeGreaterThanOrEqual(6000);
    }
    const [echoes] = await check('--ping', ping);
    const of = Object.fromEntries((echoes?.differences ?? []).map((each) => [each.what, each]));
    expect([of['packets sent'], of['packets received']]).toMatchObject([{ measured: 5, difference: 0 }, { measured: 5, difference: 0 }]); // prettier-ignore
    // ping reads its clock in user space, later than the packet passes.
    expect(Math.abs(of['round trip, least']?.difference ?? NaN)).toBeLessThan(0.25 * (of['round trip, least']?.measured ?? 0)); // prettier-ignore
    const text = await runFlowglass(['check', '--ping', ping, file]);
    expect(text.stdout).toMatch(
      /^ping, icmp to fd77:0:0:2::2: flow \d+\n +MEASURED +RECORDED +DIFFERENCE\npackets sent +5 +5 +0/,
    );
    for (const [args, what] of [
      [['--iperf3', ping], 'this is no JSON'],
      [['--ping', iperf3], 'this is not what ping prints'],
      [['--ping', join(lab.directory, 'none')], 'no such file'],
    ] as const)
      expect((await runFlowglass(['check', ...args, file])).stderr).toMatch(
        new RegExp(`^flowglass: ${what}[^\\n]*\\n$`),
      );
  });
});
