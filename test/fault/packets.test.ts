// Hostile packets through the packet programs, each entry point, by the kernel's own test run: whatever they hold, they are
// let through as they are, counted exactly, and upset no counter but `unparsed`.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { describeAsRoot } from '../lab/privilege.ts';
import { CHECKOUT, compileC } from '../lab/programs.ts';

const COUNT = 100_000;
/** Another one each day, always the same on one day; a failure prints it. */
const SEED = Number(process.env['FLOWGLASS_SEED'] ?? Math.floor(Date.now() / 86_400_000));
const ENTRIES = ['xdp', 'ingress', 'egress'];

// Of `enum fg_unparsed_reason`, spelled out again on purpose.
const [ARP, ETHERTYPE, TRUNCATED, IP_HEADER, FRAGMENT, EXTENSION, , LLC, VLAN] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/** Packet `known` of the program, what is wrong with it, and the reason by which it is counted. */
const KNOWN: [what: string, reason: number | undefined][] = [
  ['IPv4 that says it is longer than the frame', TRUNCATED],
  ['a TCP header longer than the packet', TRUNCATED],
  ['a TCP header shorter than one can be', TRUNCATED],
  ['an IPv4 header shorter than one can be', IP_HEADER],
  ['an IPv4 length below its header', IP_HEADER],
  ['an IP version that does not exist', IP_HEADER],
  ['IPv6 where the type says IPv4', IP_HEADER],
  ['nine IPv6 extension headers', EXTENSION],
  ['an IPv6 extension header longer than the packet', TRUNCATED],
  ['IPv6 extension headers without end', EXTENSION],
  ['three VLAN tags', VLAN],
  ['a VLAN tag that is cut', TRUNCATED],
  ['a later fragment of nothing', FRAGMENT],
  ['ARP', ARP],
  ['a length instead of a type', LLC],
  ['a type that is not IP', ETHERTYPE],
  ['nothing behind the Ethernet header', TRUNCATED],
  ['an IPv6 header that is cut', TRUNCATED],
];

describeAsRoot('hostile packets', () => {
  const program = join(CHECKOUT, 'dist/lab/hostile-packets');
  beforeAll(() => {
    const includes = ['dist/bpf', 'bpf'].map((directory) => `-I${join(CHECKOUT, directory)}`);
    compileC([join(CHECKOUT, 'test/fault/programs/hostile-packets.c')], program, [...includes, '-include', 'linux/types.h', '-lbpf', '-lelf', '-lz']); // prettier-ignore
  });

  const run = (...args: (string | number)[]): Record<string, number | string>[] => {
    const { stdout, stderr, status } = spawnSync(program, args.map(String), { encoding: 'utf8', timeout: 60_000 });
    expect([status, stderr, stdout.match(/^.*"wrong".*$/gm)], `seed ${SEED}`).toEqual([0, '', null]);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };

  it('what is wrong is known: counted by the right reason', () => {
    const found = run('known');
    for (const entry of ENTRIES) {
      const reasons = new Map(found.filter((each) => each['entry'] === entry).map((each) => [each['known'], each['reason']])); // prettier-ignore
      // The kernel's test run takes no skb shorter than its IP header: test/kernel/links.test.ts sends those.
      expect(reasons.size).toBeGreaterThanOrEqual(entry === 'xdp' ? KNOWN.length : KNOWN.length - 2);
      for (const [number, reason] of reasons) expect([entry, KNOWN[Number(number)]?.[0], reason]).toEqual([entry, ...(KNOWN[Number(number)] ?? [])]); // prettier-ignore
    }
  });

  it(`${COUNT} cut, twisted and random ones on each entry point: every one in its flow or unparsed, bytes exact`, () => {
    const runs = run(COUNT, SEED);
    for (const entry of ENTRIES) {
      const parts = runs.filter((each) => each['entry'] === entry);
      const sum = (key: string) => parts.reduce((all, part) => all + Number(part[key]), 0);
      expect(sum('sent')).toBe(COUNT);
      expect([entry, sum('packets'), sum('frameBytes')]).toEqual([entry, sum('wire'), sum('bytes')]);
      expect(sum('flows') + sum('unparsed') + sum('lost')).toBe(sum('packets'));
      // They are no monotonous lot: many parse, many do not, for many reasons.
      expect(sum('flows')).toBeGreaterThan(COUNT / 4);
      expect(sum('unparsed')).toBeGreaterThan(COUNT / 4);
      expect(Math.max(...parts.map((part) => Number(part['reasons'])))).toBeGreaterThanOrEqual(7);
    }
  });

  it('table and ring full: what is in no flow is counted as such, and all together are what was sent', () => {
    for (const { sent, packets, flows, lost } of run('full', 20_000)) {
      expect(packets).toBe(sent);
      expect(Number(flows) + Number(lost)).toBe(sent);
      expect(lost).toBeGreaterThan(10_000);
      expect(flows).toBeGreaterThan(1_000); // nobody who was there lost anything
    }
  });
});
