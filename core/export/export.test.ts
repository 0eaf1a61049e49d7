/**
 * Exports against what other tools read of them, and against the capture they were made from. The m- files are in the
 * repository; the rest of the corpus is read where FLOWGLASS_CORPUS (or ../shared/corpus beside the checkout) has it.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { readCapture } from '../capture/read.ts';
import { ethernet, ipv4, udp } from '../dissect/test-packets.ts';
import { openCapture } from '../engine/open.ts';
import { FlowglassError } from '../errors.ts';
import { modelFields } from '../filter/adapter.ts';
import { compile, requireFilter } from '../filter/filter.ts';
import { parseInstant } from '../filter/instant.ts';
import { COUNTERS } from '../flow/flows.ts';
import { flowSummary } from '../summary/flow.ts';
import { summaryFlows } from '../summary/summary.ts';
import { openForeign } from '../tracker/open-foreign.ts';
import { csvCell, escapeInvalid } from './csv.ts';
import { runExport, type ExportJob, type Format } from './run.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const own = join(root, 'test/corpus');
const outside = process.env['FLOWGLASS_CORPUS'] ?? join(root, '../shared/corpus');
const present = existsSync(join(outside, 'truth.json'));
if (!present) console.warn(`the corpus folder ${outside} is not there: only test/corpus is exported`);

const folder = mkdtempSync(join(tmpdir(), 'flowglass-export-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let serial = 0;

type Options = Partial<Omit<ExportJob, 'path' | 'filter' | 'from' | 'to'>> & {
  filter?: string;
  from?: string;
  to?: string;
};

/** Exports and returns the path of what was written. */
async function exported(path: string, format: Format, { filter, from, to, ...rest }: Options = {}): Promise<string> {
  const output = join(folder, `${serial++}.${format}`);
  await runExport({
    path,
    format,
    preset: 'as-recorded',
    output,
    force: false,
    interfaces: [],
    filter: filter === undefined ? null : requireFilter(filter),
    from: from === undefined ? null : parseInstant(from),
    to: to === undefined ? null : parseInstant(to),
    application: 'test',
    ...rest,
  });
  return output;
}

function run(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
}

const packetsOf = (path: string): number => {
  const { stdout } = run('capinfos', '-M', '-T', '-r', '-c', path);
  return Number(stdout.trim().split('\t').pop());
};

async function flowsOf(path: string) {
  const { source, result } = await openForeign(path);
  return { flows: [...summaryFlows(source)].map((flow) => flowSummary(source, flow)), result, source };
}

/** What a pcap file cannot say: interfaces and their directions, processes, names of Name Resolution Blocks. */
const withoutBlocks = (flows: Awaited<ReturnType<typeof flowsOf>>['flows']) =>
  flows.map((flow) => ({
    ...flow,
    interface: null,
    path: [],
    clientProcess: null,
    serverProcess: null,
    clientProcessUnknown: null,
    serverProcessUnknown: null,
    owners: [],
    client: { ...flow.client, name: null },
    server: { ...flow.server, name: null },
  }));

/** A file that has packets without a time, which pcap cannot have. */
const untimed = (started: string | null, before: string | null): string | null => (before === null ? null : started);

/** Copies are told by interface and direction, which pcap does not have. */
const COPIES = new Set(['tcp-process-comments.pcapng']);

for (const source of present ? [own, outside] : [own]) {
  const truth = JSON.parse(readFileSync(join(source, 'truth.json'), 'utf8')) as Record<string, unknown>;
  const files = readdirSync(source).filter((name) => truth[name] !== undefined);
  describe(`exported and opened again, the flows of ${source === own ? 'test/corpus' : 'the outside corpus'} are the same`, () => {
    it.each(files)('%s', async (name) => {
      const path = join(source, name);
      let before: Awaited<ReturnType<typeof flowsOf>>;
      try {
        before = await flowsOf(path);
      } catch (error) {
        await expect(exported(path, 'pcapng')).rejects.toBeInstanceOf(FlowglassError);
        expect(error).toBeInstanceOf(FlowglassError);
        return;
      }
      const { packets } = before.result;
      for (const preset of ['as-recorded', 'plain', 'wireshark'] as const) {
        const copy = await exported(path, 'pcapng', { preset });
        const after = await flowsOf(copy);
        expect(after.result.packets).toBe(packets);
        if (!before.result.truncated) expect(after.result.truncated).toBe(false);
        if (before.result.format === 'pcapng' && preset === 'as-recorded') expect(after.flows).toEqual(before.flows);
        else expect(withoutBlocks(after.flows)).toEqual(withoutBlocks(before.flows));
        // Every packet of it is in there for other tools too.
        if (preset === 'plain') expect(packetsOf(copy)).toBe(packets);
      }
      const types = new Set(before.result.interfaces.filter((each) => each.packets > 0).map((each) => each.linkType));
      let copy: string;
      try {
        copy = await exported(path, 'pcap');
      } catch (error) {
        const code = error instanceof FlowglassError ? error.code : error;
        if (types.size > 1) expect(code).toBe('link-types');
        else expect(['time-range', 'link-types']).toContain(code);
        return;
      }
      expect(types.size).toBeLessThanOrEqual(1);
      expect((await flowsOf(copy)).result.packets).toBe(packets);
      if (packets > 0) expect(packetsOf(copy)).toBe(packets);
      if (COPIES.has(name)) return;
      const after = withoutBlocks((await flowsOf(copy)).flows);
      after.forEach(
        (flow, i) => (after[i] = { ...flow, started: untimed(flow.started, before.flows[i]?.started ?? null) }),
      );
      expect(after).toEqual(withoutBlocks(before.flows));
    });
  });
}

const corpus = (name: string): string => join(own, name);

describe('pcapng', () => {
  it('as recorded is the same bytes, unknown blocks too', async () => {
    const path = corpus('m-journal-unknown-blocks.pcapng');
    const [before, after] = [readFileSync(path), readFileSync(await exported(path, 'pcapng'))];
    // Only the section's length is made "not told".
    before.fill(0xff, 16, 24);
    expect(after.equals(before)).toBe(true);
  });
  it('plain has only blocks that every reader knows; a packet is a packet for tshark', async () => {
    const copy = await exported(corpus('m-journal-unknown-blocks.pcapng'), 'pcapng', { preset: 'plain' });
    const types = new Set<number>();
    await readCapture(copy, { block: (type) => void types.add(type) });
    for (const type of types) expect([0x0a0d0d0a, 1, 3, 4, 5, 6, 10]).toContain(type);
    const { stdout } = run('tshark', '-n', '-r', copy, '-T', 'fields', '-e', 'frame.number', '-e', 'frame.time_epoch');
    expect(stdout.trim().split('\n')).toHaveLength(packetsOf(copy));
  });
  it('of a filter holds the packets that tshark finds by the same words', async () => {
    const path = corpus('m-port-reuse.pcap');
    const copy = await exported(path, 'pcapng', { filter: 'tcp' });
    const words = (file: string, ...filter: string[]): string =>
      run('tshark', '-n', '-r', file, ...filter, '-T', 'fields', '-e', 'ip.id', '-e', 'tcp.seq_raw', '-e', 'frame.time_epoch').stdout; // prettier-ignore
    expect(words(copy)).toBe(words(path, '-Y', 'tcp'));
    expect(words(copy)).not.toBe('');
    const none = await exported(path, 'pcapng', { filter: 'udp' });
    expect(packetsOf(none)).toBe(0);
  });
  it('of times holds what editcap cuts out', async () => {
    const path = corpus('m-half-close.pcap');
    const { source } = await flowsOf(path);
    const started = source.startedNs!;
    const middle = started + source.durationNs / 2n;
    const text = (ns: bigint): string =>
      `${new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19)}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`;
    const copy = await exported(path, 'pcap', { to: text(middle) });
    const cut = join(folder, `${serial++}.pcap`);
    run('editcap', '-F', 'pcap', '-B', text(middle + 1000n), path, cut);
    expect(packetsOf(copy)).toBe(packetsOf(cut));
    expect(packetsOf(copy)).toBeGreaterThan(0);
    expect(packetsOf(copy)).toBeLessThan(packetsOf(path));
    const rest = await exported(path, 'pcap', { from: text(middle + 1n) });
    expect(packetsOf(rest) + packetsOf(copy)).toBe(packetsOf(path));
    const relative = await exported(path, 'pcap', { from: `+${source.durationNs / 2n + 1n}ns` });
    expect(readFileSync(relative).equals(readFileSync(rest))).toBe(true);
  });
});

/** tshark's conversations of each protocol, as it prints them; times and all. */
const conversations = (path: string): string =>
  ['eth', 'ip', 'ipv6', 'tcp', 'udp'].map((kind) => run('tshark', '-n', '-q', '-r', path, '-z', `conv,${kind}`).stdout).join(''); // prettier-ignore

describe('opened and exported again', () => {
  it.each([
    'docs/demo.pcapng',
    ...[
      'm-any-duplicates-sll2.pcap',
      'm-port-reuse.pcap',
      'm-half-close.pcap',
      'm-mdns.pcap',
      'm-journal-unknown-blocks.pcapng',
      'm-tsoffset.pcapng',
    ].map((name) => `test/corpus/${name}`),
  ])(
    "tshark's conversations of %s are unchanged, and a second export is the same bytes as the first",
    async (name) => {
      const path = join(root, name);
      const before = conversations(path);
      expect(before).toMatch(/<->/);
      for (const preset of ['as-recorded', 'plain'] as const) {
        const once = await exported(path, 'pcapng', { preset });
        expect(conversations(once)).toBe(before);
        const twice = await exported(once, 'pcapng', { preset });
        expect(readFileSync(twice).equals(readFileSync(once))).toBe(true);
      }
    },
    60_000,
  );

  it('every block survives byte for byte, also of types that nobody knows, in both byte orders', async () => {
    for (const little of [true, false]) {
      const u32 = (value: number): Buffer => {
        const bytes = Buffer.alloc(4);
        if (little) bytes.writeUInt32LE(value >>> 0);
        else bytes.writeUInt32BE(value >>> 0);
        return bytes;
      };
      const block = (type: number, body: Buffer): Buffer =>
        Buffer.concat([u32(type), u32(body.length + 12), body, u32(body.length + 12)]);
      const section = Buffer.concat([u32(0x1a2b3c4d), little ? Buffer.of(1, 0, 0, 0) : Buffer.of(0, 1, 0, 0), Buffer.alloc(8, 0xff)]); // prettier-ignore
      const face = Buffer.concat([little ? Buffer.of(1, 0, 0, 0) : Buffer.of(0, 1, 0, 0), u32(0)]);
      const packet = Buffer.concat([u32(0), u32(0), u32(1), u32(4), u32(60), Buffer.of(1, 2, 3, 4)]);
      const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length) & 255));
      const file = Buffer.concat([
        block(0x0a0d0d0a, section),
        block(1, face),
        block(0x11, noise(40)),
        block(0xbad, Buffer.concat([u32(99), noise(12)])),
        block(0x40000bad, Buffer.concat([u32(98), noise(8)])),
        block(6, packet),
        block(0x7fffffff, noise(0)),
        block(0x80001234, noise(64)),
        block(0xfffffffe, noise(4)),
      ]);
      const path = join(folder, `unknown-${little}.pcapng`);
      writeFileSync(path, file);
      expect(readFileSync(await exported(path, 'pcapng')).equals(file)).toBe(true);
    }
  });
});

describe('a recording of ours', () => {
  const session = join(root, 'docs/demo.pcapng');
  it('as recorded is the same file', async () => {
    const before = readFileSync(session);
    before.fill(0xff, 16, 24);
    expect(readFileSync(await exported(session, 'pcapng')).equals(before)).toBe(true);
  });
  it('of a filter holds as many packets as the kernel programs counted frames of these flows', async () => {
    const { model } = await openCapture(session);
    const matches = compile(requireFilter('tcp.port == 443'), modelFields(model));
    let frames = 0;
    for (let flow = 0; flow < model.flows.rows.count; flow++) {
      const at = flow * 2 * COUNTERS;
      const { data } = model.flows.counters;
      if (matches(flow)) frames += data[at + 3]! + data[at + COUNTERS + 3]!;
    }
    const copy = await exported(session, 'pcapng', { filter: 'tcp.port == 443' });
    expect(packetsOf(copy)).toBe(frames);
    const { stdout } = run('tshark', '-n', '-r', session, '-Y', 'tcp.port == 443 && !icmp');
    expect(stdout.trim().split('\n')).toHaveLength(frames);
    // What it tells of other flows must not leave with it.
    await readCapture(copy, { local: () => expect.unreachable() });
  });
  it('with the wireshark preset names each process before its first packet; plain is pcap for editcap', async () => {
    const named = new Set<number>();
    let packets = 0;
    await readCapture(await exported(session, 'pcapng', { preset: 'wireshark' }), {
      process: ({ pid }) => void named.add(pid),
      packet: ({ pid }) => {
        packets++;
        if (pid !== 0) expect(named).toContain(pid);
      },
    });
    expect(packets).toBe(packetsOf(session));
    expect(named.size).toBeGreaterThan(1);
    const plain = await exported(session, 'pcapng', { preset: 'plain' });
    const copy = join(folder, `${serial++}.pcap`);
    expect(run('editcap', '-F', 'pcap', plain, copy).status).toBe(0);
    expect(packetsOf(copy)).toBe(packetsOf(session));
    expect(run('tcpdump', '-nn', '-r', plain).stdout.trim().split('\n')).toHaveLength(packetsOf(session));
  });
});

describe('pcap', () => {
  it('is read by tcpdump, packet by packet as the original', async () => {
    const path = corpus('m-tsoffset.pcapng');
    const copy = await exported(path, 'pcap');
    const text = (file: string): string => run('tcpdump', '-nn', '-tt', '--nano', '-r', file).stdout;
    expect(text(copy)).toBe(text(await exported(path, 'pcapng')));
    expect(text(copy)).not.toBe('');
  });
  it.runIf(present)(
    'of several link types is refused with the names of the interfaces, and leaves nothing',
    async () => {
      const output = join(folder, 'mixed.pcap');
      await expect(exported(join(outside, 'many_interfaces-1.pcapng'), 'pcap', { output })).rejects.toThrow(
        /2: en0 \(link type 1\); lo0 \(link type 0\)/,
      );
      expect(readdirSync(folder).filter((name) => name.includes('mixed'))).toEqual([]);
      const one = await exported(join(outside, 'many_interfaces-1.pcapng'), 'pcap', { interfaces: ['lo0'] });
      expect(run('capinfos', '-E', one).stdout).toContain('NULL/Loopback');
      expect(packetsOf(one)).toBeGreaterThan(0);
    },
  );
});

/** RFC 4180 as its grammar says, nothing else. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  for (let record: string[] = []; cell.lastIndex < text.length;) {
    const match = cell.exec(text);
    if (match === null) throw new Error('not RFC 4180');
    record.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
    if (match[3] === ',') continue;
    records.push(record);
    record = [];
  }
  return records;
}

describe('csv and JSON lines', () => {
  it('one record a flow, equal columns, no cell that a spreadsheet would compute, no line break within', async () => {
    const names = [
      '=1+1.example',
      'a"b,c;d.example',
      'line\r\nbreak.example',
      '-x',
      '+y',
      '@z',
      '\u202etxt.exe',
      'ok.example',
    ];
    const writer = new PcapngWriter();
    writer.section({});
    writer.interface({ linkType: 1, snaplen: 0, name: '=IMPORT' });
    writer.names(names.map((name, i) => ({ address: Uint8Array.of(198, 51, 100, i + 1), names: [name] })));
    names.forEach((_, i) => {
      const packet = ethernet(0x800, ipv4('192.0.2.1', `198.51.100.${i + 1}`, 17, udp(40000 + i, 9, [1])));
      writer.packet(0, 0, i + 1, packet.length, packet.length, packet, 0, 0, 0, 0, 0);
    });
    const path = join(folder, 'names.pcapng');
    writeFileSync(path, writer.pending());
    const [header = [], ...records] = parseCsv(readFileSync(await exported(path, 'csv'), 'utf8'));
    expect(records).toHaveLength(names.length);
    expect(new Set(records.map((record) => record.length))).toEqual(new Set([header.length]));
    for (const record of records) {
      for (const cell of record) expect(cell).not.toMatch(/[\r\n]|^\s*[=+\-@]/);
      expect(record[header.indexOf('interface')]).toBe("'=IMPORT");
    }
    expect(records.map((record) => record[header.indexOf('server.name')])).toEqual([
      "'=1+1.example",
      'a"b,c;d.example',
      String.raw`line\x0d\x0abreak.example`,
      "'-x",
      "'+y",
      "'@z",
      String.raw`\u202etxt.exe`,
      'ok.example',
    ]);
  });
  it('JSON lines are the flows of the summary', async () => {
    const path = corpus('m-hostile-names-dns.pcap');
    const lines = readFileSync(await exported(path, 'jsonl'), 'utf8').split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual((await flowsOf(path)).flows);
    const document = JSON.parse(readFileSync(await exported(path, 'json'), 'utf8')) as { flows: unknown[] };
    expect(document.flows).toEqual((await flowsOf(path)).flows);
  });
  it.each([
    ['=1+1', `'=1+1`],
    [' +cmd', `"' +cmd"`],
    ['-2', `'-2`],
    ['@SUM(A1)', `'@SUM(A1)`],
    ['\t=1', String.raw`'\x09=1`],
    ['a"b', '"a""b"'],
    ['a,b', '"a,b"'],
    ['a;b', '"a;b"'],
    ['a\r\nb', String.raw`a\x0d\x0ab`],
    ['shop.example', 'shop.example'],
    [-5, '-5'],
    [null, ''],
  ])('%j is the cell %s', (value, cell) => {
    expect(csvCell(value)).toBe(cell);
  });
  it('bytes that are not UTF-8 are escaped one by one', () => {
    expect(escapeInvalid(Uint8Array.of(0x61, 0xff, 0xc3, 0xa9, 0xe2, 0x82))).toBe('a\\xffé\\xe2\\x82');
  });
});

describe('the output', () => {
  it('an existing file stays unless forced; the file being read is never overwritten; a directory is none', async () => {
    const path = corpus('m-half-close.pcap');
    const output = join(folder, 'kept.csv');
    writeFileSync(output, 'mine');
    await expect(exported(path, 'csv', { output })).rejects.toThrow(/the file exists/);
    expect(readFileSync(output, 'utf8')).toBe('mine');
    await exported(path, 'csv', { output, force: true });
    expect(readFileSync(output, 'utf8')).toMatch(/^id,/);
    expect(statSync(output).mode & 0o777).toBe(0o600);
    const copy = join(folder, 'itself.pcap');
    writeFileSync(copy, readFileSync(path));
    symlinkSync(copy, join(folder, 'link.pcap'));
    await expect(exported(copy, 'pcap', { output: join(folder, 'link.pcap'), force: true })).rejects.toThrow(
      /is being read/,
    );
    expect(readFileSync(copy).equals(readFileSync(path))).toBe(true);
    await expect(exported(path, 'csv', { output: folder })).rejects.toThrow(/is a directory/);
    await expect(exported(path, 'csv', { output: join(folder, 'none', 'a') })).rejects.toThrow(/no such file/);
  });
  it('cancelled, it leaves nothing behind', async () => {
    const cancel = new AbortController();
    cancel.abort();
    const output = join(folder, 'cancelled.pcapng');
    await expect(exported(corpus('m-half-close.pcap'), 'pcapng', { output, signal: cancel.signal })).rejects.toThrow();
    expect(readdirSync(folder).filter((name) => name.includes('cancelled'))).toEqual([]);
  });
});

describe('parquet', () => {
  it('has the columns of CSV with their types, read back by another library', async () => {
    const session = join(root, 'docs/demo.pcapng');
    const path = await exported(session, 'parquet');
    const bytes = readFileSync(path);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const metadata = parquetMetadata(file);
    const type = (name: string) => {
      const element = metadata.schema.find((each) => each.name === name);
      return [element?.type, element?.converted_type ?? element?.logical_type?.type ?? null];
    };
    expect(type('id')).toEqual(['BYTE_ARRAY', 'UTF8']);
    expect(type('client.port')).toEqual(['INT32', null]);
    expect(type('sent.bytes')).toEqual(['INT64', null]);
    expect(type('latency.rtt.p99Us')).toEqual(['DOUBLE', null]);
    expect(type('started')).toEqual(['INT64', 'TIMESTAMP']);
    expect(metadata.schema.find(({ name }) => name === 'started')?.logical_type).toMatchObject({ isAdjustedToUTC: true, unit: 'NANOS' }); // prettier-ignore
    const rows = await parquetReadObjects({ file, parsers: { timestampFromNanoseconds: (ns) => ns } });
    const source = await openCapture(session);
    const flows = [...summaryFlows(source)].map((flow) => flowSummary(source, flow));
    expect(rows).toHaveLength(flows.length);
    flows.forEach((flow, i) => {
      const row = rows[i]!;
      const text = (ns: unknown): string | null => (ns === null ? null : `${new Date(Number((ns as bigint) / 1_000_000n)).toISOString().slice(0, 19)}.${String((ns as bigint) % 1_000_000_000n).padStart(9, '0')}Z`); // prettier-ignore
      expect([row['id'], row['client.address'], row['client.port']]).toEqual([flow.id, flow.client.address, flow.client.port]); // prettier-ignore
      expect([row['sent.bytes'], row['received.packets']]).toEqual([BigInt(flow.sent.bytes), BigInt(flow.received.packets)]); // prettier-ignore
      expect([text(row['started']), text(row['ended'] ?? null)]).toEqual([flow.started, flow.ended]);
      expect(row['latency.rtt.p99Us'] ?? null).toBe(flow.latency.rtt?.p99Us ?? null);
      expect(row['clientProcess.pid'] ?? null).toBe(flow.clientProcess?.pid ?? null);
    });
  });
});
