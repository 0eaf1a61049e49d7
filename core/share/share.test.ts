/** Shared copies of every capture in the corpus against tshark; our own records; what may leave at all. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { FRAME_LOG, FRAME_PACKETS, FRAME_PEEK } from '../abi/generated.ts';
import * as abi from '../abi/generated.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { readCapture } from '../capture/read.ts';
import { ethernet, ipv4, udp } from '../dissect/test-packets.ts';
import { runExport } from '../export/run.ts';
import { FlowglassError } from '../errors.ts';
import { Reducer } from '../flow/reducer.ts';
import { Session } from '../session/reader.ts';
import { SessionWriter } from '../session/writer.ts';
import { openForeign } from '../tracker/open-foreign.ts';
import { flowSummary } from '../summary/flow.ts';
import { summaryFlows } from '../summary/summary.ts';
import { AddressPseudonyms } from './addresses.ts';
import { FrameCleaner } from './frames.ts';
import { keyFrom, newKey } from './key.ts';
import { Pseudonyms } from './pseudonyms.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const own = join(root, 'test/corpus');
const outside = process.env['FLOWGLASS_CORPUS'] ?? join(root, '../shared/corpus');
const present = existsSync(join(outside, 'truth.json'));
if (!present) console.warn(`the corpus folder ${outside} is not there: only test/corpus is shared`);

const folder = mkdtempSync(join(tmpdir(), 'flowglass-share-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let serial = 0;

async function shared(path: string): Promise<string> {
  const output = join(folder, `${serial++}.pcapng`);
  await runExport({
    path,
    format: 'pcapng',
    preset: 'as-recorded',
    output,
    force: false,
    interfaces: [],
    filter: null,
    from: null,
    to: null,
    share: { keyFile: null },
    application: 'test',
  });
  return output;
}

function tshark(path: string, ...fields: string[]): string[] {
  const args = ['-n', '-r', path, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  return spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout.split(/[\n\t,]/);
}

/** A copy gives packets that have no time, in a file without any, the first one there is. */
const NO_TIME = '1970-01-01T00:00:00.000000000Z';

/** Flows without what names somebody and what is read from payload. */
async function storyOf(path: string) {
  const { source, result } = await openForeign(path);
  const flows = [...summaryFlows(source)].map((flow) => {
    const told = flowSummary(source, flow);
    const { protocol, family, roles, started, ended, state, end, sent, received, retransmits, resets, zeroWindows } = told; // prettier-ignore
    const { connectUs, rtt, response } = told.latency;
    const ports = [told.client.port, told.server.port];
    return { protocol, family, roles, started: started ?? NO_TIME, ended, state, end, sent, received, retransmits, resets, zeroWindows, connectUs, rtt, response, ports }; // prettier-ignore
  });
  return { flows, packets: result.packets };
}

/** Link types of which nothing is kept; and what the tracker tells by payload or by fields that are not kept. */
const EMPTIED = /pflog|usb|pktap|nflog|bluetooth|can|dbus/i;
const KEPT = /^(127\.|0\.0\.0\.0$|255\.255\.255\.255$|224\.0\.0\.|239\.255\.255\.250$|::$|::1$|ff0)/;

for (const source of present ? [own, outside] : [own]) {
  const truth = JSON.parse(readFileSync(join(source, 'truth.json'), 'utf8')) as Record<string, unknown>;
  const files = readdirSync(source).filter((name) => truth[name] !== undefined);
  describe(`of ${source === own ? 'test/corpus' : 'the outside corpus'} a copy has the same flows and no address`, () => {
    it.each(files)('%s', async (name) => {
      const path = join(source, name);
      let before: Awaited<ReturnType<typeof storyOf>>;
      try {
        before = await storyOf(path);
      } catch {
        await expect(shared(path)).rejects.toBeInstanceOf(FlowglassError);
        return;
      }
      let copy: string;
      try {
        copy = await shared(path);
      } catch (error) {
        expect(error).toMatchObject({ code: 'time-range' });
        return;
      }
      const after = await storyOf(copy);
      expect(after.packets).toBe(before.packets);
      if (!EMPTIED.test(name)) expect(after.flows).toEqual(before.flows);
      const fields = ['ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'arp.src.proto_ipv4', 'arp.dst.proto_ipv4', 'icmpv6.nd.ns.target_address']; // prettier-ignore
      const text = tshark(copy, ...fields);
      const left = new Set(text);
      for (const address of new Set(tshark(path, ...fields)))
        if (address !== '' && !KEPT.test(address)) expect([address, left.has(address)]).toEqual([address, false]);
    });
  });
}

describe('addresses', () => {
  const pseudonym = (names: AddressPseudonyms, text: string): string => names.text(text)!;
  it('share as many leading bits as before, and keep their kind', () => {
    const names = new AddressPseudonyms(newKey());
    const number = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const common = (a: string, b: string): number => Math.clz32(number(a) ^ number(b));
    const list = ['10.1.2.3', '10.1.2.4', '10.1.3.4', '10.200.0.1', '172.16.5.5', '172.31.5.5', '192.168.1.1', '192.168.2.1']; // prettier-ignore
    for (const a of list)
      for (const b of list) expect(common(pseudonym(names, a), pseudonym(names, b))).toBe(common(a, b));
    for (const a of list) expect(pseudonym(names, a)).toMatch(/^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.)/);
    for (const kept of ['127.0.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.251']) expect(pseudonym(names, kept)).toBe(kept); // prettier-ignore
    expect(Number(pseudonym(names, '239.1.2.3').split('.')[0])).toBeGreaterThanOrEqual(224);
    for (let i = 0; i < 200; i++) expect(pseudonym(names, `${(i % 9) + 1}.${i}.7.9`)).not.toMatch(/^(10|127|192\.168|172\.16|2[2-5]\d)\./); // prettier-ignore
  });
  it('of many, no two get the same', () => {
    const names = new AddressPseudonyms(newKey());
    const made = new Set<string>();
    for (let i = 0; i < 4096; i++) made.add(pseudonym(names, `192.168.${i >> 8}.${i & 255}`));
    expect(made.size).toBe(4096);
  });
  it('a solicited-node group and its Ethernet group do not tell the end of the address', () => {
    const names = new AddressPseudonyms(newKey());
    const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xab, 0xcd, 0xef);
    names.v6(group, 0);
    expect([...group.subarray(0, 13)]).toEqual([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]);
    expect(Buffer.from(group.subarray(13)).toString('hex')).not.toBe('abcdef');
    const mac = Uint8Array.of(0x33, 0x33, 0xff, 0xab, 0xcd, 0xef);
    names.mac(mac, 0);
    expect(Buffer.from(mac).toString('hex')).toMatch(/^3333ff(?!abcdef)/);
  });
});

describe('texts', () => {
  const names = new Pseudonyms(newKey());
  it('a process has one name as comm, in its path and in its arguments', () => {
    const comm = names.text('process', 'billing');
    expect(names.text('path', '/opt/acme/billing')).toMatch(new RegExp(`^/d-\\w{8}/${comm}$`));
    expect(names.text('arguments', '/opt/acme/billing\0--token\0abc')).toMatch(new RegExp(`/${comm}\0a-\\w{8}$`));
  });
  it('names of one domain stay together', () => {
    const [a, b] = ['www.shop.example', 'api.shop.example'].map((name) => names.text('name', name).split('.'));
    expect(a!.slice(1)).toEqual(b!.slice(1));
    expect(a![0]).not.toBe(b![0]);
  });
  it('a control group stays a container, without its id', () => {
    const id = 'ab'.repeat(32);
    const made = names.text('container', `/system.slice/docker-${id}.scope`);
    expect(made).toMatch(/^\/system\.slice\/docker-[0-9a-f]{64}\.scope$/);
    expect(made).not.toContain(id);
    expect(names.text('container', '/user.slice/user-1000.slice/acme.service')).toMatch(/^\/user\.slice\/user-c-\w{8}\.slice\/c-\w{8}\.service$/); // prettier-ignore
  });
  it('common interface names stay, others and those with a MAC address in them do not', () => {
    for (const name of ['lo', 'eth0', 'enp3s0', 'wlan0']) expect(names.text('interface', name)).toBe(name);
    for (const name of ['acme-vpn', 'enx001122334455', 'br-1234567890ab', 'veth1a2b3c4']) expect(names.text('interface', name)).toMatch(/^if-/); // prettier-ignore
  });
});

describe('a file with texts everywhere', () => {
  it('has none of them in its copy', async () => {
    const writer = new PcapngWriter();
    writer.section({
      comment: 'SECRET-section',
      hardware: 'SECRET-hardware',
      os: 'SECRET-os',
      application: 'SECRET-app',
    });
    writer.interface({ linkType: 1, snaplen: 0, name: 'SECRET-if', description: 'SECRET-description', filter: 'SECRET-filter', os: 'SECRET-os', hardware: 'SECRET-card', mac: Uint8Array.of(2, 83, 69, 67, 82, 69) }); // prettier-ignore
    writer.names([{ address: Uint8Array.of(192, 0, 2, 1), names: ['SECRET.example'] }]);
    writer.process({
      pid: 7,
      name: 'SECRET-name',
      path: '/SECRET/x',
      commandLine: ['SECRET', '--SECRET'],
      user: 'SECRET',
    });
    const packet = ethernet(0x800, ipv4('192.0.2.1', '198.51.100.1', 17, udp(40000, 9, [...Buffer.from('SECRET')])));
    writer.packet(0, 0, 1, packet.length, packet.length, packet, 0, 1, 7, 8, 0);
    for (const type of [0x0a, 0xbad, 0x40000bad, 0x80001234, 0x1234]) {
      const at = writer.beginBlock(type, 16);
      writer.bytes.set(Buffer.from('\0\0\0\0SECRET--'), at);
      writer.endBlock(at + 12);
    }
    const path = join(folder, 'texts.pcapng');
    writeFileSync(path, writer.pending());
    const copy = await shared(path);
    expect(readFileSync(copy).toString('latin1')).not.toMatch(/SECRET/i);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    let packets = 0;
    await readCapture(copy, {
      packet: (each) => {
        packets++;
        expect([each.pid, each.tid, each.captured, each.length]).toEqual([7, 8, 42, packet.length]);
      },
    });
    expect(packets).toBe(1);
  });
});

describe('our records', () => {
  it('every kind of frame has been thought of: what is not numbers or pseudonyms stays behind', () => {
    const cleaner = new FrameCleaner(new Pseudonyms(newKey()));
    const kinds = Object.entries(abi).filter(([name]) => /^FRAME_[A-Z]+$/.test(name) && name !== 'FRAME_HEADER');
    const behind = kinds.filter(([, type]) => cleaner.clean(type as number, new Uint8Array(4096)) === null);
    expect(behind.map(([, type]) => type).sort()).toEqual([FRAME_PEEK, FRAME_LOG, FRAME_PACKETS].sort());
    expect(cleaner.clean(77, new Uint8Array(8))).toBeNull();
  });

  it('a recording that began later than watching replays alike, from every keyframe', async () => {
    const from = await Session.open(join(root, 'docs/demo.pcapng'));
    const path = join(folder, 'later.pcapng');
    const reducer = new Reducer();
    let nowMs = 0;
    let writer: SessionWriter | null = null;
    let frames = 0;
    await from!.cursor().advance(null, (type, bytes, view, offset, length) => {
      reducer.apply(type, bytes, view, offset, length);
      if (++frames % 40 === 0) nowMs += 61_000;
      writer?.frame(type, bytes, view, offset, length);
      if (frames === 200)
        writer = new SessionWriter({ path, application: 'Flowglass 0.1.0', snaplen: 0, packets: false, keyframeFirst: true, timer: false, now: () => nowMs, serialize: () => reducer.serialize() }); // prettier-ignore
      if (frames % 40 === 0) writer?.tick();
    });
    await from!.close();
    writer!.close();
    const copy = await shared(path);
    const session = (await Session.open(copy))!;
    expect([session.truncated, session.damagedBlocks]).toEqual([false, 0]);
    const keyframes = session.index.filter(({ kind }) => kind === 3);
    expect(keyframes.length).toBeGreaterThan(2);
    const maker = { fresh: () => new Reducer(), restore: (state: Uint8Array) => Reducer.restore(state) };
    for (const { toNs } of [...keyframes, { toNs: null }]) {
      const [near, far] = [await session.replay(maker, toNs), await session.replay(maker, toNs, { fromStart: true })];
      expect(Buffer.from(near.reducer.serialize()).equals(far.reducer.serialize())).toBe(true);
    }
    const end = await session.replay(maker);
    expect(end.reducer.model.flows.rows.count).toBe(reducer.model.flows.rows.count);
    expect([...end.reducer.model.flows.counters.data]).toEqual([...reducer.model.flows.counters.data]);
    // Nothing of the strings of the original is among those of the copy, but for words of the kernel and the root of control groups.
    const texts = (model: Reducer['model']): string[] => Array.from({ length: model.strings.count }, (_, i) => model.strings.text(i)); // prettier-ignore
    const before = new Set(texts(reducer.model).filter((text) => !/^([A-Z0-9_]*|\/)$/.test(text)));
    expect(texts(end.reducer.model).filter((text) => before.has(text))).toEqual([]);
    await session.close();
  });
});

describe('a key', () => {
  it('is kept in a private file when asked for, and another file is refused', () => {
    const path = join(folder, 'key');
    const key = keyFrom(path);
    expect(Buffer.from(keyFrom(path)).equals(key)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(join(folder, 'no-key'), 'hello');
    expect(() => keyFrom(join(folder, 'no-key'))).toThrow(/no key of ours/);
  });
});
