// The flight recorder of the app, over a WebSocket: what just happened is kept and saved, triggers record, recordings pause.
import { existsSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serve, type RunningServer } from '../../cli/serve/server.ts';
import type { NoticeEvent } from '../../core/contract/answers.ts';
import type { ExportDone } from '../../core/contract/exports.ts';
import type { FlightState, SavedAnswer } from '../../core/contract/recording.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { testEngine } from '../desktop/engine.ts';
import { admitted } from '../desktop/web-socket-wire.ts';
import { eventually, type Wire } from '../desktop/wire.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { capinfos, readPacketBlocks, tcpdumpCount, tshark } from '../lab/truth.ts';

/** Answers after 150 ms. */
const SLOW = 82;

describeAsRoot('the flight recorder of the app', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  let engine: Engine;
  let served: RunningServer;
  let wire: Wire;
  let folder: string;
  const opened: string[] = [];
  let files = 0;

  const newEngine = (): Engine =>
    testEngine({
      flightFolder: folder,
      newRecording: () => join(lab.directory, `recording-${++files}.pcapng`),
      opened: (path) => void opened.push(path),
    });

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    const mode = ['--mode', 'respond', '--request', 100, '--response', 1000];
    await server.server(['tcp', '--port', 80, ...mode], { timeoutMs: 120_000 });
    await server.server(['tcp', '--port', SLOW, ...mode, '--delay-ms', 150], { timeoutMs: 120_000 });
    folder = join(lab.directory, 'state');
    const page = mkdtempSync(join(lab.directory, 'page-'));
    writeFileSync(join(page, 'index.html'), '<!doctype html>');
    engine = newEngine();
    served = await serve({ host: '127.0.0.1', port: 0, page, connect: (port) => engine.connect(port) });
    wire = await (await admitted(served.url)).connect();
    await wire.result('attach', { interfaces: ['veth0'], netns: [client.path] });
  });
  afterAll(async () => {
    await served.close();
    await engine.close();
    lab.dispose();
  });

  const exchange = (port: number, exchanges: number, pauseMs: number) =>
    client.start('client', ['tcp', '--to', link.right.v4, '--port', port, '--send', 100, '--receive', 1000, '--exchanges', exchanges, '--pause-ms', pauseMs]); // prettier-ignore
  const flight = (): FlightState => wire.state!.flight!;
  const rings = (): string[] => readdirSync(folder).filter((name) => name.startsWith('.flight.kept-'));
  const noticed = (code: string): Promise<NoticeEvent> =>
    eventually(code, () => wire.messages.flatMap((message) => ('event' in message && message.event === 'notice' && message.data.code === code ? [message.data] : []))[0]); // prettier-ignore

  it('keeps what happens, hidden and bounded, and saves it as a file that opens as a session', async () => {
    await wire.until('keeping', (state) => state.flight?.running === true);
    expect(flight()).toMatchObject({ settings: { on: true, seconds: 120, megabytes: 256 }, problem: null });
    expect(rings()).toHaveLength(1);
    const ring = join(folder, rings()[0]!);
    expect([statSync(folder), statSync(ring)].map(({ mode }) => mode & 0o777)).toEqual([0o700, 0o700]);
    expect(readdirSync(ring).map((name) => statSync(join(ring, name)).mode & 0o777)).toEqual([0o600]);
    const truth = await server.capture('veth0', join(lab.directory, 'truth.pcap'));
    const sender = exchange(80, 20, 5);
    await sender.done;
    await truth.stop();
    await settle(400);
    const saved = (await wire.result('flightSave')) as SavedAnswer;
    expect(opened.at(-1)).toBe(saved.path);
    expect(statSync(saved.path).mode & 0o777).toBe(0o600);
    const { packets } = readPacketBlocks(saved.path);
    expect(packets).toHaveLength(saved.packets);
    expect([capinfos(saved.path).packets, tcpdumpCount(saved.path)]).toEqual([saved.packets, saved.packets]);
    // Each with its owner, cut to what is kept of it; of one connection all that the peer saw.
    expect(new Set(packets.map(({ pid }) => pid))).toEqual(new Set([sender.pid]));
    expect(Math.max(...packets.map(({ captured }) => captured))).toBe(256);
    const ids = (file: string): string[] => tshark(file, ['ip.src', 'ip.id'], ['-Y', 'tcp.port == 80']).map((each) => each.join()); // prettier-ignore
    expect(ids(saved.path).sort()).toEqual(ids(truth.file).sort());
    expect(wire.state?.mode).toBe('live');
  }, 60_000);

  it('pauses a recording while it goes on keeping; the recording keeps to its own snaplen', async () => {
    const { path } = (await wire.result('recordStart', { snaplen: 100 })) as { path: string };
    await exchange(80, 5, 1).done;
    await settle(400);
    await wire.result('recordPause', { paused: true });
    await wire.until('paused', ({ recording }) => recording?.paused === true);
    await exchange(80, 5, 1).done;
    await settle(400);
    await wire.result('recordPause', { paused: false });
    await exchange(80, 5, 1).done;
    await wire.result('recordStop');
    const { packets } = readPacketBlocks(path);
    expect(Math.max(...packets.map(({ captured }) => captured))).toBe(100);
    const ports = (file: string): Set<string> => new Set(tshark(file, ['tcp.srcport'], ['-Y', 'tcp.dstport == 80']).map(([port]) => port!)); // prettier-ignore
    expect(ports(path).size).toBe(2);
    const saved = (await wire.result('flightSave')) as SavedAnswer;
    expect(ports(saved.path).size).toBe(4);
    expect(await wire.refusal('recordPause', { paused: true })).toBe('not-recording');
  }, 60_000);

  it('exports the packets that are kept, also one flow of them, and keeps no copy', async () => {
    const wish = { format: 'pcapng', preset: 'plain' };
    expect(await wire.result('exportLook', { wish })).toMatchObject({ exact: false });
    const fetched = async (over: object): Promise<string[][]> => {
      const { download } = (await wire.result('exportStart', { wish: { ...wish, ...over }, path: null })) as ExportDone;
      const file = engine.exports.take(new URLSearchParams(download?.split('?')[1]).get('id') ?? '')!;
      const ports = tshark(file.path, ['tcp.port']);
      file.done();
      return ports;
    };
    await exchange(80, 2, 0).done;
    await exchange(SLOW, 2, 0).done;
    await settle(600);
    const has = (port: number) => (ports: string[][]) =>
      ports.some(([both]) => both?.split(',').includes(String(port)));
    const all = await fetched({});
    expect([80, SLOW].map((port) => has(port)(all))).toEqual([true, true]);
    await wire.result('filter', { text: `port == ${SLOW}` });
    const some = await fetched({ filtered: true });
    expect([80, SLOW].map((port) => has(port)(some))).toEqual([false, true]);
    await wire.result('filter', { text: '' });
    expect(rings()).toHaveLength(1);
  });

  it('records by itself around what a trigger saw, says so, and remembers the trigger', async () => {
    const text = 'response.p50 > 100ms within 1s';
    expect(await wire.refusal('flightTriggers', { wish: { triggers: [{ text: 'rtt.p99 > 5', enabled: true }], afterSeconds: 1 } })).toBe('bad-trigger'); // prettier-ignore
    expect(await wire.result('triggerCheck', { text: 'rtt.p99 > 5' })).toMatchObject({ ok: false, position: 10, fix: 'rtt.p99 > 5ms' }); // prettier-ignore
    expect(await wire.result('triggerComplete', { text: 'session: respo', cursor: 14 })).toMatchObject({ from: 9, to: 14 }); // prettier-ignore
    await wire.result('flightTriggers', { wish: { triggers: [{ text, enabled: true }, { text: 'new peer', enabled: false }], afterSeconds: 1 } }); // prettier-ignore
    await exchange(SLOW, 4, 1).done;
    const said = await noticed('triggered');
    expect(said).toMatchObject({ level: 'warning', what: expect.stringMatching(/^response\.p50 > 100ms within 1s: lab-client\[\d+\] → .*:82: response\.p50 = 1\d\dms$/) }); // prettier-ignore
    const done = await noticed('recorded');
    expect(done.where).toBe(said.where);
    expect(opened.at(-1)).toBe(done.where);
    const [trigger, other] = flight().triggers;
    expect(trigger).toMatchObject({ text, fired: { times: 1, path: done.where } });
    expect(said.what).toBe(`${text}: ${trigger!.fired!.evidence}`);
    expect(other).toEqual({ text: 'new peer', enabled: false, fired: null });
    expect(new Set(tshark(done.where!, ['tcp.port']).flatMap(([ports]) => ports!.split(','))).has(String(SLOW))).toBe(true); // prettier-ignore
    await wire.result('open', { path: done.where });
    await wire.until('the session', ({ mode, truncated, flows }) => mode === 'replay' && !truncated && flows > 0);
    expect(rings()).toEqual([]); // nothing is watched any more
    expect(flight()).toMatchObject({ running: false, heldMs: 0 });
    const other2 = newEngine();
    expect(other2['flight']?.state.triggers.map((each) => [each.text, each.enabled])).toEqual([[text, true], ['new peer', false]]); // prettier-ignore
    await other2.close();
  }, 60_000);

  it('keeps nothing when that is wished, also the next time', async () => {
    await wire.result('flightKeep', { settings: { on: false, seconds: 60, megabytes: 10 } });
    await wire.result('attach', { interfaces: ['veth0'], netns: [client.path] });
    expect(flight()).toMatchObject({ running: false, settings: { on: false, seconds: 60 } });
    expect(rings()).toEqual([]);
    expect(await wire.refusal('flightSave')).toBe('nothing-kept');
    expect(existsSync(join(folder, 'flight.json'))).toBe(true);
    expect(statSync(join(folder, 'flight.json')).mode & 0o777).toBe(0o600);
  }, 60_000);
});
