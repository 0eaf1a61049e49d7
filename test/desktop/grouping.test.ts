// Grouping in views of the demo session (real traffic), against the flows of its summary.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { groupings } from '../../core/contract/requests.ts';
import { Engine } from '../../core/engine/engine.ts';
import { options, TestPage, until, type SeenRow } from '../../core/engine/port.testkit.ts';
import { summarize, type Flow, type Process } from '../lab/flowglass.ts';

const DEMO = 'docs/demo.pcapng';
const sumOf = (rows: readonly SeenRow[], column: string): number =>
  rows.reduce((sum, row) => sum + Number(row[column]), 0);

/** The process that a flow stands beside: the client's, else the server's; null = neither is known. */
const ownOf = ({ clientProcess, serverProcess }: Flow): Process | null => clientProcess ?? serverProcess;
/** The other end. */
const peerOf = (flow: Flow): Flow['client'] => (flow.clientProcess === null && flow.serverProcess !== null ? flow.client : flow.server); // prettier-ignore

describe('views of the demo session', () => {
  const engine = new Engine(options());
  const page = new TestPage();
  let flows: Flow[];
  beforeAll(async () => {
    ({ flows } = await summarize(DEMO));
    engine.connect(page);
    await page.ask('open', { path: DEMO });
    const { clock } = await until(() => (page.state.mode === 'replay' ? page.state : undefined));
    await page.ask('seek', { atNs: clock.endNs });
  });
  afterAll(() => engine.close());

  it.each([
    ['name', 1],
    ['domain', 2],
    ['network', 3],
  ] as const)(
    'the graph by %s has every flow in one edge, and its filters name exactly the flows of each peer',
    async (groupRight, view) => {
      const table = await page.look(view, { kind: 'graph', groupLeft: 'process', groupRight, edges: 5000 });
      const [nodes, edges] = [table('nodes'), table('edges')];
      expect(sumOf(edges, 'flows')).toBe(flows.length);
      for (const side of [0, 1]) expect(sumOf(nodes.filter((node) => node['side'] === side), 'flows')).toBe(flows.length); // prettier-ignore
      expect(table('info')[0]).toMatchObject({
        processes: nodes.filter(({ side }) => side === 0).length,
        peers: nodes.filter(({ side }) => side === 1).length,
        edges: edges.length,
      });
      const peers = nodes.filter(({ side }) => side === 1);
      if (groupRight === 'network')
        expect(new Set(peers.map(({ label }) => label))).toEqual(
          new Set(flows.map((flow) => `${peerOf(flow).address.replace(/\.\d+$/, '')}.0/24`)),
        );
      for (const { filter, flows: count, label } of peers) {
        const { result } = (await page.ask('filter', { text: filter })) as {
          result: { ok: boolean; matching: number };
        };
        expect(result, String(label)).toMatchObject({ ok: true });
        // The peer may also be an end of flows that are seen from its side.
        expect(result.matching, String(label)).toBeGreaterThanOrEqual(Number(count));
      }
      await page.ask('filter', { text: '' });
    },
  );

  it('the graph by user stands processes on the plate of their user', async () => {
    const table = await page.look(4, { kind: 'graph', groupLeft: 'user' });
    const groups = new Set(table('nodes').filter(({ side }) => side === 0).map(({ group, groupKind }) => `${String(groupKind)} ${String(group)}`)); // prettier-ignore
    const users = new Set(flows.map(ownOf).map((own) => (own === null || own.uid === null ? ' null' : own.uid === 0 ? 'user root' : `user uid ${own.uid}`))); // prettier-ignore
    expect(groups).toEqual(users);
  });

  it.each([
    ['process', 11, (flow: Flow) => ownOf(flow)?.name ?? 'unknown process'],
    ['protocol', 12, (flow: Flow) => flow.protocol.toUpperCase()],
    ['port', 13, (flow: Flow) => String(flow.server.port ?? 'no port')],
    ['state', 14, (flow: Flow) => flow.state],
    ['interface', 15, (flow: Flow) => flow.interface],
  ] as const)('the table grouped by %s has the exact totals of the summary', async (group, view, labelOf) => {
    const rows = (await page.look(view, { kind: 'table', group }))('groups');
    const truth = new Map<string, { flows: number; bytes: number; packets: number }>();
    for (const flow of flows) {
      const label = labelOf(flow);
      const sum = truth.get(label) ?? { flows: 0, bytes: 0, packets: 0 };
      sum.flows++;
      sum.bytes += flow.sent.bytes + flow.received.bytes;
      sum.packets += flow.sent.packets + flow.received.packets;
      truth.set(label, sum);
    }
    const seen = rows.map((row) => [row['label'], { flows: row['flows'], bytes: Number(row['sent']) + Number(row['received']), packets: row['packets'] }] as const); // prettier-ignore
    expect(new Map(seen)).toEqual(truth);
  });

  it('in each grouping every flow is counted once, and the filter of a group finds all its flows', async () => {
    const every = await until(() => (page.state.flows === flows.length ? flows.length : undefined));
    for (const [i, group] of groupings.entries()) {
      const rows = (await page.look(30 + i, { kind: 'table', group }))('groups');
      expect(sumOf(rows, 'flows'), group).toBe(every);
      for (const { filter, label, flows: count } of rows.slice(0, 4)) {
        if (filter === null) continue;
        const { result } = (await page.ask('filter', { text: filter })) as { result: { matching: number } };
        expect(result.matching, `${group} ${String(label)}: ${String(filter)}`).toBeGreaterThanOrEqual(Number(count));
      }
      await page.ask('filter', { text: '' });
    }
  });

  it('an open group is followed by exactly its flows; groups are sorted by their totals, and count as rows', async () => {
    const all = (await page.look(21, { kind: 'table', group: 'port', sort: [{ column: 'sent', descending: true }] }))('groups'); // prettier-ignore
    const sorted = all.toSorted((a, b) => Number(a['rank']) - Number(b['rank']));
    expect(sorted.map(({ sent }) => sent)).toEqual(sorted.map(({ sent }) => Number(sent)).sort((a, b) => b - a));
    const [, second] = sorted;
    const open = [String(second?.['label'])];
    const table = await page.look(22, { kind: 'table', group: 'port', sort: [{ column: 'sent', descending: true }], open, count: 1000 }); // prettier-ignore
    const flowsOf = table('rows');
    expect(flowsOf).toHaveLength(Number(second?.['flows']));
    expect(flowsOf.map(({ rank }) => Number(rank)).sort((a, b) => a - b)).toEqual(flowsOf.map((_, i) => i + 2));
    expect(sumOf(flowsOf, 'sent')).toBe(second?.['sent']);
    expect(table('info')[0]).toMatchObject({ total: flows.length, rows: all.length + flowsOf.length });
    const { result } = (await page.ask('filter', { text: second?.['filter'] })) as { result: { matching: number } };
    expect(result.matching).toBeGreaterThanOrEqual(flowsOf.length);
    await page.ask('filter', { text: '' });
  });
});
