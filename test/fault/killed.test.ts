// SIGKILL at random moments: the file opens, at most a second is missing, nothing stays attached.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Child } from '../lab/child.ts';
import { record, type Rung, summarize } from '../lab/flowglass.ts';
import { command, type Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { capinfos, readPacketBlocks, tcpdumpCount, tshark } from '../lab/truth.ts';

/** Helpers that a recorder started, by parent. */
function childrenOf(pid: number): { pid: number; name: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const comm = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
        return Number(parent) === pid && state !== 'Z' ? [{ pid: Number(name), name: comm }] : [];
      } catch {
        return [];
      }
    });
}

const alive = (pid: number) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Eight in `npm test`; 1,000 take about three hours. */
const KILLS_A_RUNG = Math.ceil(Number(process.env['FLOWGLASS_SIGKILLS'] ?? 8) / 4);

describeAsRoot('killed', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  let traffic: Child | null = null;

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    // It serves all of the kills: at most a quarter of a minute each.
    const seconds = 120 + 4 * KILLS_A_RUNG * 15;
    await server.server(
      ['tcp', '--port', 80, '--mode', 'respond', '--request', 100, '--response', 400, '--seconds', seconds],
      { timeoutMs: seconds * 1000 },
    );
  });
  afterEach(async () => {
    await traffic?.stop();
    traffic = null;
  });
  afterAll(() => lab.dispose());

  /** A request and an answer every 5 ms. */
  const startTraffic = () => {
    traffic = client.start('client', [
      'tcp',
      '--to',
      link.right.v4,
      '--port',
      80,
      '--send',
      100,
      '--receive',
      400,
      '--exchanges',
      100_000,
      '--pause-ms',
      5,
    ]);
  };

  async function untilDetached(): Promise<string[]> {
    let attached: string[] = [];
    for (let i = 0; i < 40; i++) {
      attached = client.attached('veth0');
      if (attached.length === 0) break;
      await settle(50);
    }
    return attached;
  }

  const moments: [Rung, number, number][] = (['tcx', 'clsact', 'xdp', 'xdp-generic'] as const).flatMap((rung) =>
    Array.from({ length: KILLS_A_RUNG }, (_, n): [Rung, number, number] => [
      rung,
      200 + Math.floor(Math.random() * 1800),
      n,
    ]),
  );

  it.each(moments)(
    '%s, %i ms after the start',
    async (rung, afterMs, n) => {
      const name = `killed-${rung}-${n}`;
      const truth = await server.capture('veth0', join(lab.directory, `${name}.truth.pcap`));
      startTraffic();
      const recorder = await record(lab, client, join(lab.directory, `${name}.pcapng`), ['--attach', rung]);
      const began = Date.now() / 1000;
      const helpers = childrenOf(recorder.child.pid);
      expect(helpers.map((helper) => helper.name)).toContain('flowglass-helpe'); // 15 bytes of comm
      expect(client.attached('veth0')).toHaveLength(2);
      await settle(afterMs);
      const killedAt = Date.now() / 1000;
      recorder.child.signal('SIGKILL');
      await recorder.child.done;

      expect(await untilDetached()).toEqual([]);
      for (let i = 0; i < 40 && helpers.some(({ pid }) => alive(pid)); i++) await settle(50);
      expect(helpers.filter(({ pid }) => alive(pid))).toEqual([]);
      await traffic?.stop();
      await truth.stop();

      const stored = readPacketBlocks(recorder.file).packets.map((packet) => Number(packet.atNs) / 1e9);
      const sent = tshark(truth.file, ['frame.time_epoch']).map(([time]) => Number(time));
      const recorded = sent.filter((time) => time > began && time < killedAt);
      expect(recorded.length).toBeGreaterThan(0);
      const missing = recorded.filter((time) => time > (stored.at(-1) ?? began) + 0.0005);
      const missingSeconds = killedAt - (stored.at(-1) ?? began);
      expect(missingSeconds, `${missing.length} of ${recorded.length} packets at the end are missing`).toBeLessThan(
        1.05,
      );
      // up to the last packet stored, all of them are there
      const last = stored.at(-1) ?? 0;
      const until = (times: number[]) => times.filter((time) => time > began && time < last - 0.0005).length;
      expect(Math.abs(until(stored) - until(sent))).toBeLessThanOrEqual(1); // a packet at either edge, by two clocks

      const summary = await summarize(recorder.file);
      expect(summary.session.captured.packets).toBe(stored.length);
      expect(capinfos(recorder.file).packets).toBe(stored.length);
      expect(tcpdumpCount(recorder.file)).toBe(stored.length);
      if (stored.length > 0) {
        expect(summary.flows.map((flow) => flow.clientProcess?.pid ?? traffic?.pid)).toContain(traffic?.pid);
      }
    },
    30_000,
  );

  it('the helper killed: one clear sentence, exit 1, what was recorded stays, nothing attached', async () => {
    startTraffic();
    const recorder = await record(lab, client, join(lab.directory, 'helper.pcapng'));
    await settle(1300);
    const [helper] = childrenOf(recorder.child.pid).filter(({ name }) => name === 'flowglass-helpe');
    expect(helper).toBeDefined();
    process.kill(helper?.pid ?? NaN, 'SIGKILL');
    const { status, stderr, stdout } = await recorder.child.done;
    expect(status).toBe(1);
    expect(stdout).toBe('');
    const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('flowglass: record'));
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toMatch(/^flowglass: .*helper/);
    expect(await untilDetached()).toEqual([]);
    const summary = await summarize(recorder.file);
    expect(summary.session.captured.packets).toBeGreaterThan(200);
    expect(capinfos(recorder.file).packets).toBe(summary.session.captured.packets);
  }, 30_000);

  it('what a killed helper leaves on clsact is replaced by the next start and gone after it; a foreign filter stays', async () => {
    // the qdisc may be there from a recording before: we never delete one
    const qdiscs = command('tc', ['-n', client.name, 'qdisc', 'show', 'dev', 'veth0']);
    if (!qdiscs.includes('clsact')) command('tc', ['-n', client.name, 'qdisc', 'add', 'dev', 'veth0', 'clsact']);
    const place = ['dev', 'veth0', 'ingress', 'pref', '7', 'handle', '0x99', 'protocol', 'all'];
    command('tc', ['-n', client.name, 'filter', 'add', ...place, 'bpf', 'bytecode', '1,6 0 0 0']);
    const foreignOf = () =>
      command('tc', ['-n', client.name, 'filter', 'show', 'dev', 'veth0', 'ingress']).match(
        /pref 7 bpf chain 0 handle 0x99/g,
      );
    expect(foreignOf()).toHaveLength(1);
    const alone = client.attached('veth0');

    const killed = await record(lab, client, join(lab.directory, 'leftover.pcapng'), ['--attach', 'clsact']);
    for (const { pid } of childrenOf(killed.child.pid)) process.kill(pid, 'SIGKILL');
    await killed.child.done;
    expect(client.attached('veth0')).toHaveLength(alone.length + 2); // nobody was left to remove them

    startTraffic();
    const truth = await server.capture('veth0', join(lab.directory, 'leftover.truth.pcap'));
    const next = await record(lab, client, join(lab.directory, 'next.pcapng'), ['--attach', 'clsact']);
    expect(client.attached('veth0')).toHaveLength(alone.length + 2); // replaced, not added to
    await settle(300);
    const summary = await next.finish();
    await truth.stop();
    expect(client.attached('veth0')).toEqual(alone);
    expect(foreignOf()).toHaveLength(1);
    const times = readPacketBlocks(next.file).packets.map((packet) => Number(packet.atNs) / 1e9);
    const [first, last] = [times[0] ?? 0, times.at(-1) ?? 0];
    const sent = tshark(truth.file, ['frame.time_epoch']).filter(
      ([time]) => Number(time) > first + 0.0005 && Number(time) < last - 0.0005,
    );
    const counted = times.filter((time) => time > first + 0.0005 && time < last - 0.0005);
    expect(Math.abs(counted.length - sent.length)).toBeLessThanOrEqual(1); // once each: the old programs do not count beside
    expect(summary.session.frames).toBe(times.length);
    command('tc', ['-n', client.name, 'qdisc', 'del', 'dev', 'veth0', 'clsact']);
  }, 60_000);
});
