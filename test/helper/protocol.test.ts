// What the helper says on its socket, against what really arrived there: accounting, credits, order, interfaces.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  END_STOPPED,
  FLOW,
  FLOW_RECORD,
  COUNTERS,
  FRAME_HELLO,
  FRAME_PACKETS,
  FRAME_RESYNCED,
  FRAME_STATS,
  INTERFACE_ATTACHED,
  INTERFACE_DETACHED,
  INTERFACE_FAILED,
  INTERFACE_GONE,
  INTERFACE_LINK,
  RECORD_FINAL,
  TOTALS,
  TOTALS_RECORD,
  RUNG_AUTO,
  RUNG_CLSACT,
  RUNG_TCX,
  RUNG_XDP_GENERIC,
  STREAM_PACKETS,
} from '../../core/abi/generated.ts';
import { captureCommand, detachCommand, resyncCommand, stopCommand } from '../../core/wire/commands.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { CHECKOUT } from '../lab/programs.ts';
import { RawEngine } from './engine.ts';

const HELPER = join(CHECKOUT, 'dist/helper/flowglass-helper');
/** Unacknowledged bytes after which packets wait (helper/helper.h, CREDIT_BYTES), and one frame more. */
const CREDIT_LIMIT = (4 << 20) + 65536;

describeAsRoot('the protocol of the helper', () => {
  let lab: Lab;
  let client: Host;
  let link: Link;
  let ifindex: number;
  const engines: RawEngine[] = [];

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    link = lab.link(client, lab.host('server'));
    ifindex = indexOf('veth0');
    link.right.host.nft('udp dport 2000-60000 drop'); // no port-unreachable answers
  });
  afterEach(() => {
    for (const engine of engines.splice(0)) engine.kill();
  });
  afterAll(() => lab.dispose());

  const indexOf = (device: string): number =>
    Number(JSON.parse(client.run('ip', ['-j', 'link', 'show', 'dev', device]))[0].ifindex);

  async function start(...hello: [Parameters<typeof RawEngine.start>[2]?]): Promise<RawEngine> {
    const engine = await RawEngine.start(client, HELPER, hello[0] ?? { tableBytes: 1 << 20 });
    engines.push(engine);
    await engine.until('HELLO', () => engine.frames.has(FRAME_HELLO));
    return engine;
  }

  async function stop(engine: RawEngine): Promise<void> {
    engine.acknowledge = false; // a helper that is gone takes nothing: what it had sent would be lost with the socket
    engine.send(stopCommand());
    await engine.until('BYE', () => engine.bye !== null);
    expect(await engine.exit).toBe(0);
  }

  /** Datagrams over `ports` destination ports, as fast as they go. Returns how many were sent. */
  function blast(count: number, ports: number, bytes: number): number {
    const script = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b = bytes(${bytes}); n = 0
for i in range(${count}):
    try: n += s.sendto(b, ("${link.right.v4}", 2000 + i * 7919 % ${ports})) > 0
    except OSError: pass
print(n)`;
    return Number(client.run('python3', ['-c', script]));
  }

  it('STATS is true at the instant it names, for every stream, while packets are captured', async () => {
    const engine = await start({ tableBytes: 1 << 16, intervalMs: 20 });
    await engine.attach(ifindex, 0, RUNG_AUTO, RUNG_AUTO);
    engine.send(captureCommand(true, 96));
    await settle(100);
    const sent = blast(60_000, 20_000, 200);
    await engine.until('three STATS', () => (engine.frames.get(FRAME_STATS) ?? 0) >= 3);
    await stop(engine);
    for (const { stats, frames, records } of engine.stats) {
      expect(stats.sequence).toBe(frames);
      stats.streams.forEach((stream, index) => {
        expect(stream.delivered).toBe(records[index]);
        expect(stream.delivered + stream.queued + stream.lostRing + stream.lostQueue + stream.lostSocket).toBe(
          stream.generated,
        );
      });
    }
    expect(engine.bye?.streams.map((stream) => stream.queued)).toEqual([0, 0, 0]);
    expect(engine.bye?.endReason).toBe(END_STOPPED);
    const packets = engine.bye?.streams[STREAM_PACKETS];
    expect(packets?.generated).toBeGreaterThanOrEqual(sent);
  });

  it('records of a slot arrive in order, each generation ends with one final record, and they add up to what was sent', async () => {
    const engine = await start({ tableBytes: 1 << 16, intervalMs: 20 }); // 1,024 slots a CPU for 20,000 flows
    interface Slot {
      generation: number;
      packets: bigint;
      final: boolean;
    }
    const slots = new Map<number, Slot>();
    const faults: string[] = [];
    let settled = 0n;
    engine.onFlow = (view, at) => {
      const slot = view.getUint16(at + FLOW_RECORD.cpu, true) * 1e6 + view.getUint32(at + FLOW_RECORD.slot, true);
      const generation = view.getUint32(at + FLOW_RECORD.generation, true);
      const final = (view.getUint16(at + FLOW_RECORD.recordFlags, true) & RECORD_FINAL) !== 0;
      const counters = at + FLOW_RECORD.flow + FLOW.direction + COUNTERS.packets;
      const packets = view.getBigUint64(counters, true) + view.getBigUint64(counters + COUNTERS.size, true);
      const last = slots.get(slot);
      if (last !== undefined) {
        if (generation < last.generation) faults.push(`slot ${slot}: ${generation} after ${last.generation}`);
        if (generation === last.generation && last.final) faults.push(`slot ${slot}: ${generation} after its last`);
        if (generation === last.generation && packets < last.packets) faults.push(`slot ${slot} shrank`);
        if (generation > last.generation && !last.final) faults.push(`slot ${slot}: ${last.generation} never ended`);
        if (generation > last.generation) settled += last.packets;
      }
      slots.set(slot, { generation, packets, final });
    };
    await engine.attach(ifindex, 0, RUNG_AUTO, RUNG_AUTO);
    const before = client.counters('veth0');
    const sent = blast(60_000, 20_000, 100);
    await stop(engine);
    const after = client.counters('veth0');
    expect(faults.slice(0, 5)).toEqual([]);
    for (const slot of slots.values()) {
      expect(slot.final).toBe(true);
      settled += slot.packets;
    }
    expect(sent).toBe(60_000);
    expect(Number(settled)).toBeGreaterThanOrEqual(sent);
    expect(Number(settled)).toBeLessThanOrEqual(
      after.txPackets - before.txPackets + after.rxPackets - before.rxPackets + 4,
    );
    expect(engine.bye?.displaced).toBeGreaterThan(15_000);
  });

  it('without credit packets wait while state and STATS go on; nothing is unaccounted for', async () => {
    const engine = await start({ tableBytes: 1 << 20, intervalMs: 20, packetRingBytes: 1 << 20 });
    engine.acknowledge = false;
    await engine.attach(ifindex, 0, RUNG_AUTO, RUNG_AUTO);
    engine.send(captureCommand(true, 0));
    await settle(100);
    const sent = blast(40_000, 50, 1000); // 40 MB of packets
    await settle(1500);
    const packetFrames = engine.frames.get(FRAME_PACKETS);
    const statsFrames = engine.frames.get(FRAME_STATS) ?? 0;
    expect(engine.packetBytes).toBeGreaterThan(1 << 20);
    expect(engine.packetBytes).toBeLessThan(CREDIT_LIMIT);
    await settle(1200);
    expect(engine.frames.get(FRAME_PACKETS)).toBe(packetFrames);
    expect(engine.frames.get(FRAME_STATS)).toBeGreaterThan(statsFrames);
    await stop(engine);
    const packets = engine.bye?.streams[STREAM_PACKETS];
    expect(packets?.generated).toBeGreaterThanOrEqual(sent);
    expect(packets?.lostRing).toBeGreaterThan(0);
    expect(packets?.delivered).toBe(engine.records[STREAM_PACKETS]);
  });

  it('an engine that does not read: the helper ends by itself once asked to, leaving nothing attached', async () => {
    const engine = await start({ tableBytes: 1 << 20, intervalMs: 20 });
    await engine.attach(ifindex, 0, RUNG_CLSACT, RUNG_CLSACT);
    engine.send(captureCommand(true, 0));
    await settle(100);
    engine.pause();
    blast(20_000, 50, 1000);
    engine.signal('SIGTERM');
    expect(await Promise.race([engine.exit, settle(10_000)])).toBe(0);
    expect(client.attached('veth0')).toEqual([]);
    engine.resume();
  });

  it('answers every ATTACH, also those that cannot be', async () => {
    const engine = await start();
    const missing = await engine.attach(999_999, 0, RUNG_AUTO, RUNG_AUTO);
    expect(missing).toMatchObject({ iface: 0, state: INTERFACE_FAILED, error: 19 });
    const attached = await engine.attach(ifindex, 1, RUNG_AUTO, RUNG_AUTO);
    expect(attached).toMatchObject({ state: INTERFACE_ATTACHED, name: 'veth0', driver: 'veth', linkType: 1, up: true });
    expect(attached.ingress).not.toBe(RUNG_XDP_GENERIC);
    expect(await engine.attach(ifindex, 2, RUNG_AUTO, RUNG_AUTO)).toMatchObject({ state: INTERFACE_FAILED, error: 17 });
    expect(await engine.attach(1, 1, RUNG_AUTO, RUNG_AUTO)).toMatchObject({ state: INTERFACE_FAILED, error: 17 });
    expect(await engine.attach(1, 3, RUNG_TCX, RUNG_TCX)).toMatchObject({ name: 'lo', ingress: RUNG_TCX });
    engine.send(detachCommand(1));
    await engine.until('DETACHED', () => engine.interfaces.at(-1)?.state === INTERFACE_DETACHED);
    expect(client.attached('veth0')).toEqual([]);
    await stop(engine);
  });

  it('tells of an interface that goes down, is renamed, and is taken away', async () => {
    client.ip('link add news0 type veth peer name news1', 'link set news0 up', 'link set news1 up');
    const engine = await start();
    await engine.attach(indexOf('news0'), 0, RUNG_AUTO, RUNG_AUTO);
    client.ip('link set news0 down', 'link set news0 name news2');
    await engine.until('the new name', () => engine.interfaces.at(-1)?.name === 'news2');
    expect(engine.interfaces.at(-1)).toMatchObject({ state: INTERFACE_LINK, up: false });
    client.ip('link del news2');
    await engine.until('GONE', () => engine.interfaces.at(-1)?.state === INTERFACE_GONE);
    await stop(engine);
  });

  it('tells of interfaces that nobody watches: those there are, new ones, new names', async () => {
    const engine = await start();
    await engine.until('what there is', () => engine.present.length >= 2);
    expect(engine.present.map(({ name }) => name).sort()).toEqual(['lo', 'veth0']);
    client.ip('link add br7 type bridge', 'link add port0 type veth peer name port1', 'link set port0 master br7');
    await engine.until('new ones', () => engine.present.some(({ name }) => name === 'port1'));
    client.ip('link set port1 name port2');
    await engine.until('the new name', () => engine.present.at(-1)?.name === 'port2');
    const port = await engine.attach(indexOf('port0'), 0, RUNG_AUTO, RUNG_AUTO);
    expect(port).toMatchObject({ master: indexOf('br7'), link: indexOf('port2') });
    client.ip('link del port0', 'link del br7');
    await engine.until('GONE', () => engine.interfaces.at(-1)?.state === INTERFACE_GONE);
    await stop(engine);
  });

  it('a number is for one attach only; places are used again, each number with totals of its own', async () => {
    const engine = await start({ tableBytes: 1 << 16, intervalMs: 20 });
    const totals = new Map<number, bigint>();
    engine.onTotals = (view, at) => {
      const sent = at + TOTALS_RECORD.totals + TOTALS.direction + COUNTERS.size + COUNTERS.packets;
      totals.set(view.getUint16(at + TOTALS_RECORD.iface, true), view.getBigUint64(sent, true));
    };
    for (const [number, count] of [
      [5, 3],
      [5 + 256, 4],
      [5 + 3 * 256, 5],
    ] as const) {
      expect(await engine.attach(ifindex, number, RUNG_AUTO, RUNG_AUTO)).toMatchObject({ state: INTERFACE_ATTACHED });
      expect(blast(count, 50, 100)).toBe(count);
      engine.send(detachCommand(number));
      await engine.until('DETACHED', () => engine.interfaces.at(-1)?.state === INTERFACE_DETACHED);
      for (const used of [5, number])
        expect(await engine.attach(ifindex, used, RUNG_AUTO, RUNG_AUTO)).toMatchObject({ state: INTERFACE_FAILED, error: 17 }); // prettier-ignore
    }
    await stop(engine);
    expect([...totals].sort(([a], [b]) => a - b)).toEqual([
      [5, 3n],
      [261, 4n],
      [773, 5n],
    ]);
  });

  it('sends what existed after the first attach and again at RESYNC, each ended by RESYNCED', async () => {
    const engine = await start();
    expect(engine.frames.has(FRAME_RESYNCED)).toBe(false);
    await engine.attach(ifindex, 0, RUNG_AUTO, RUNG_AUTO);
    await engine.until('RESYNCED', () => engine.frames.get(FRAME_RESYNCED) === 1);
    engine.send(resyncCommand());
    await engine.until('RESYNCED again', () => engine.frames.get(FRAME_RESYNCED) === 2);
    await stop(engine);
  });

  it('holds no capability after attaching to tcx, and only CAP_NET_ADMIN on clsact', async () => {
    const status = (engine: RawEngine, field: string): string | undefined =>
      new RegExp(`^${field}:\\s*(\\S+)`, 'm').exec(execFileSync('cat', [`/proc/${engine.pid}/status`], { encoding: 'utf8' }))?.[1]; // prettier-ignore
    const tcx = await start();
    await tcx.attach(ifindex, 0, RUNG_TCX, RUNG_TCX);
    expect(status(tcx, 'CapPrm')).toBe('0000000000000000');
    expect(status(tcx, 'NoNewPrivs')).toBe('1');
    expect(status(tcx, 'Seccomp')).toBe('2');
    await stop(tcx);
    const clsact = await start();
    await clsact.attach(ifindex, 0, RUNG_CLSACT, RUNG_CLSACT);
    expect(status(clsact, 'CapPrm')).toBe('0000000000001000');
    await stop(clsact);
  });

  it('--probe says what works, as JSON, and attaches to nothing', () => {
    const probe = JSON.parse(client.run(HELPER, ['--probe']));
    expect(probe).toMatchObject({ abi: 1, btf: true, loaded: true, failure: null });
    expect(probe.features.xdp).toBe(true);
    expect(probe.netns).toBe(client.inode);
    expect(client.attached('veth0')).toEqual([]);
  });
});
