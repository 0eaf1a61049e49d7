// Interfaces that come and go: down, renamed, removed, returned, new, moved away, by the hundred. A recording goes on.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { REDUCERS } from '../../core/engine/replay-source.ts';
import { GAP_INTERFACE, type Reducer } from '../../core/flow/reducer.ts';
import { Session } from '../../core/session/reader.ts';
import { record, type Flow, type Recorder, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

/** How many pairs come and go; a release is tried with 1,000. */
const PAIRS = Number(process.env['FLOWGLASS_PAIRS'] ?? 200);

/** What the kernel says a process uses. */
interface Use {
  files: number;
  mappings: number;
  residentKb: number;
  /** Of CPU time, in hundredths of a second. */
  ticks: number;
}

function useOf(pid: number): Use {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    files: readdirSync(`/proc/${pid}/fd`).length,
    mappings: readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').length,
    residentKb: Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]),
    ticks: Number(fields[11]) + Number(fields[12]),
  };
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);

/** The recorder and its helper. */
function processesOf(recorder: Recorder): number[] {
  const engine = recorder.child.pid;
  return [engine, ...childrenOf(engine)];
}

/** The state at the end of a session and, reached another way, from its last keyframe. */
async function replayed(file: string): Promise<Reducer> {
  const session = await Session.open(file);
  if (session === null) throw new Error(`${file} is no session of ours`);
  try {
    return (await session.replay(REDUCERS, session.toNs)).reducer;
  } finally {
    await session.close();
  }
}

const interfaceGaps = (reducer: Reducer): { fromNs: number; toNs: number }[] =>
  reducer.gaps.filter(({ stream }) => stream === GAP_INTERFACE);

const pings = (summary: Summary): Flow[] => summary.flows.filter(({ protocol }) => protocol === 'icmp');
const packetsOf = (flows: readonly Flow[]): number[] => flows.map((flow) => flow.sent.packets + flow.received.packets);

describeAsRoot('life of an interface', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let number = 0;

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    lab.link(client, server);
  });
  afterAll(() => lab.dispose());

  const ping = (to = '10.77.3.2', count = 3): void => {
    client.run('ping', ['-n', '-c', String(count), '-i', '0.02', to]);
  };
  const start = (...options: string[]): Promise<Recorder> =>
    record(lab, client, join(lab.directory, `life-${++number}.pcapng`), options);

  it('one that is removed and returns is attached to again, with a gap in between', async () => {
    const recorder = await start();
    ping();
    await settle(300);
    client.ip('link del veth0');
    await recorder.child.until('gone', (c) => c.stderr.includes('veth0 is gone, waiting for it to return'));
    await settle(1000);
    lab.link(client, server);
    await recorder.child.until('back', (c) => c.stderr.includes('veth0 is back'));
    ping();
    await settle(200);
    const summary = await recorder.finish();
    const { interfaces, packets, unparsed, lost } = summary.session;
    expect(interfaces.map(({ name }) => name)).toEqual(['veth0', 'veth0']);
    expect(interfaces[0]?.index).not.toBe(interfaces[1]?.index);
    expect(packetsOf(pings(summary))).toEqual([6, 6]);
    expect({ packets, unparsed, lost }).toEqual({ packets: 12, unparsed: {}, lost: { events: 0, packets: 0, flowPackets: 0 } }); // prettier-ignore
    expect(recorder.child.stderr.match(/^flowglass: .*/gm)?.slice(1)).toEqual([
      'flowglass: veth0 is gone, waiting for it to return',
      'flowglass: veth0 is back',
    ]);
    const [gap, ...others] = interfaceGaps(await replayed(recorder.file));
    expect(others).toEqual([]);
    expect(((gap?.toNs ?? 0) - (gap?.fromNs ?? 0)) / 1e9).toBeGreaterThan(1);
    expect(((gap?.toNs ?? 0) - (gap?.fromNs ?? 0)) / 1e9).toBeLessThan(5);
  });

  it('one that was renamed is counted on, and waited for under both names', async () => {
    const recorder = await start();
    ping();
    client.ip('link set veth0 name other0');
    ping();
    await settle(300);
    client.ip('link del other0');
    await recorder.child.until('gone', (c) => c.stderr.includes('other0 is gone'));
    lab.link(client, server, { leftDevice: 'new0' });
    await settle(300);
    ping(); // nobody asked for new0
    client.ip('link set new0 name veth0');
    await recorder.child.until('back', (c) => c.stderr.includes('veth0 is back'));
    ping();
    await settle(200);
    const summary = await recorder.finish();
    expect(summary.session.interfaces.map(({ name }) => name)).toEqual(['other0', 'veth0']);
    // Two runs of ping on the first, each with its own echo identifier.
    expect(packetsOf(pings(summary))).toEqual([6, 6, 6]);
  });

  it('a link that goes down and up a hundred times costs next to nothing, and every pause is a gap', async () => {
    const recorder = await start();
    const [engine, helper] = processesOf(recorder) as [number, number];
    const before = [useOf(engine), useOf(helper)] as const;
    for (let i = 0; i < 100; i++) client.ip('link set veth0 down', 'link set veth0 up');
    await settle(500);
    const after = [useOf(engine), useOf(helper)] as const;
    expect(after[0].files).toBe(before[0].files);
    expect(after[1].files).toBe(before[1].files);
    expect(after[1].ticks - before[1].ticks).toBeLessThan(50);
    expect(after[0].ticks - before[0].ticks).toBeLessThan(300);
    client.ip('neigh replace 10.77.3.2 lladdr ' + server.mac('veth0') + ' nud permanent dev veth0');
    ping();
    await settle(200);
    const summary = await recorder.finish();
    expect(packetsOf(pings(summary))).toEqual([6]);
    const gaps = interfaceGaps(await replayed(recorder.file));
    // A link that comes up may lose its carrier once more; and two news within a moment may be told as one.
    expect(gaps.length).toBeGreaterThan(90);
    expect(gaps.length).toBeLessThan(120);
    expect(gaps.filter(({ fromNs, toNs }) => !(toNs >= fromNs && toNs !== Infinity))).toEqual([]);
  });

  it('--all takes interfaces that appear later, and one moved to another namespace is gone', async () => {
    const recorder = await start('--all');
    lab.link(client, server, { subnet: 4, leftDevice: 'late0', rightDevice: 'late1' });
    await recorder.child.until('appeared', (c) => c.stderr.includes('late0 appeared'));
    ping('10.77.4.2');
    await settle(300);
    const away = lab.host('away');
    client.ip(`link set late0 netns ${away.name}`);
    away.ip('addr add 10.77.4.1/24 dev late0', 'link set late0 up');
    away.ip(`neigh replace 10.77.4.2 lladdr ${server.mac('late1')} nud permanent dev late0`);
    await settle(300);
    away.run('ping', ['-n', '-c', '3', '-i', '0.02', '10.77.4.2']);
    expect(away.attached('late0')).toEqual([]);
    const summary = await recorder.finish();
    const late = summary.flows.filter((flow) => flow.interface === 'late0' && flow.protocol === 'icmp');
    expect(packetsOf(late)).toEqual([6]);
    expect(interfaceGaps(await replayed(recorder.file))).toEqual([]);
  });

  it(
    `${PAIRS} veth pairs created and deleted leave nothing behind in helper and engine, which then rest`,
    async () => {
      const recorder = await start('--all', '--no-packets', '--duration', String(60 + PAIRS / 4));
      const pids = processesOf(recorder);
      const churn = async (from: number, count: number): Promise<void> => {
        const names = Array.from({ length: count }, (_, i) => [`c${from + i}`, `d${from + i}`]);
        client.ip(...names.map(([left, right]) => `link add ${left} up type veth peer name ${right}`));
        client.ip(...names.map(([left]) => `link del ${left}`));
        await settle(100);
      };
      await churn(0, 30); // whatever is made once
      await settle(500);
      const before = pids.map(useOf);
      for (let i = 0; i < PAIRS / 25; i++) await churn(1000 + i * 25, 25);
      await settle(2500);
      const after = pids.map(useOf);
      await settle(3000);
      const rested = pids.map(useOf);
      expect(after.map(({ files }) => files)).toEqual(before.map(({ files }) => files));
      // The helper keeps nothing. The engine remembers each interface of the session: about 2 kB.
      const helper = 1;
      expect(after[helper]?.mappings).toBe(before[helper]?.mappings);
      expect((after[helper]?.residentKb ?? 0) - (before[helper]?.residentKb ?? 0)).toBeLessThan(512);
      expect((after[0]?.residentKb ?? 0) - (before[0]?.residentKb ?? 0)).toBeLessThan(32 * 1024);
      // Three seconds of rest: below 5 % of a core for both together.
      const ticks = rested.reduce((sum, use, i) => sum + use.ticks - (after[i]?.ticks ?? 0), 0);
      expect(ticks).toBeLessThan(15);
      const summary = await recorder.finish();
      const numbers = summary.session.interfaces.filter(({ name }) => /^[cd]\d+$/.test(name));
      expect(numbers.length).toBeGreaterThan(1.6 * PAIRS); // more than the helper watches at a time: places are used again
      expect(summary.session.lost).toEqual({ events: 0, packets: 0, flowPackets: 0 });
    },
    120_000 + PAIRS * 250,
  );
});
