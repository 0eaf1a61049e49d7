import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMAND_FILTER_LAYOUT, RULE } from '../abi/generated.ts';
import { compile } from './compile.ts';
import { encodeRules } from './encode.ts';
import { toKernelRules } from './kernel.ts';
import { parse } from './parse.ts';
import { coarsen, type Rule } from './rules.ts';
import { expressions, fieldsOver, flows, type TestFlow } from './testing.ts';

const KEY_FIELDS = [
  'ip.addr',
  'client.addr',
  'server.addr',
  'port',
  'client.port',
  'tcp.port',
  'udp.dstport',
  'family',
  'protocol',
  'interface',
  'process.name',
  'rtt.p99',
];

/** What of that a flow itself holds. */
const KNOWN_FIELDS = ['client.port', 'server.port', 'interface', 'client.process.name', 'rtt.p99'];

/** Rules on the bytes of the command as the kernel reads them (bpf/abi.h), against the flow key of a packet. */
function kernelCopies(payload: Uint8Array, flow: TestFlow, iface: number): boolean {
  const view = new DataView(payload.buffer);
  const count = view.getUint32(0, true);
  if (count === 0) return true;
  const ports = ['client.port', 'server.port'].map((name) => Number(flow.values.get(name) ?? 0));
  for (let i = 0; i < count; i++) {
    const at = 8 + i * 32;
    const fields = view.getUint32(at, true);
    if ((fields & 32) !== 0 && view.getUint16(at + 4, true) !== iface) continue;
    if ((fields & 2) !== 0 && view.getUint8(at + 6) !== flow.protocol) continue;
    if ((fields & 4) !== 0 && view.getUint8(at + 7) !== flow.family) continue;
    const [from, to] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    if ((fields & 16) !== 0 && !ports.some((port) => port >= from && port <= to)) continue;
    const prefix = view.getUint8(at + 12);
    const network = payload.subarray(at + 16, at + 32);
    const inside = (address: Uint8Array): boolean => {
      for (let bit = 0; bit < prefix; bit++) {
        const mask = 0x80 >> (bit & 7);
        if ((((address[bit >> 3] ?? 0) ^ (network[bit >> 3] ?? 0)) & mask) !== 0) return false;
      }
      return true;
    };
    if ((fields & 8) !== 0 && !inside(flow.client) && !inside(flow.server)) continue;
    return true;
  }
  return false;
}

const NAMES = ['curl', 'Curl', 'node', 'eth0', 'veth-1'];
const numbersOf = (name: string): readonly number[] => (NAMES.includes(name) ? [NAMES.indexOf(name) + 1, 200] : []);

function rulesOf(text: string): Rule[] | null {
  const result = parse(text);
  if (!result.ok) throw new Error(result.problem.message);
  return toKernelRules(result.ast);
}

function address(...first: number[]): Uint8Array {
  return Uint8Array.from([...first, ...Array(16 - first.length).fill(0)]);
}

describe('the kernel prefilter', () => {
  it('lets through whatever the filter matches', () => {
    let told = 0;
    fc.assert(
      fc.property(
        expressions(KEY_FIELDS),
        fc.array(flows(KNOWN_FIELDS), { minLength: 16, maxLength: 16 }),
        (ast, all) => {
          const rules = toKernelRules(ast);
          if (rules !== null) told++;
          const payload = encodeRules(rules, numbersOf);
          const predicate = compile(ast, fieldsOver(all));
          all.forEach((flow, i) => {
            const [first] = numbersOf(String(flow.values.get('interface') ?? ''));
            // A flow whose interface has no number was not captured here.
            if (flow.values.has('interface') && first === undefined) return;
            if (predicate(i)) expect(kernelCopies(payload, flow, first ?? 250)).toBe(true);
          });
        },
      ),
      { numRuns: 5000 },
    );
    expect(told).toBeGreaterThan(1000);
  });

  it('narrows what can be narrowed', () => {
    expect(rulesOf('tcp.port == 443 && process.name == "curl" && rtt.p99 > 50ms')).toEqual([
      { protocol: 6, port: { from: 443, to: 443 } },
    ]);
    expect(rulesOf('(tcp || udp) && ip.addr == 10.0.0.0/8')).toEqual([
      { protocol: 6, family: 4, address: { bytes: address(10), prefix: 8 } },
      { protocol: 17, family: 4, address: { bytes: address(10), prefix: 8 } },
    ]);
    expect(rulesOf('!ip && port < 1024 && interface == "eth0"')).toEqual([
      { family: 6, port: { from: 0, to: 1023 }, interface: 'eth0' },
    ]);
    expect(rulesOf('port == 80 && ip.addr == 10.0.0.0/8 && ip.addr == 10.0.0.1')).toEqual([
      { family: 4, port: { from: 80, to: 80 }, address: { bytes: address(10, 0, 0, 1), prefix: 32 } },
    ]);
    expect(rulesOf('ip.addr in {10.0.0.4..10.0.0.7}')).toEqual([
      { family: 4, address: { bytes: address(10, 0, 0, 4), prefix: 30 } },
    ]);
  });

  it('copies everything when the key cannot tell', () => {
    for (const text of [
      '',
      'process.name == "curl"',
      'tcp || rtt.p99 > 1s',
      'port != 80',
      '!(port > 80)',
      '!tcp',
      'interface contains "eth"',
    ])
      expect(rulesOf(text), text).toBeNull();
  });

  it('copies nothing for a filter that cannot match', () => {
    for (const text of ['tcp && udp', 'ip && ip.addr == ::1', 'port < 0', 'false']) {
      expect(rulesOf(text), text).toEqual([]);
      const payload = encodeRules([], numbersOf);
      expect(new DataView(payload.buffer).getUint32(0, true)).toBe(1);
      expect(payload[8 + RULE.protocol]).toBe(255);
    }
  });

  it('fits any set into 64 rules, joining neighbours', () => {
    const hosts = Array.from({ length: 900 }, (_, i) => `10.${i % 30}.0.${Math.floor(i / 30)}`);
    const rules = rulesOf(`ip.addr in {${hosts.join(', ')}}`);
    expect(rules?.length).toBeLessThanOrEqual(64);
    expect(rules?.every((rule) => (rule.address?.prefix ?? 0) >= 24)).toBe(true);
    const ports = Array.from({ length: 500 }, (_, i) => i * 100);
    const crossed = rulesOf(`port in {${ports.join(', ')}} && ip.addr in {${hosts.slice(0, 200).join(', ')}}`);
    expect(crossed).not.toBeNull();
    expect(crossed?.length).toBeLessThanOrEqual(64);
  });

  it('lets every member of a set through that has to be made coarser', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const hosts = fc.array(fc.tuple(octet, octet, octet, octet), { minLength: 65, maxLength: 200 });
    const ports = fc.array(fc.integer({ min: 0, max: 65535 }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(hosts, ports, (addresses, numbers) => {
        const rules = rulesOf(
          `ip.addr in {${addresses.map((each) => each.join('.')).join(', ')}} && port in {${numbers.join(', ')}}`,
        );
        const payload = encodeRules(rules, numbersOf);
        addresses.forEach((each, i) => {
          const values = new Map([['server.port', numbers[i % numbers.length] ?? 0]]);
          const flow = { family: 4, protocol: 6, client: address(1), server: address(...each), values } as const;
          expect(kernelCopies(payload, flow, 1)).toBe(true);
        });
      }),
      { numRuns: 40 },
    );
  });

  it('joins what adds least', () => {
    const port = (from: number): Rule => ({ port: { from, to: from } });
    expect(coarsen([port(1), port(2), port(900)], 2)).toEqual([{ port: { from: 1, to: 2 } }, port(900)]);
  });
});

describe('encodeRules', () => {
  it('writes struct fg_command_filter', () => {
    const payload = encodeRules(
      [
        {
          protocol: 6,
          family: 4,
          port: { from: 80, to: 443 },
          address: { bytes: address(10), prefix: 8 },
          interface: 'eth0',
        },
      ],
      () => [7],
    );
    expect(payload.length).toBe(COMMAND_FILTER_LAYOUT.size);
    const expected = [1, 0, 0, 0, 0, 0, 0, 0, 62, 0, 0, 0, 7, 0, 6, 4, 80, 0, 187, 1, 8, 0, 0, 0, 10, 0];
    expect([...payload.subarray(0, expected.length)]).toEqual(expected);
  });

  it('says everything with a count of 0', () => {
    expect(encodeRules(null, () => []).every((byte) => byte === 0)).toBe(true);
  });

  it('leaves the interface out when its numbers would not fit', () => {
    const many = Array.from({ length: 40 }, (_, i) => i);
    const rules: Rule[] = [
      { interface: 'veth', protocol: 6 },
      { interface: 'veth', protocol: 17 },
    ];
    expect(new DataView(encodeRules(rules, () => many).buffer).getUint32(0, true)).toBe(2);
  });
});
