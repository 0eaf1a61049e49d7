// A copy that may be given away, made of real traffic: nothing of the original is in it, and it tells the same story.
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { contentsOf, padPcap } from '../lab/capture-contents.ts';
import { record, runFlowglass, summarize, type Flow, type Summary } from '../lab/flowglass.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { readPacketBlocks, tcpdumpCount, tshark } from '../lab/truth.ts';

const UID = 1_234_567;
const SECRETS = {
  cookie: 'session=3c0ffee-topsecret',
  path: '/payroll/2026/mallory.pdf',
  name: 'ledger.acme-internal.example',
  lookup: 'vault.acme-internal.example',
  program: 'acme-billing',
  agent: 'acme-agent/7',
};
/** What tshark says of a packet that does not name anybody. */
const STORY = ['frame.len', 'frame.time_epoch', 'eth.type', 'ip.proto', 'ip.ttl', 'ip.id', 'ipv6.nxt', 'tcp.stream', 'tcp.srcport', 'tcp.dstport', 'tcp.seq_raw', 'tcp.ack_raw', 'tcp.flags', 'tcp.window_size_value', 'tcp.len', 'tcp.options.timestamp.tsval', 'udp.stream', 'udp.srcport', 'udp.dstport', 'udp.length', 'icmp.type', 'icmp.ident', 'icmp.seq', 'icmpv6.type']; // prettier-ignore

describeAsRoot('sharing safely', () => {
  let lab: Lab;
  let link: Link;
  let recording: string;
  let capture: string;
  let before: Summary;
  /** Bytes that must not be in any copy, and what they are. */
  const originals = new Map<string, Buffer>();

  beforeAll(async () => {
    lab = new Lab();
    const client = lab.host('client');
    const server = lab.host('server');
    link = lab.link(client, server);
    await server.server(['tcp', '--port', 80, '--mode', 'http', '--response', 2000]);
    await server.server(['udp', '--port', 53, '--mode', 'echo']);
    capture = join(lab.directory, 'capture.pcap');
    const truth = await server.capture('veth0', capture);
    const recorder = await record(lab, client, join(lab.directory, 'recording.pcapng'), ['--snaplen', '0']);
    const program = join(lab.directory, SECRETS.program);
    copyFileSync('/usr/bin/curl', program);
    chmodSync(lab.directory, 0o755);
    const as = ['--reuid', String(UID), '--clear-groups'];
    const web = ['-s', '-o', '/dev/null', '--max-time', '5', '-A', SECRETS.agent, '-b', SECRETS.cookie];
    for (const address of [link.right.v4, `[${link.right.v6}]`])
      await client.spawn('setpriv', [...as, program, ...web, `http://${address}${SECRETS.path}`]).done;
    // A real ClientHello; the server knows no TLS.
    await client.spawn('setpriv', [...as, program, ...web, '-k', '--resolve', `${SECRETS.name}:80:${link.right.v4}`, `https://${SECRETS.name}:80/`]).done; // prettier-ignore
    await client.spawn('dig', [`@${link.right.v4}`, SECRETS.lookup, '+tries=1', '+time=1']).done;
    client.run('ping', [
      '-n',
      '-c',
      '2',
      '-i',
      '0.05',
      '-p',
      Buffer.from('acme-secret').toString('hex'),
      link.right.v4,
    ]);
    await settle(100);
    before = await recorder.finish();
    await truth.end();
    recording = recorder.file;

    const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');
    const wide = (address: string): Buffer => {
      const [head = '', tail = ''] = address.split('::').map((part) => part.split(':').map((group) => (group === '' ? '' : group.padStart(4, '0'))).join('')); // prettier-ignore
      return Buffer.from(head + '0'.repeat(32 - head.length - tail.length) + tail, 'hex');
    };
    for (const end of [link.left, link.right]) {
      const mac = end.host.mac('veth0');
      originals.set(`address ${end.v4}`, Buffer.from(end.v4.split('.').map(Number)));
      originals.set(`text ${end.v4}`, Buffer.from(end.v4));
      originals.set(`address ${end.v6}`, wide(end.v6));
      originals.set(`text ${end.v6}`, Buffer.from(end.v6));
      originals.set(`MAC ${mac}`, bytes(mac));
      originals.set(`text ${mac}`, Buffer.from(mac));
    }
    for (const [what, text] of Object.entries(SECRETS)) originals.set(what, Buffer.from(text));
    originals.set('lookup on the wire', Buffer.from('\u0005vault\u000dacme-internal'));
    originals.set('ping pattern', Buffer.from('acme-secret'));
    // A short name is looked for as it stands in the records, not as two letters anywhere.
    originals.set('own host', Buffer.from(`"host":"${hostname()}"`));
    originals.set('own host in frames', Buffer.from(`${hostname()}\0\0\0\0\0\0`));
    originals.set('namespace', Buffer.from(client.name));
    originals.set('folder', Buffer.from(lab.directory));
    const uid = Buffer.alloc(4);
    uid.writeUInt32LE(UID);
    originals.set('user id', uid);
  }, 60_000);
  afterAll(() => lab.dispose());

  async function share(path: string, name: string, ...options: string[]): Promise<string> {
    const copy = join(lab.directory, name);
    const format = name.endsWith('.pcap') ? 'pcap' : 'pcapng';
    const { status, stderr } = await runFlowglass(['export', path, '--share', '--format', format, '-o', copy, ...options]); // prettier-ignore
    expect([status, stderr.replace(/^flowglass: our own records were left out.*\n/, '')]).toEqual([0, '']);
    return copy;
  }

  /** The copy has nothing of what the original has: the file as it stands and every compressed record inflated. */
  function expectNothingOf(original: string, copy: string): void {
    const [inside, outside] = [contentsOf(original), contentsOf(copy)];
    const found = (contents: readonly Buffer[], bytes: Buffer): boolean =>
      contents.some((each) => each.includes(bytes));
    for (const [what, bytes] of originals) expect([what, found(outside, bytes)]).toEqual([what, false]);
    // What is not in the original proves nothing.
    const there = [...originals].filter(([, bytes]) => found(inside, bytes)).map(([what]) => what);
    for (const what of [`address ${link.left.v4}`, `address ${link.right.v6}`, 'cookie', 'path', 'name', 'lookup on the wire', 'ping pattern', 'agent']) expect(there).toContain(what); // prettier-ignore
    if (original === recording)
      for (const what of ['program', 'user id', 'own host', 'own host in frames', 'namespace', 'folder'])
        expect(there).toContain(what);
  }

  /** tshark tells the same of every packet, and addresses correspond one to one. */
  function expectSameStory(original: string, copy: string): void {
    expect(tshark(copy, STORY, ['-o', 'tcp.desegment_tcp_streams:FALSE'])).toEqual(tshark(original, STORY, ['-o', 'tcp.desegment_tcp_streams:FALSE'])); // prettier-ignore
    const fields = ['ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'eth.src', 'eth.dst'];
    const there = new Map<string, string>();
    const back = new Map<string, string>();
    const after = tshark(copy, fields);
    tshark(original, fields).forEach((row, packet) =>
      row.forEach((value, i) => {
        const other = after[packet]?.[i] ?? '';
        expect(there.get(value) ?? other).toBe(other);
        expect(back.get(other) ?? value).toBe(value);
        there.set(value, other);
        back.set(other, value);
      }),
    );
  }

  /** What a flow's numbers are, without names. */
  const numbers = ({ flows, session }: Summary) => ({
    session: { ...session, host: null, captured: { ...session.captured, bytes: 0 } },
    flows: flows.map((flow: Flow) => {
      const person = ['clientProcess', 'serverProcess'] as const;
      const pids = person.map((side) => flow[side] && { pid: flow[side].pid, started: flow[side].started, source: flow[side].source }); // prettier-ignore
      const { protocol, family, roles, started, ended, state, end, states, sent, received, latency, retransmits, resets, zeroWindows, drops } = flow; // prettier-ignore
      return { protocol, family, roles, started, ended, state, end, states, sent, received, latency, retransmits, resets, zeroWindows, drops, pids, ports: [flow.client.port, flow.server.port] }; // prettier-ignore
    }),
  });

  it('a recording leaves without an address, a name, a command line or a byte of payload, and with every number', async () => {
    const copy = await share(recording, 'copy.pcapng');
    expectNothingOf(recording, copy);
    expectSameStory(recording, copy);
    const after = await summarize(copy);
    expect(after.session.truncated).toBe(false);
    expect(numbers(after)).toEqual(numbers(before));
    expect(after.flows.length).toBeGreaterThan(3);
    expect(after.flows.some((flow) => /^p-/.test(flow.clientProcess?.name ?? ''))).toBe(true);
  });

  it('a part of it leaves as packets with pseudonymous processes', async () => {
    const copy = await share(recording, 'part.pcapng', '--filter', 'tcp');
    expectNothingOf(recording, copy);
    const tcp = readPacketBlocks(copy).packets;
    expect(tcp).toHaveLength(tshark(recording, ['frame.number'], ['-Y', 'tcp']).length);
    expect(tcp.some(({ pid }) => pid !== null)).toBe(true);
    expect(contentsOf(copy).some((each) => each.includes('p-'))).toBe(true);
  });

  it('a capture of tcpdump leaves the same way, also as pcap', async () => {
    for (const name of ['foreign.pcapng', 'foreign.pcap']) {
      const copy = await share(capture, name);
      expectNothingOf(capture, copy);
      expectSameStory(capture, copy);
      expect(tcpdumpCount(copy)).toBe(tcpdumpCount(capture));
      // Times of exchanges that only payload tells went with it; those that packets tell are the same.
      const [original, shared] = [await summarize(capture), await summarize(copy)];
      const known = ({ latency }: Flow) => [latency.dns, latency.tls, latency.http];
      expect(original.flows.flatMap(known).some((each) => each !== null)).toBe(true);
      expect(shared.flows.flatMap(known).every((each) => each === null)).toBe(true);
      const withoutPayload = (summary: Summary) =>
        numbers(summary).flows.map((flow) => ({
          ...flow,
          latency: { ...flow.latency, dns: null, tls: null, http: null },
        }));
      expect(withoutPayload(shared)).toEqual(withoutPayload(original));
    }
  });

  it('checksums are right, as tshark counts what was cut off as zeros', async () => {
    const copy = await share(capture, 'sums.pcap');
    const whole = join(lab.directory, 'whole.pcap');
    padPcap(copy, whole);
    const checks = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'].flatMap((each) => ['-o', `${each}:TRUE`]); // prettier-ignore
    const states = tshark(whole, ['ip.checksum.status', 'tcp.checksum.status', 'udp.checksum.status', 'icmp.checksum.status', 'icmpv6.checksum.status'], checks); // prettier-ignore
    const good = states.flat().filter((state) => state !== '');
    expect(good.length).toBeGreaterThan(states.length);
    expect(new Set(good)).toEqual(new Set(['1']));
  });

  it('two copies share no pseudonym, with a kept key they share all', async () => {
    const first = await share(capture, 'one.pcapng');
    const second = await share(capture, 'two.pcapng');
    expect(tshark(first, ['ip.src'])).not.toEqual(tshark(second, ['ip.src']));
    const key = join(lab.directory, 'key');
    const third = await share(capture, 'three.pcapng', '--share-key', key);
    const fourth = await share(capture, 'four.pcapng', '--share-key', key);
    expect(readFileSync(third).equals(readFileSync(fourth))).toBe(true);
  });

  it('the preview says what would leave, and writes nothing', async () => {
    const { status, stdout, stderr } = await runFlowglass(['export', recording, '--share', '--preview']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Nothing was written/);
    expect(stdout).toMatch(new RegExp(`${link.left.v4.replaceAll('.', '\\.')} → 10\\.`));
    expect(stdout).toMatch(/\d+ {2}command lines\n.* → /);
    expect(stdout).toMatch(/bytes of payload/);
  });
});
