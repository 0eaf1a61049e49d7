// Another host over a real sshd: the helper is brought there, its traffic recorded here with processes, and nothing stays.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HostAnswer } from '../../core/contract/answers.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { testEngine } from '../desktop/engine.ts';
import { Wire } from '../desktop/wire.ts';
import type { Child } from '../lab/child.ts';
import { COMMAND, flowOf, interfaceGaps, replayed, summarize } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { Sshd, type SshUser } from '../lab/sshd.ts';

const THERE = '10.77.3.2';

/** ssh takes its time, on a machine that is busy too. */
const PATIENT_MS = 30_000;

/** A viewer in this process. */
function directWire(engine: Engine): Wire {
  let request: (message: unknown) => void = () => undefined;
  const wire = new Wire((message) => request(message), () => undefined, PATIENT_MS); // prettier-ignore
  engine.connect({
    send: (message) => wire.receive(message),
    sendView: (buffer) => wire.receive(buffer),
    congested: false,
    onRequest: (handler) => (request = handler),
    onClose: () => undefined,
    close: () => wire.gone(),
  });
  return wire;
}

describeAsRoot('over ssh', () => {
  let lab: Lab;
  let here: Host;
  let there: Host;
  let sshd: Sshd;
  const at = (name: string): string => join(lab.directory, name);

  beforeAll(async () => {
    lab = new Lab();
    here = lab.host('here');
    there = lab.host('there');
    const peer = lab.host('peer');
    lab.link(here, there, { rightDevice: 'control' });
    lab.link(there, peer, { subnet: 4, leftDevice: 'veth0' });
    await peer.server(['tcp', '--port', 80, '--mode', 'respond', '--request', 700, '--response', 900]);
    sshd = await Sshd.start(lab, there, THERE, here);
  }, 60_000);
  afterAll(() => lab.dispose());

  const start = (...args: string[]): Child =>
    lab.care(here.spawn(process.execPath, [COMMAND, ...args], { env: sshd.env, timeoutMs: 60_000 }));

  /** A recording of veth0 there that has begun. */
  async function record(user: SshUser, file: string, ...args: string[]): Promise<Child> {
    const child = start('record', '--ssh', `${user}@${THERE}`, '-i', 'veth0', '-w', at(file), ...args);
    await child.until(`recording into ${file}`, ({ stderr }) => new RegExp(`^flowglass: recording .*${file}`, 'm').test(stderr)); // prettier-ignore
    return child;
  }

  interface Made {
    readonly pid: number;
    /** Does its second exchange and closes; its port. */
    readonly finish: () => Promise<unknown>;
  }
  /** A connection there after its first exchange. */
  async function connection(): Promise<Made> {
    const child = there.start('client', [
      'tcp',
      '--to',
      '10.77.4.2',
      '--port',
      80,
      '--send',
      700,
      '--receive',
      900,
      '--exchanges',
      2,
      '--wait',
    ]);
    await child.event('ready');
    const finish = async (): Promise<unknown> => {
      child.write('\n');
      const { localPort } = await child.event('closed');
      await child.done;
      return localPort;
    };
    return { pid: child.pid, finish };
  }

  it('records as root, or who may become root, what happens there with its processes, and leaves nothing', async () => {
    const users = ['root', 'watcher'] as const;
    const children = await Promise.all(users.map((user) => record(user, `by-${user}.pcapng`)));
    expect(there.attached('veth0')).toHaveLength(4);
    const made = await connection();
    const port = await made.finish();
    const ends = await Promise.all(children.map((child) => child.stop('SIGINT', 15_000)));
    expect(ends.map(({ status, stderr }) => [status, stderr.split('\n').length])).toEqual([[0, 2], [0, 2]]); // prettier-ignore
    for (const user of users) {
      const flow = flowOf(await summarize(at(`by-${user}.pcapng`)), port);
      expect(flow).toMatchObject({ clientProcess: { pid: made.pid, name: 'lab-client' }, state: 'closed', end: 'fin' });
      expect([flow.sent.payloadBytes, flow.received.payloadBytes]).toEqual([1400, 1800]);
      expect(sshd.left(user)).toEqual([]);
    }
    expect(there.attached('veth0')).toEqual([]);
  });

  it('goes on when the connection was lost or is half open, shows the gap, and follows a flow over it', async () => {
    const cache = at('home-root/.cache/flowglass');
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'helper-of-another-version'), 'not ours');
    const child = await record('root', 'lost.pcapng', '--ssh-keep');
    const long = await connection();
    await settle(1000);
    await sshd.breakConnections();
    await child.until('connected again', ({ stderr }) => stderr.includes('connected again'));
    await child.until('attached again', ({ stderr }) => stderr.includes('veth0 is back'));
    const [longPort, later] = [await long.finish(), await connection()];
    const laterPort = await later.finish();
    await settle(1000); // read-outs come ten times a second
    here.nft(`ip saddr ${THERE} drop`);
    try {
      await child.until('half-open noticed', ({ stderr }) => stderr.split('trying again').length > 2, 30_000);
      expect((await child.stop('SIGINT', 15_000)).status).toBe(0);
    } finally {
      here.nft();
    }
    expect(child.stderr).toMatch(/: the connection was lost[^\n]*, trying again\n.*connected again, what happened meanwhile is missing\n/); // prettier-ignore
    const summary = await summarize(at('lost.pcapng'));
    expect(flowOf(summary, laterPort).clientProcess?.pid).toBe(later.pid);
    expect(flowOf(summary, longPort)).toMatchObject({ clientProcess: { pid: long.pid }, state: 'closed', end: 'fin', sent: { payloadBytes: 1400 }, received: { payloadBytes: 1800 } }); // prettier-ignore
    expect(summary.session.interfaces).toHaveLength(1);
    const gaps = interfaceGaps(await replayed(at('lost.pcapng')));
    expect(gaps.map(({ fromNs, toNs }) => [toNs > fromNs, toNs < Infinity])).toEqual([[true, true], [true, false]]); // prettier-ignore
    expect(sshd.left('root')).toEqual(expect.arrayContaining(['helper-of-another-version', expect.stringMatching(/^helper-[0-9a-f]{16}$/)])); // prettier-ignore
  });

  it('lets the app attach to it, and keeps the view when the connection is lost and back', async () => {
    const before = { ...process.env };
    Object.assign(process.env, sshd.env);
    const left = sshd.left('root');
    const engine = testEngine();
    const wire = directWire(engine);
    try {
      const host = `root@${THERE}-by-proxy`;
      expect(await wire.refusal('hostConnect', { host: 'root@refused-by-proxy' })).toBe('ssh-failed');
      const found = (await wire.result('hostConnect', { host })) as HostAnswer;
      expect([found.interfaces.map(({ name }) => name), found.problem, found.tcpdump]).toEqual([['lo', 'control', 'veth0'], null, true]); // prettier-ignore
      await wire.result('attach', { interfaces: ['veth0'], host });
      const table = wire.view(1, 'table');
      await wire.result('viewOpen', { view: 1, params: { kind: 'table' } });
      const long = await connection();
      await wire.until('the flow', ({ flows }) => flows > 0);
      await sshd.breakConnections();
      await wire.until('lost', ({ remote }) => remote?.lost !== null);
      const back = await wire.until(
        'back',
        ({ remote, attached }) => remote?.lost === null && attached[0]?.up === true,
      );
      expect([back.mode, back.flows, table.tables[0]?.length]).toEqual(['live', 1, 1]);
      await long.finish();
      await wire.result('detach');
      expect([there.attached('veth0'), wire.state?.remote]).toEqual([[], null]);
    } finally {
      await engine.close();
      Object.assign(process.env, { PATH: before['PATH'], XDG_RUNTIME_DIR: before['XDG_RUNTIME_DIR'] ?? '' });
    }
    expect(sshd.left('root')).toEqual(left);
  });

  it('takes packets only from tcpdump there', async () => {
    const child = await record('root', 'packets.pcap', '--tcpdump');
    const port = await (await connection()).finish();
    expect((await child.stop('SIGINT', 15_000)).status).toBe(0);
    const flow = flowOf(await summarize(at('packets.pcap')), port);
    expect([flow.sent.payloadBytes, flow.received.payloadBytes, flow.clientProcess]).toEqual([1400, 1800, null]);
  });

  it('says in one line what is wrong', async () => {
    const say = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await start('record', '-w', at('never.pcapng'), ...args).done;
      expect([stdout, existsSync(at('never.pcapng'))]).toEqual(['', false]);
      return `${status} ${stderr}`;
    };
    const at0 = ['-i', 'veth0'];
    const answers = await Promise.all([
      say('--ssh', 'root@refused', ...at0),
      say('--ssh', 'root@impostor', ...at0),
      say('--ssh', 'root@nowhere.invalid', ...at0),
      say('--ssh', `guest@${THERE}`, ...at0),
      say('--ssh', `guest@${THERE}`, '--tcpdump', ...at0),
      say('--ssh', `root@${THERE}`, '-i', 'eth9'),
      say('--ssh=-oProxyCommand=true', ...at0),
      say('--ssh', 'host;id', ...at0),
      say('--tcpdump', ...at0),
    ]);
    expect(answers).toEqual([
      expect.stringMatching(
        /^1 flowglass: ssh failed \(.*Permission denied.*\), root@refused, see that ssh reaches it by itself\n$/,
      ),
      expect.stringMatching(/^1 flowglass: ssh failed \(Host key verification failed\.\), root@impostor, .*\n$/),
      expect.stringMatching(/^1 flowglass: ssh failed \(.*nowhere\.invalid.*\), root@nowhere\.invalid, .*\n$/),
      expect.stringMatching(
        /^1 flowglass: capturing needs root there, and guest may not become root without a password, guest@10\.77\.3\.2, .*\n$/,
      ),
      expect.stringMatching(/^1 flowglass: .*permission to .*, .*, see what tcpdump says there\n$/i),
      '1 flowglass: no such interface, eth9, there are lo, control, veth0\n',
      expect.stringMatching(/^1 flowglass: that is no destination, -oProxyCommand=true, give user@host\n$/),
      expect.stringMatching(/^1 flowglass: that is no destination, host;id, give user@host\n$/),
      expect.stringMatching(/^2 flowglass: --tcpdump needs --ssh/),
    ]);
  });
});
