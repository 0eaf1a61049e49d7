// Interfaces that come and go: down, renamed, removed, returned, new, moved away, by the hundred. A recording goes on.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Child } from '../lab/child.ts';
import { interfaceGaps, record, replayed, type Flow, type Recorder, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

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

/** True state changes of one device, as `ip monitor` tells them: what the kernel sends to everybody who listens. */
class LinkTruth {
  readonly #monitor: Child;
  readonly #device: string;

  constructor(monitor: Child, device: string) {
    this.#monitor = monitor;
    this.#device = device;
  }

  /** Whether it was up (with a carrier) at each news, oldest first. */
  get states(): boolean[] {
    const news = [...this.#monitor.stdout.matchAll(/^\d+: ([^@:\s]+)\S* <([^>]*)>/gm)];
    return news.filter(([, name]) => name === this.#device).map(([, , flags]) => /\bUP\b/.test(flags ?? '') && !/NO-CARRIER/.test(flags ?? '')); // prettier-ignore
  }

  /** How often it went from up to down. */
  get downs(): number {
    return this.states.filter((up, i, all) => !up && (i === 0 || all[i - 1] === true)).length;
  }
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

/** Waits until these processes together take less than 5 % of a core for two seconds; fails when they never rest. */
async function rest(pids: readonly number[]): Promise<void> {
  const ticks = (): number => pids.reduce((sum, pid) => sum + useOf(pid).ticks, 0);
  const seen: number[] = [];
  for (let before = ticks(); seen.length < 15; before += seen.at(-1) ?? 0) {
    await settle(2000);
    seen.push(ticks() - before);
    if ((seen.at(-1) ?? 0) < 10) return;
  }
  throw new Error(`never at rest: hundredths of a second of CPU time in two seconds: ${seen.join(', ')}`);
}

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
    const before = performance.now();
    client.ip('link del veth0');
    await recorder.child.until('gone', (c) => c.stderr.includes('veth0 is gone, waiting for it to return'));
    await settle(1000);
    lab.link(client, server);
    await recorder.child.until('back', (c) => c.stderr.includes('veth0 is back'));
    const awayMs = performance.now() - before;
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
    expect(((gap?.toNs ?? 0) - (gap?.fromNs ?? 0)) / 1e6).toBeGreaterThan(1000);
    expect(((gap?.toNs ?? 0) - (gap?.fromNs ?? 0)) / 1e6).toBeLessThan(awayMs);
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

  it('a link that goes down and up a hundred times leaves nothing behind, and every pause is a gap', async () => {
    // The kernel tells that a carrier is back up to a second later, or not at all when the link is down again by then.
    const monitor = client.spawn('ip', ['-o', 'monitor', 'link', 'dev', 'veth0']);
    const truth = new LinkTruth(monitor, 'veth0');
    let queue = 1000;
    const listens = (): boolean => {
      client.ip(`link set veth0 txqueuelen ${++queue}`);
      return truth.states.length > 0;
    };
    await expect.poll(listens, { timeout: 20_000 }).toBe(true);
    const recorder = await start('--log-level', 'info');
    const said = (state: string): number => recorder.child.stderr.match(new RegExp(`veth0 is ${state}$`, 'gm'))?.length ?? 0; // prettier-ignore
    const pids = processesOf(recorder);
    const before = pids.map(useOf);
    const downs = truth.downs;
    for (let i = 0; i < 100; i++) client.ip('link set veth0 down', 'link set veth0 up');
    await expect
      .poll(() => [truth.states.at(-1), said('down'), said('up')], { timeout: 30_000 })
      .toEqual([true, truth.downs - downs, truth.downs - downs]);
    client.ip('neigh replace 10.77.3.2 lladdr ' + server.mac('veth0') + ' nud permanent dev veth0');
    ping();
    await rest(pids);
    expect(pids.map((pid) => useOf(pid).files)).toEqual(before.map(({ files }) => files));
    const summary = await recorder.finish();
    await monitor.stop();
    expect(packetsOf(pings(summary))).toEqual([6]);
    expect(truth.downs - downs).toBeGreaterThanOrEqual(100);
    const gaps = interfaceGaps(await replayed(recorder.file));
    expect(gaps).toHaveLength(truth.downs - downs);
    expect(gaps.filter(({ fromNs, toNs }) => !(toNs >= fromNs && toNs !== Infinity))).toEqual([]);
  });

  it('--all takes interfaces that appear later, and one moved to another namespace is gone', async () => {
    const recorder = await start('--all', '--log-level', 'info');
    lab.link(client, server, { subnet: 4, leftDevice: 'late0', rightDevice: 'late1' });
    await recorder.child.until('appeared', (c) => c.stderr.includes('late0 appeared'));
    ping('10.77.4.2');
    const away = lab.host('away');
    client.ip(`link set late0 netns ${away.name}`);
    away.ip('addr add 10.77.4.1/24 dev late0', 'link set late0 up');
    away.ip(`neigh replace 10.77.4.2 lladdr ${server.mac('late1')} nud permanent dev late0`);
    await recorder.child.until('gone', (c) => c.stderr.includes('late0 is gone'));
    away.run('ping', ['-n', '-c', '3', '-i', '0.02', '10.77.4.2']);
    expect(away.attached('late0')).toEqual([]);
    const summary = await recorder.finish();
    const late = summary.flows.filter((flow) => flow.interface === 'late0' && flow.protocol === 'icmp');
    expect(packetsOf(late)).toEqual([6]);
    expect(interfaceGaps(await replayed(recorder.file))).toEqual([]);
  });

  it('1,200 veth pairs created and deleted leave nothing behind in helper and engine, which then rest', async () => {
    const recorder = await start('--all', '--no-packets');
    const pids = processesOf(recorder);
    const helperPid = pids[1] ?? 0;
    let made = 0;
    /** Makes pairs between client and server, waits until each was attached to, and removes them in one go. */
    const churn = async (count: number): Promise<void> => {
      const names = Array.from({ length: count }, () => `c${made++}`);
      const from = recorder.child.stderr.length;
      client.ip(...names.map((name) => `link add ${name} up group 7 type veth peer name ${name} netns ${server.name}`));
      await recorder.child.until(
        'attaching to all',
        ({ stderr }) => (stderr.slice(from).match(/ appeared and is watched too$/gm)?.length ?? 0) === count,
        60_000,
      );
      // Not listening for a moment: the kernel has more news then than a socket holds, and the helper looks for itself.
      process.kill(helperPid, 'SIGSTOP');
      client.ip('link del group 7');
      process.kill(helperPid, 'SIGCONT');
    };
    const filesAtFirst = pids.map((pid) => useOf(pid).files);
    const filesAreBack = (): Promise<void> =>
      expect.poll(() => pids.map((pid) => useOf(pid).files), { timeout: 30_000 }).toEqual(filesAtFirst);
    await churn(100); // whatever is made once
    await filesAreBack();
    const before = pids.map(useOf);
    for (let i = 0; i < 11; i++) await churn(100);
    await filesAreBack();
    await rest(pids);
    const after = pids.map(useOf);
    // The helper keeps nothing. The engine remembers each interface of the session: about 2 kB.
    const helper = 1;
    expect(after[helper]?.mappings).toBe(before[helper]?.mappings);
    expect((after[helper]?.residentKb ?? 0) - (before[helper]?.residentKb ?? 0)).toBeLessThan(512);
    expect((after[0]?.residentKb ?? 0) - (before[0]?.residentKb ?? 0)).toBeLessThan(32 * 1024);
    const summary = await recorder.finish();
    const numbers = summary.session.interfaces.filter(({ name }) => /^c\d+$/.test(name));
    expect(numbers).toHaveLength(1200); // more than the helper watches at a time: places are used again
    expect(summary.session.lost).toEqual({ events: 0, packets: 0, flowPackets: 0 });
  }, 240_000);
});
