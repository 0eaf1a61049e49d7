// What a real Prometheus knows after it scraped a real agent, against what the programs sent.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Host, InterfaceCounters } from '../lab/host.ts';
import { Lab, settle } from '../lab/lab.ts';
import { CHECKOUT } from '../lab/programs.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { Prometheus, startAgent, sumOf, type Agent } from '../lab/prometheus.ts';
import { checkPanels } from './agent-panels.ts';
import { mixedTraffic, startServers, type Connection } from '../lab/traffic.ts';

const DELAY_US = 5000;
const CLOSED_PORT = 4444;

describeAsRoot('an agent', () => {
  let lab: Lab;
  let agent: Agent;
  let prometheus: Prometheus;
  let connections: Connection[];
  let client: Host;
  let traffic: () => Promise<Connection[]>;
  let before: InterfaceCounters;
  let after: InterfaceCounters;
  let text: string;

  beforeAll(async () => {
    lab = new Lab();
    const server = lab.host('server');
    client = lab.host('client');
    const { near, far } = await lab.delayed(client, server, { delayUs: DELAY_US });
    server.nft('tcp dport 82 numgen inc mod 300 == 7 drop'); // so that something is sent again
    lab.offloads(near, false);
    const servers = await startServers(server);
    const config = join(lab.directory, 'agent.yaml');
    writeFileSync(config, 'metrics: { groups: 50 }\npeers: [{ name: shop, networks: [10.77.2.0/24, "fd77:0:0:2::/64"] }]\nstreams: [{ to: stdout, events: [opened, closed] }]\n'); // prettier-ignore
    agent = await startAgent(lab, client, ['-i', 'veth0', '--config', config]);
    prometheus = await Prometheus.start(lab, client, agent.address, [join(CHECKOUT, 'deploy/prometheus/flowglass-rules.yml')]); // prettier-ignore
    before = client.counters('veth0');
    traffic = async () => {
      const made = await mixedTraffic(client, { left: near.left, right: far.right }, servers);
      await client.start('client', ['tcp', '--to', far.right.v4, '--port', CLOSED_PORT]).done;
      // To a port that nobody has: the kernel drops it, and says so to the sender.
      const { txPackets } = client.counters('veth0');
      await server.start('client', ['udp', '--to', near.left.v4, '--port', 9, '--send', 10, '--count', 1]).done;
      while (client.counters('veth0').txPackets === txPackets) await settle(5);
      return made;
    };
    connections = await traffic();
    after = client.counters('veth0');
    const bytes = after.rxBytes + after.txBytes - before.rxBytes - before.txBytes;
    text = await agent.until('all of it', (scrape) => sumOf(scrape, 'flowglass_bytes_total') >= bytes && sumOf(scrape, 'flowglass_flows_closed_total', { protocol: 'tcp' }) === tcp().length + 1); // prettier-ignore
    const now = Date.now() / 1000;
    await prometheus.until('a scrape of all of it', () => prometheus.value('timestamp(flowglass_ready)') > now);
  }, 60_000);
  afterAll(() => lab.dispose());

  const tcp = (): Connection[] => connections.filter(({ protocol }) => protocol === 'tcp');
  const total = (of: (connection: Connection) => number): number => tcp().reduce((sum, each) => sum + of(each), 0);
  /** The sum of a family in Prometheus. */
  const sum = (name: string, labels = ''): number => prometheus.value(`sum(${name}{${labels}})`);

  it('counts each byte and packet that its interface counted', () => {
    for (const [direction, bytes, packets] of [
      ['sent', after.txBytes - before.txBytes, after.txPackets - before.txPackets],
      ['received', after.rxBytes - before.rxBytes, after.rxPackets - before.rxPackets],
    ] as const) {
      expect([direction, sum('flowglass_bytes_total', `direction="${direction}"`)]).toEqual([direction, bytes]);
      expect([direction, sum('flowglass_packets_total', `direction="${direction}"`)]).toEqual([direction, packets]);
      expect(sum('flowglass_interface_bytes_total', `direction="${direction}"`)).toBe(bytes);
    }
  });

  it('counts the connections of each service, by process, and how they ended', () => {
    const byPort = new Map<number, number>();
    for (const { server } of tcp()) byPort.set(server.port, (byPort.get(server.port) ?? 0) + 1);
    for (const [port, n] of byPort) {
      const labels = `process="lab-client",peer="shop",role="client",protocol="tcp",port="${port}"`;
      expect([port, sum('flowglass_flows_opened_total', labels)]).toEqual([port, n]);
      expect([port, sum('flowglass_flows_closed_total', `${labels},end="fin"`)]).toEqual([port, n]);
    }
    expect(sum('flowglass_flows_closed_total', `port="${CLOSED_PORT}",end="refused"`)).toBe(1);
    expect(sum('flowglass_drops_total', 'reason="NO_SOCKET"')).toBe(1);
    expect(sum('flowglass_flows_open', 'protocol="tcp"')).toBe(0);
    expect(sum('flowglass_flows_opened_total', 'protocol=~"icmp.*",process="ping"')).toBe(2);
  });

  it('counts the retransmits and segments that TCP itself counted', () => {
    const retransmits = total((each) => each.tcp['totalRetrans'] ?? NaN);
    expect(retransmits).toBeGreaterThan(0);
    const mine = 'protocol="tcp",port!="4444"';
    expect(sum('flowglass_retransmits_total', `direction="sent",${mine}`)).toBe(retransmits);
    expect(sum('flowglass_packets_total', `direction="sent",${mine}`)).toBe(total((each) => each.tcp['segmentsOut'] ?? NaN)); // prettier-ignore
    expect(sum('flowglass_packets_total', `direction="received",${mine}`)).toBe(total((each) => each.tcp['segmentsIn'] ?? NaN)); // prettier-ignore
  });

  it('measures each connect, and no latency below the delay of the line', () => {
    const lineSeconds = (2 * DELAY_US) / 1e6;
    expect(sum('flowglass_connect_seconds_count', 'peer="shop"')).toBe(tcp().length);
    expect(sum('flowglass_connect_seconds_sum')).toBeGreaterThanOrEqual(tcp().length * lineSeconds);
    expect(sum('flowglass_connect_seconds_bucket', 'le="0.0078125"')).toBe(0);
    expect(sum('flowglass_rtt_seconds_bucket', 'le="0.0078125",protocol="tcp"')).toBe(0);
    expect(sum('flowglass_rtt_seconds_count', 'protocol="tcp"')).toBeGreaterThan(tcp().length);
    // HTTP answers once, the short one four times, over IPv4 and IPv6.
    expect(sum('flowglass_response_seconds_count', 'port="80"')).toBe(2);
    expect(sum('flowglass_response_seconds_count', 'port="81"')).toBe(8);
  });

  it('has a bound that can be seen, no ephemeral port and no address', () => {
    expect(sum('flowglass_metric_groups_limit')).toBe(50);
    expect(sum('flowglass_metric_groups')).toBeLessThanOrEqual(50);
    const ports = [...text.matchAll(/port="(\d+)"/g)].map(([, port]) => Number(port));
    expect(ports.filter((port) => port >= 32_768)).toEqual([]);
    expect(text).not.toMatch(/10\.77\.|fd77:/);
  });

  it('answers every query of every panel of the dashboards with what was sent', async () => {
    // Every counter is there by now: what it grows by from here on is what is sent from here on.
    const from = Date.now() / 1000;
    await prometheus.until('two more scrapes', () => prometheus.value('timestamp(flowglass_ready)') > from + 0.6);
    const counted = sum('flowglass_interface_bytes_total');
    const start = client.counters('veth0');
    const sent = (await traffic()).filter(({ protocol }) => protocol === 'tcp');
    const end = client.counters('veth0');
    const [sentBytes, receivedBytes] = [end.txBytes - start.txBytes, end.rxBytes - start.rxBytes];
    const all = (): boolean =>
      sum('flowglass_interface_bytes_total') >= counted + sentBytes + receivedBytes &&
      sum('flowglass_bytes_total') === sum('flowglass_interface_bytes_total') &&
      sum('flowglass_flows_closed_total', 'end="refused"') === 2 &&
      sum('flowglass_flows_open', 'protocol="tcp"') === 0;
    await prometheus.until('all of it', all);
    const settledAt = Date.now() / 1000;
    await prometheus.until('another scrape', () => prometheus.value('timestamp(flowglass_ready)') > settledAt);
    const at = Date.now() / 1000;
    const window = Math.floor((at - from) * 1000) / 1000;
    checkPanels(prometheus, {
      at,
      window,
      scrapes: Number(
        prometheus.query(`count_over_time(flowglass_ready[${Math.round(window * 1000)}ms])`, at)[0]?.value?.[1],
      ),
      sentBytes,
      receivedBytes,
      flows: sent.length + 1 + 2 + 2 + 1,
      fins: sent.length,
      refused: 1,
      answers: 2 + 8 + 2 * 20, // HTTP, the short one, each echoed datagram
      open: [6, 10],
      sentAgain: sent.reduce((n, { tcp }) => n + (tcp['totalRetrans'] ?? NaN), 0),
      segments: sent.reduce((n, { tcp }) => n + (tcp['segmentsOut'] ?? NaN), 1),
      drops: 1,
      roundTrip: (2 * DELAY_US) / 1e6,
    });
  });

  it('gives rules and alerts that promtool takes and that fire when they should', () => {
    const folder = join(CHECKOUT, 'deploy/prometheus');
    for (const args of [
      ['check', 'rules', 'flowglass-rules.yml', 'flowglass-alerts.yml'],
      ['check', 'config', 'prometheus.yml'],
      ['test', 'rules', 'flowglass-alerts.test.yml'],
    ])
      // prettier-ignore
      client.run('sh', ['-ec', `cd '${folder}' && exec promtool "$@"`, 'sh', ...args]);
    const recorded = prometheus.query('{__name__=~".+:flowglass_.+"}').map(({ metric }) => metric['__name__']);
    expect(new Set(recorded).size).toBe(6);
  });

  it('names a flow in its exemplars, which its stream tells of', async () => {
    const exemplars = prometheus.api('query_exemplars', { query: 'flowglass_connect_seconds_bucket', start: '0', end: String(Date.now() / 1000 + 10) }) as { data: { exemplars: { labels: { flow: string }; value: string }[] }[] }; // prettier-ignore
    const named = exemplars.data.flatMap((series) => series.exemplars);
    expect(named.length).toBeGreaterThan(0);
    const opened = sumOf(agent.get('/metrics'), 'flowglass_flows_opened_total');
    await agent.child.until('all events', ({ stdout }) => stdout.split('"event":"opened"').length > opened);
    const lines = agent.child.stdout.trim().split('\n').map((line) => JSON.parse(line) as { event: string; flow: { id: string; latency: { connectUs: number } } }); // prettier-ignore
    for (const { labels, value } of named) {
      const told = lines.findLast(({ event, flow }) => event === 'closed' && flow.id === labels.flow);
      expect(told?.flow.latency.connectUs).toBeCloseTo(Number(value) * 1e6, 1);
    }
    expect(lines.filter(({ event }) => event === 'opened').length).toBe(opened);
    expect(sumOf(agent.get('/metrics'), 'flowglass_stream_lost_total')).toBe(0);
  });

  it('writes what promtool takes, and answers what else it is asked', () => {
    for (const openMetrics of [false, true]) {
      const scrape = agent.get('/metrics', openMetrics);
      expect(scrape.endsWith('# EOF\n')).toBe(openMetrics);
      // promtool reads the Prometheus format; Prometheus itself read the other one above.
      if (!openMetrics) lab.host('check').run('promtool', ['check', 'metrics'], scrape);
    }
    expect([agent.get('/healthz'), agent.get('/readyz')]).toEqual(['ok\n', 'ready\n']);
    expect(agent.get('/other')).toBe('there are /metrics, /healthz, /readyz\n');
  });

  it('takes its configuration again on SIGHUP, and keeps the old one when the new one is wrong', async () => {
    const config = join(lab.directory, 'agent.yaml');
    writeFileSync(config, 'metrics:\n  gruops: 7\n');
    agent.child.signal('SIGHUP');
    await agent.child.until('refusal', ({ stderr }) => stderr.includes('did you mean "groups"?; what was in force stays')); // prettier-ignore
    expect(sumOf(agent.get('/metrics'), 'flowglass_metric_groups_limit')).toBe(50);
    expect(sumOf(agent.get('/metrics'), 'flowglass_config_last_reload_successful')).toBe(0);
    writeFileSync(config, 'metrics:\n  groups: 7\n');
    agent.child.signal('SIGHUP');
    await agent.until('other limit', (scrape) => sumOf(scrape, 'flowglass_metric_groups_limit') === 7);
    expect(sumOf(agent.get('/metrics'), 'flowglass_config_last_reload_successful')).toBe(1);
  });

  it('ends in order', async () => {
    const { status, stderr } = await agent.child.stop('SIGTERM', 10_000);
    expect([status, stderr.split('\n').filter((line) => !/watching|took the configuration|what was in force/.test(line))]).toEqual([0, ['']]); // prettier-ignore
  });
});
