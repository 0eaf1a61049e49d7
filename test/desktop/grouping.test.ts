// Grouping in views of the demo session (real traffic), against the flows of its summary.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
});
