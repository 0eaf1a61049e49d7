// What just happened: kept, written on request and by triggers, with who it was and what was open before; pauses.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flowglass, record, type Recorder, summarize } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import type { Child } from '../lab/child.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { sessionNotes } from '../lab/session-notes.ts';
import { capinfos, editcap, mergecap, readPacketBlocks, tcpdumpCount, tshark } from '../lab/truth.ts';

/** Answers after 150 ms. */
const SLOW = 82;

describeAsRoot('the flight recorder', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    const mode = ['--mode', 'respond', '--request', 100, '--response', 400];
    for (const port of [80, 81]) await server.server(['tcp', '--port', port, ...mode], { timeoutMs: 120_000 });
    await server.server(['tcp', '--port', SLOW, ...mode, '--delay-ms', 150], { timeoutMs: 120_000 });
  });
  afterAll(() => lab.dispose());

  const exchange = (port: number, exchanges: number, pauseMs: number): Child =>
    client.start('client', ['tcp', '--to', link.right.v4, '--port', port, '--send', 100, '--receive', 400, '--exchanges', exchanges, '--pause-ms', pauseMs]); // prettier-ignore
  const saidBy = (recorder: Recorder, pattern: RegExp, times = 1): Promise<void> =>
    recorder.child.until(String(pattern), ({ stderr }) => (stderr.match(new RegExp(pattern, 'gm')) ?? []).length >= times, 30_000); // prettier-ignore
  const stop = async (recorder: Recorder): Promise<string> => {
    const { status, stderr } = await recorder.child.stop('SIGINT', 15_000);
    expect(status, stderr).toBe(0);
    return stderr;
  };
  const times = (file: string): number[] => tshark(file, ['frame.time_epoch']).map(([time]) => Number(time));

  it('writes the last seconds on SIGUSR1: the packets of the peer’s tcpdump, owners, and a flow that was open before', async () => {
    const truth = await server.capture('veth0', join(lab.directory, 'kept-truth.pcap'));
    const recorder = await record(lab, client, join(lab.directory, 'kept.pcapng'), ['--keep', '1s']);
    const steady = exchange(80, 100_000, 20);
    await settle(2500);
    const late = exchange(81, 5, 1);
    await late.done;
    await settle(300);
    recorder.child.signal('SIGUSR1');
    await saidBy(recorder, /^flowglass: wrote .*kept-00001\.pcapng/);
    const file = join(lab.directory, 'kept-00001.pcapng');
    const folder = readdirSync(lab.directory).find((name) => name.startsWith('.kept.kept-'))!;
    expect(statSync(join(lab.directory, folder)).mode & 0o777).toBe(0o700);
    const stderr = await stop(recorder);
    await steady.stop();
    await truth.stop();

    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(join(lab.directory, folder))).toBe(false);
    expect(existsSync(join(lab.directory, 'kept-00002.pcapng'))).toBe(false);
    const stored = times(file);
    const [first, last] = [stored[0]!, stored.at(-1)!];
    const told = /from (\S+Z) on/.exec(stderr);
    expect(Math.abs(Date.parse(told![1]!) / 1000 - first)).toBeLessThan(0.3);
    expect(last - first).toBeGreaterThan(0.9);
    expect(first).toBeGreaterThan(times(truth.file)[0]! + 0.5); // what came before is gone
    const sent = times(truth.file).filter((time) => time > first + 0.001 && time < last - 0.001);
    const kept = stored.filter((time) => time > first + 0.001 && time < last - 0.001);
    expect(Math.abs(kept.length - sent.length)).toBeLessThanOrEqual(2);
    // Every other reader takes it as it is, also together with its tcpdump, and written anew.
    expect(capinfos(file).packets).toBe(stored.length);
    expect(tcpdumpCount(file)).toBe(stored.length);
    const [plain, merged] = [join(lab.directory, 'plain.pcap'), join(lab.directory, 'merged.pcapng')];
    editcap(file, plain, 'pcap');
    expect(capinfos(plain).packets).toBe(stored.length);
    mergecap([file, truth.file], merged);
    expect(capinfos(merged).packets).toBe(stored.length + capinfos(truth.file).packets);
    const blocks = readPacketBlocks(file).packets;
    expect(blocks.filter(({ pid }) => pid === null || pid === 0)).toEqual([]);

    const summary = await summarize(file);
    expect(summary.session.truncated).toBe(false);
    expect(summary.session.lost).toEqual({ events: 0, packets: 0, flowPackets: 0 });
    const flow = (port: number) => summary.flows.find((each) => each.server.port === port)!;
    // Open since before the file begins, with its owner and its beginning.
    expect(flow(80)).toMatchObject({ state: 'established', clientProcess: { pid: steady.pid }, roles: 'syn' });
    expect(Date.parse(flow(80).started) / 1000).toBeLessThan(first - 1);
    expect(flow(80).sent.packets).toBeGreaterThan(kept.length / 2);
    expect(flow(81)).toMatchObject({ state: 'closed', end: 'fin', clientProcess: { pid: late.pid } });
  }, 60_000);

  it('records by itself when a trigger fires, what was before included, and says why there and in the file', async () => {
    const recorder = await record(lab, client, join(lab.directory, 'when.pcapng'), [
      '--keep', '3s', '--when', 'response.p50 > 100ms within 1s', '--when', 'new peer where tcp.port == 81', '--when-for', '1s',
    ]); // prettier-ignore
    const quiet = exchange(80, 100_000, 10);
    await settle(1200);
    expect(recorder.child.stderr).not.toContain('within 1s: ');
    // The peer is known: only its delay may fire.
    await exchange(81, 3, 1).done;
    const slow = exchange(SLOW, 6, 1);
    await saidBy(recorder, /within 1s: .*recording into/);
    await slow.done;
    await saidBy(recorder, /^flowglass: wrote .*when-00001\.pcapng/);
    await quiet.stop();
    const stderr = await stop(recorder);
    expect(stderr).toMatch(/response\.p50 > 100ms within 1s: lab-client\[\d+\] → .*:82: response\.p50 = 1[0-9.]+\d*ms, recording into .*when-00001/); // prettier-ignore
    expect(stderr).not.toMatch(/new peer.*recording into/);
    const file = join(lab.directory, 'when-00001.pcapng');
    const summary = await summarize(file);
    expect(summary.session.truncated).toBe(false);
    const stored = times(file);
    expect(stored.length).toBe(capinfos(file).packets);
    expect(tcpdumpCount(file)).toBe(stored.length);
    expect(Math.abs(Date.parse(/from (\S+Z) on/.exec(stderr)![1]!) / 1000 - stored[0]!)).toBeLessThan(0.5);
    const said = /(response\.p50 > 100ms within 1s: .*), recording into/.exec(stderr)![1];
    const { why } = await sessionNotes(file);
    expect(why.map(({ text }) => text)).toEqual([said]);
    // What came before what fired, and a second of what came after.
    const { started } = summary.flows.find((flow) => flow.server.port === SLOW)!;
    expect(why[0]!.at).toBeGreaterThan(Date.parse(started) / 1000);
    expect(stored[0]! + 1).toBeLessThan(Date.parse(started) / 1000);
    expect(stored.at(-1)! - 0.9).toBeGreaterThan(why[0]!.at);
  }, 60_000);

  it('pauses on SIGUSR2 and goes on: no packet of the pause, counted all the same, and a gap in the file', async () => {
    const recorder = await record(lab, client, join(lab.directory, 'paused.pcapng'));
    const truth = await server.capture('veth0', join(lab.directory, 'paused-truth.pcap'));
    const traffic = exchange(80, 100_000, 5);
    await settle(800);
    recorder.child.signal('SIGUSR2');
    await saidBy(recorder, /^flowglass: paused/);
    const pausedAt = Date.now() / 1000;
    await settle(1000);
    const resumedAt = Date.now() / 1000;
    recorder.child.signal('SIGUSR2');
    await saidBy(recorder, /^flowglass: recording again/);
    await settle(800);
    await traffic.stop();
    await settle(100);
    const { frames } = await truth.stop();
    const summary = await recorder.finish();
    const stored = times(recorder.file);
    // What the kernel had copied by then is still on its way.
    expect(stored.filter((time) => time > pausedAt + 0.05 && time < resumedAt - 0.05)).toEqual([]);
    const { pauses } = await sessionNotes(recorder.file);
    expect(pauses).toHaveLength(1);
    expect(Math.abs(pauses[0]!.from - pausedAt)).toBeLessThan(0.5);
    expect(Math.abs(pauses[0]!.to - resumedAt)).toBeLessThan(0.5);
    expect(stored.filter((time) => time < pausedAt - 0.3).length).toBeGreaterThan(50);
    expect(stored.filter((time) => time > resumedAt + 0.3).length).toBeGreaterThan(50);
    expect(summary.session.frames).toBe(frames);
    expect(summary.session.captured.packets).toBeLessThan(frames * 0.8);
    expect(summary.session.lost.packets).toBe(0);
  }, 60_000);

  it('says what is wrong with a trigger by the character, before anything is attached', async () => {
    const file = join(lab.directory, 'no.pcapng');
    const { status, stderr, stdout } = await flowglass(['record', '--netns', client.path, '-i', 'veth0', '-w', file, '--when', 'rtt.p99 > 200']).done; // prettier-ignore
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^flowglass: .*character 11.*needs a unit.*200ms\n$/);
    expect(client.attached('veth0')).toEqual([]);
  });
});
