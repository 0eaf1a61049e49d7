// Connections that netfilter translates: inside and outside are one, as conntrack and the packets say.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flowglass, record, type Flow, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { tshark } from '../lab/truth.ts';

type Ends = { interface: string; client: { address: string; port: number }; server: { address: string; port: number } };
type Translated = Flow & { nat: Ends[] | null; natUnknown: string | null };

/** Published: the router's port, the one inside. */
const PUBLISHED = 8080;
const INSIDE = 81;

describeAsRoot('translated connections', () => {
  let lab: Lab;
  let inner: Host;
  let router: Host;
  let outer: Host;
  let near: Link;
  let far: Link;

  beforeAll(async () => {
    lab = new Lab();
    inner = lab.host('inner');
    router = lab.host('router');
    outer = lab.host('outer');
    near = lab.link(inner, router, { subnet: 1, rightDevice: 'near' });
    far = lab.link(router, outer, { subnet: 2, leftDevice: 'far' });
    router.sysctl({ 'net/ipv4/ip_forward': 1, 'net/ipv6/conf/all/forwarding': 1 });
    inner.ip(`route add default via ${near.right.v4}`);
    inner.ip6(`route add default via ${near.right.v6}`);
    router.run('nft', ['-f', '-'], `table inet lab {
      chain out { type nat hook postrouting priority srcnat; oifname "far" masquerade to :20000-20999; }
      chain in { type nat hook prerouting priority dstnat; iifname "far" tcp dport ${PUBLISHED} dnat ip to ${near.left.v4}:${INSIDE}; }
    }`.replace('masquerade to', 'meta l4proto { tcp, udp } masquerade to')); // prettier-ignore
    const mode = ['--mode', 'respond', '--request', 100, '--response', 400];
    await outer.server(['tcp', '--port', 80, ...mode], { timeoutMs: 60_000 });
    await inner.server(['tcp', '--port', INSIDE, ...mode], { timeoutMs: 60_000 });
  });
  afterAll(() => lab.dispose());

  const exchange = (from: Host, to: string, port: number, exchanges = 3) =>
    from.start('client', ['tcp', '--to', to, '--port', port, '--send', 100, '--receive', 400, '--exchanges', exchanges, '--pause-ms', 20]); // prettier-ignore
  const ends = (client: string, clientPort: number, server: string, serverPort: number) => ({
    client: { address: client, port: clientPort },
    server: { address: server, port: serverPort },
  });
  const tcpFlows = ({ flows }: Summary): Translated[] => flows.filter(({ protocol }) => protocol === 'tcp') as Translated[]; // prettier-ignore

  it('of three namespaces are one flow each: from the container to the real peer, with both processes and the path', async () => {
    const open = exchange(inner, far.right.v4, 80, 100_000); // before watching began: from the table that is there
    while (!inner.run('ss', ['-Hnt', 'state', 'established']).includes(`${far.right.v4}:80`)) await settle(20);
    const truth = await outer.capture('veth0', join(lab.directory, 'outer.pcap'), 'tcp');
    const recorder = await record(lab, inner, join(lab.directory, 'nat.pcapng'), ['--all', '--netns', router.path, '--netns', outer.path, '--no-packets']); // prettier-ignore
    const out = exchange(inner, far.right.v4, 80);
    const out6 = exchange(inner, far.right.v6, 80);
    const into = exchange(outer, far.left.v4, PUBLISHED);
    const ports: number[] = [];
    for (const each of [out, out6, into]) {
      ports.push(Number((await each.event('closed'))['localPort']));
      await each.done;
    }
    await open.stop();
    await settle(300);
    const summary = await recorder.finish();
    await truth.stop();
    // What came out there, by tcpdump: the ports that the router chose.
    const syns = tshark(truth.file, ['tcp.flags', 'ipv6.src', 'tcp.srcport', 'tcp.dstport']).filter(([flags, , , port]) => Number(flags) === 2 && port === '80'); // prettier-ignore
    const [v4, v6] = [false, true].map((six) => Number(syns.find(([, ipv6]) => (ipv6 !== '') === six)?.[2]));
    expect([v4, v6].every((port) => port! >= 20_000 && port! < 21_000)).toBe(true);

    const flows = tcpFlows(summary);
    const of = (port: number): Translated[] => flows.filter(({ client }) => client.port === port);
    const [first, second, third] = ports.map((port) => of(port)) as [Translated[], Translated[], Translated[]];
    expect([first, second, third].map((list) => list.length)).toEqual([1, 1, 1]);
    expect(flows.filter(({ client }) => client.port! >= 20_000 && client.port! < 21_000)).toEqual([]);
    expect(first[0]).toMatchObject({
      ...ends(near.left.v4, ports[0]!, far.right.v4, 80),
      path: ['veth0', 'near', 'far', 'veth0'],
      nat: [{ interface: 'far', ...ends(far.left.v4, v4!, far.right.v4, 80) }],
      natUnknown: null,
      clientProcess: { pid: out.pid },
    });
    expect(second[0]).toMatchObject({
      ...ends(near.left.v6, ports[1]!, far.right.v6, 80),
      nat: [{ interface: 'far', ...ends(far.left.v6, v6!, far.right.v6, 80) }],
      clientProcess: { pid: out6.pid },
    });
    expect(third[0]!.path).toHaveLength(4);
    const pairs = [third[0]!, ...third[0]!.nat!].map(({ client, server }) => `${client.address}:${client.port} ${server.address}:${server.port}`); // prettier-ignore
    expect(pairs.sort()).toEqual([
      `${far.right.v4}:${ports[2]} ${near.left.v4}:${INSIDE}`,
      `${far.right.v4}:${ports[2]} ${far.left.v4}:${PUBLISHED}`,
    ].sort()); // prettier-ignore
    expect([third[0]!.clientProcess?.pid, third[0]!.serverProcess?.name]).toEqual([into.pid, 'lab-server']);
    // Open since before: its translation was in the table.
    const opened = flows.find(({ clientProcess }) => clientProcess?.pid === open.pid)!;
    expect(opened.nat).toHaveLength(1);
    const { packets, bytes, duplicates, lost } = summary.session;
    const sum = flows.concat(summary.flows.filter(({ protocol }) => protocol !== 'tcp') as Translated[]);
    expect(sum.reduce((n, flow) => n + flow.sent.packets + flow.received.packets, 0) + duplicates.packets).toBe(
      packets,
    );
    expect(sum.reduce((n, flow) => n + flow.sent.bytes + flow.received.bytes, 0) + duplicates.bytes).toBe(bytes);
    expect(lost.flowPackets).toBe(0);
  }, 60_000);

  it('say why when it cannot be known: captures of others have no conntrack', async () => {
    const { stdout } = await flowglass(['summary', join(lab.directory, 'outer.pcap'), '--json']).done;
    const summary = JSON.parse(stdout) as Summary;
    expect(tcpFlows(summary).map(({ nat, natUnknown }) => [nat, natUnknown])[0]).toEqual([null, 'not recorded']);
  });
});
