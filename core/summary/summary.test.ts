import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import {
  address,
  eventsFrame,
  feed,
  flowsFrame,
  type Frame,
  frame,
  opening,
  processRecord,
  socketsFrame,
  WALL,
} from '../flow/frames.testkit.ts';
import { cgroupFrame, FRAME_CGROUP } from '../flow/process-records.ts';
import { Reducer } from '../flow/reducer.ts';
import type { SummarySource } from './source.ts';
import { summaryJson, writeSummary } from './summary.ts';
import { summaryTable } from './table.ts';
import { addressText, decode, instant } from './text.ts';

function source(frames: Frame[], more: Partial<SummarySource> = {}): SummarySource {
  const reducer = new Reducer();
  feed(reducer, ...opening(), ...frames);
  return {
    model: reducer.model,
    startedNs: WALL,
    durationNs: 5_000_000_000n,
    host: 'here',
    application: 'flowglass 0.1.0',
    captured: { packets: 12, bytes: 300, wirePackets: 14 },
    late: 0,
    truncated: false,
    ...more,
  };
}

interface Document {
  session: Record<string, unknown>;
  flows: Record<string, unknown>[];
}
const parse = (from: SummarySource): Document => JSON.parse([...summaryJson(from)].join('')) as Document;

const CURL: Frame[] = [
  frame(
    abi.FRAME_PROCESSES,
    processRecord({
      kind: abi.PROCESS_EXECED,
      pid: 7,
      start: 999_000_000_000n,
      parent: 1,
      comm: 'curl',
      exe: '/usr/bin/curl',
      flags: abi.PROCESS_EXE_RESOLVED,
      args: 'curl\0http://10.0.0.2/\0',
      cgroup: 77n,
    }),
  ),
  { type: FRAME_CGROUP, payload: cgroupFrame(77n, '/system.slice/fetch.service') },
  socketsFrame(
    {
      kind: abi.SOCKET_STATE,
      cookie: 5n,
      at: 10,
      oldState: 7,
      newState: 2,
      pid: 7,
      processStart: 999_000_000_000n,
      source: abi.OWNER_CONNECT,
    },
    { kind: abi.SOCKET_STATE, cookie: 5n, at: 10.5, oldState: 2, newState: 1 },
  ),
  flowsFrame({
    epoch: 3,
    flags: abi.FLOW_SYN_LO | abi.FLOW_SYNACK_HI | abi.FLOW_INGRESS_HI | abi.FLOW_EGRESS_LO,
    cookies: [5n, 0n],
    first: 10.000001,
    last: 20,
    lo: { packets: 6, bytes: 600, payload: 76 },
    hi: { packets: 8, bytes: 9000, payload: 8600, frames: 5, frameBytes: 8802 },
  }),
];

const NETWORK = { network: 'private', asn: null, organisation: null, country: null };

describe('the summary', () => {
  it('has every key of the interface, with null for what is not known', () => {
    const { session, flows } = parse(source(CURL));
    expect(Object.keys(session)).toEqual(
      'started durationNs host application interfaces packets bytes frames frameBytes captured lost duplicates folded filtered late unparsed truncated'.split(
        ' ',
      ),
    );
    expect(session).toMatchObject({
      started: '2026-11-25T12:00:00.000000000Z',
      durationNs: 5_000_000_000,
      interfaces: [{ name: 'veth0', index: 5, linkType: 1, netns: 99, attach: { ingress: 'tcx', egress: 'tcx' } }],
      lost: { events: 0, packets: 0, flowPackets: 0 },
      unparsed: {},
    });
    expect(flows).toHaveLength(1);
    expect(flows[0]).toEqual({
      id: '1',
      protocol: 'tcp',
      family: 4,
      interface: 'veth0',
      path: ['veth0'],
      nat: null,
      natUnknown: 'no conntrack',
      client: { address: '10.0.0.1', port: 40000, zone: null, name: null, nameSource: null, names: [], ...NETWORK },
      server: { address: '10.0.0.2', port: 80, zone: null, name: null, nameSource: null, names: [], ...NETWORK },
      roles: 'syn',
      clientProcess: {
        pid: 7,
        name: 'curl',
        exe: '/usr/bin/curl',
        commandLine: 'curl http://10.0.0.2/',
        uid: 1000,
        started: '2026-11-25T11:59:59.000000000Z',
        parentPid: 1,
        cgroup: '/system.slice/fetch.service',
        netns: null,
        unit: 'fetch.service',
        container: null,
        package: null,
        script: null,
        source: 'connect',
        confidence: 'certain',
      },
      clientProcessUnknown: null,
      serverProcess: null,
      serverProcessUnknown: 'remote',
      listener: null,
      owners: [],
      started: '2026-11-25T12:00:00.010000001Z',
      ended: null,
      state: 'established',
      end: null,
      states: [
        { at: '2026-11-25T12:00:00.010000000Z', from: 'CLOSE', to: 'SYN_SENT' },
        { at: '2026-11-25T12:00:00.010500000Z', from: 'SYN_SENT', to: 'ESTABLISHED' },
      ],
      sent: { packets: 6, bytes: 600, payloadBytes: 76, frames: 6, frameBytes: 600 },
      received: { packets: 8, bytes: 9000, payloadBytes: 8600, frames: 5, frameBytes: 8802 },
      latency: {
        connectUs: 500,
        rtt: null,
        response: null,
        dns: null,
        tls: null,
        http: null,
        postgresql: null,
        mysql: null,
        redis: null,
        ntp: null,
        dhcp: null,
        where: {
          network: null,
          networkUnknown: 'no round trip',
          clientQueue: null,
          clientApplication: null,
          clientUnknown: 'no exchange',
          serverQueue: null,
          serverApplication: null,
          serverUnknown: 'remote',
          peerMeanUs: null,
          peerUnknown: 'no exchange',
        },
      },
      retransmits: 0,
      sentRetransmits: 0,
      receivedRetransmits: null,
      sentTimeouts: 0,
      receivedTimeouts: null,
      sentOutOfOrder: null,
      receivedOutOfOrder: 0,
      sentDuplicateAcks: null,
      segments: null,
      receivedDuplicateAcks: 0,
      resets: 0,
      sentResets: 0,
      receivedResets: 0,
      zeroWindows: 0,
      drops: [],
      application: null,
      banner: null,
      dns: null,
      tls: null,
      http: null,
      labels: [],
    });
  });

  it('orders flows by start, names drops by the kernel, and gives ICMP no ports', () => {
    const name = new Uint8Array(abi.NAME.size);
    new DataView(name.buffer).setUint32(0, 3, true);
    name.set(new TextEncoder().encode('NO_SOCKET'), abi.NAME.name);
    const { flows } = parse(
      source([
        flowsFrame({ slot: 1, first: 50, lo: { packets: 1 } }),
        flowsFrame({ slot: 2, key: { protocol: 1, loPort: 9, hiPort: 9 }, first: 20, lo: { packets: 1 } }),
        eventsFrame({ kind: abi.EVENT_DROP, a: 3, b: 2 }),
        frame(abi.FRAME_NAMES, name),
      ]),
    );
    expect(flows.map(({ id, protocol }) => [id, protocol])).toEqual([
      ['2', 'icmp'],
      ['1', 'tcp'],
    ]);
    expect(flows[0]).toMatchObject({ client: { port: null }, retransmits: null, states: null, state: 'active' });
    expect(flows[1]).toMatchObject({ drops: [{ reason: 'NO_SOCKET', count: 2 }] });
  });

  it('names a process by its program where comm was cut, and keeps bytes that are no UTF-8', () => {
    const process = processRecord({
      kind: abi.PROCESS_EXECED,
      pid: 7,
      start: 1n,
      comm: 'chromium-browser',
      exe: '/usr/lib/chromium-browser',
      args: Uint8Array.from([0x61, 0xff, 0]),
    });
    const { flows } = parse(
      source([
        frame(abi.FRAME_PROCESSES, process),
        socketsFrame({ kind: abi.SOCKET_OWNER, cookie: 5n, pid: 7, processStart: 1n, source: abi.OWNER_SEND }),
        flowsFrame({ cookies: [5n, 0n], lo: { packets: 1 } }),
      ]),
    );
    expect(flows[0]?.['clientProcess']).toMatchObject({
      name: 'chromium-browser',
      commandLine: 'a\ufffd',
      commandLineRaw: 'Yf8=',
    });
  });

  it('is the same document in pieces, however slowly it is taken', async () => {
    const records = Array.from({ length: 500 }, (_, i) => ({
      slot: i,
      key: { loPort: 1000 + i, hiPort: 80 },
      lo: { packets: 1 },
    }));
    const from = source([flowsFrame(...records.slice(0, 300)), flowsFrame(...records.slice(300))]);
    const out = new PassThrough({ highWaterMark: 1024 });
    const chunks: Buffer[] = [];
    const done = writeSummary(from, out).then(() => out.end());
    for await (const chunk of out) chunks.push(chunk as Buffer);
    await done;
    const text = Buffer.concat(chunks).toString();
    expect(text).toBe([...summaryJson(from)].join(''));
    expect((JSON.parse(text) as Document).flows).toHaveLength(500);
    expect([...summaryJson(from)].length).toBeGreaterThan(3);
  });

  it('tells only of flows that match, and none in an empty session', () => {
    const frames = [flowsFrame({ slot: 1, lo: { packets: 1 } }, { slot: 2, key: { loPort: 9 }, lo: { packets: 1 } })];
    expect(parse(source(frames, { matches: (flow) => flow === 1 })).flows.map(({ id }) => id)).toEqual(['2']);
    expect(parse(source([])).flows).toEqual([]);
  });
});

describe('the table', () => {
  it('fits 120 columns and shows control characters as escapes', () => {
    const process = processRecord({ kind: abi.PROCESS_EXECED, pid: 7, start: 1n, comm: 'evil\u001b[2J', args: 'x' });
    const key = { lo: '2001:db8:1111:2222:3333:4444:5555:6666', hi: '2001:db8:1111:2222:3333:4444:5555:7777' };
    const text = [
      ...summaryTable(
        source([
          frame(abi.FRAME_PROCESSES, process),
          socketsFrame({ kind: abi.SOCKET_OWNER, cookie: 5n, pid: 7, processStart: 1n, source: abi.OWNER_SEND }),
          flowsFrame({ key, cookies: [5n, 0n], lo: { packets: 123_456_789, bytes: 123_456_789_012 } }),
          ...CURL.slice(3),
        ]),
      ),
    ].join('');
    expect(text).not.toContain('\u001b');
    expect(text).toContain('evil\\x1b[2J[7]');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    expect(text).toMatch(/^PROCESS +PROTO +PEER/m);
  });
});

describe('text', () => {
  it('writes instants with nine digits from integers alone', () => {
    expect(instant(0n)).toBe('1970-01-01T00:00:00.000000000Z');
    expect(instant(-1n)).toBe('1969-12-31T23:59:59.999999999Z');
    expect(instant(1_795_608_000_123_456_789n)).toBe('2026-11-25T12:00:00.123456789Z');
    expect(instant(10n ** 21n)).toBeNull();
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 19n), max: 2n * 10n ** 20n }), (ns) => {
        const text = instant(ns) ?? '';
        const back = BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1_000_000n + BigInt(text.slice(20, 29));
        expect(back).toBe(ns);
      }),
    );
  });

  it('writes addresses in canonical form (RFC 5952)', () => {
    const text = (from: string): string => {
      const words = new Uint32Array(address(from).buffer);
      return addressText(words, 0, from.includes(':') ? 6 : 4);
    };
    expect(text('10.1.2.255')).toBe('10.1.2.255');
    expect(text('0:0:0:0:0:0:0:0')).toBe('::');
    expect(text('0:0:0:0:0:0:0:1')).toBe('::1');
    expect(text('2001:db8:0:0:1:0:0:1')).toBe('2001:db8::1:0:0:1');
    expect(text('2001:db8:0:1:1:1:1:1')).toBe('2001:db8:0:1:1:1:1:1');
    expect(text('2001:DB8:0:0:0:0:0:AB00')).toBe('2001:db8::ab00');
    expect(text('1:0:0:2:0:0:0:3')).toBe('1:0:0:2::3');
    expect(text('1:2:3:4:5:6:0:0')).toBe('1:2:3:4:5:6::');
    expect(text('0:0:0:0:0:ffff:a00:1')).toBe('::ffff:10.0.0.1');
  });

  it('writes IPv6 as the platform does', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 0xab, 0xffff), { minLength: 8, maxLength: 8 }), (groups) => {
        const from = groups.map((group) => group.toString(16)).join(':');
        const expected = new URL(`http://[${from}]/`).hostname.slice(1, -1);
        const words = new Uint32Array(address(from).buffer);
        const got = addressText(words, 0, 6);
        if (!got.includes('.')) expect(got).toBe(expected);
      }),
    );
  });

  it('gives link-local addresses their zone', () => {
    const { flows } = parse(source([flowsFrame({ key: { lo: 'fe80::1', hi: 'ff02::fb' }, lo: { packets: 1 } })]));
    expect(flows[0]).toMatchObject({ family: 6, client: { zone: 'veth0' }, server: { zone: null } });
  });

  it('keeps the bytes of what is not UTF-8', () => {
    expect(decode(new TextEncoder().encode('größer'))).toEqual({ text: 'größer', raw: null });
    expect(decode(Uint8Array.from([0xc3, 0x28]))).toEqual({ text: '\ufffd(', raw: 'wyg=' });
  });
});
