/**
 * The graph's data: rows of the view, laid out by the worker, as a scene that is eased towards the newest layout. One
 * layout is under way at most. While the pointer is over the graph nothing moves: values go on in the old layout.
 */
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import { isCalm } from '../draw/motion.ts';
import { schedule, unschedule } from '../draw/frame.ts';
import { useView } from '../engine/use-view.ts';
import { useEngine } from '../stores/engine.ts';
import { useGraph } from '../stores/graph.ts';
import { useSelection } from '../stores/selection.ts';
import type { GraphGeometry } from './draw-graph.ts';
import LayoutWorker from './layout.worker.ts?worker';
import { columnsInput, freeInput, freeRows, rowsToShow, type Rows } from './inputs.ts';
import type { LayoutAnswer, LayoutRequest } from './layout.worker.ts';
import { ribbonWidth } from './layout.ts';
import { GraphReader, type NodeRow } from './rows.ts';
import { approach, columnsScene, emptyScene, freeScene, refreshScene, type Laid, type Scene } from './scene.ts';

const EDGES = 400;
/** Nodes that the free form shows, and when all are asked for. */
const FREE_MAX = 60;
const FREE_ALL = 300;
/** Share of the way that is gone in each frame. */
const EASE = 0.22;
/** How often the twin for screen readers is renewed. */
const TWIN_MS = 1000;

export function useGraphScene(draw: () => void) {
  const engine = useEngine();
  const selection = useSelection();
  const graph = useGraph();
  const reader = new GraphReader((id) => engine.engine().text(id));
  const shown = emptyScene();
  let target = emptyScene();
  let geometry: GraphGeometry = { width: 740, height: 400, leftWidth: 214, rightWidth: 226 };
  const worker = new LayoutWorker();
  let sent: (Laid & { number: number; left: Scene['left'] }) | null = null;
  let number = 0;
  let waiting = false;
  /** Rows or size changed while a layout was under way. */
  let outdated = false;
  let anew = false;
  let moved: { key: number; x: number; y: number } | null = null;

  const answered = ref(false);
  /** The pointer is over the graph. */
  const held = ref(false);
  /** Renewed once a second: what the twin shows. */
  const twin = shallowRef<Rows>({ nodes: [], edges: [] });
  const totals = ref(reader.totals);
  let twinAt = -Infinity;

  const filtered = computed(() => engine.state.filter !== '');
  const onlyMatches = computed(() => selection.show === 'matches' && filtered.value);
  const found = computed(() => graph.find.trim().toLowerCase());

  useView(
    () => ({
      kind: 'graph',
      groupLeft: graph.groupLeft,
      groupRight: graph.groupRight,
      edges: EDGES,
      find: graph.find.trim(),
    }),
    (state) => {
      reader.read(state);
      answered.value = true;
      update();
    },
  );

  function update(): void {
    const now = performance.now();
    if (now - twinAt >= TWIN_MS || twin.value.edges.length === 0) {
      twinAt = now;
      twin.value = rowsToShow(reader.nodes, reader.edges, onlyMatches.value);
    }
    const { processes, peers, edges } = reader.totals;
    if (processes !== totals.value.processes || peers !== totals.value.peers || edges !== totals.value.edges)
      totals.value = reader.totals;
    if (graph.form === 'table') return;
    if (held.value && shown.nodes.size > 0) {
      refreshScene(target, sceneNodes(), reader.edges);
      schedule(draw);
    } else relayout();
  }
  /** Rows by the keys of the scene: in the free form some nodes are two rows in one. */
  const sceneNodes = (): ReadonlyMap<number, NodeRow> =>
    graph.form === 'free'
      ? new Map(freeRows({ nodes: [...reader.nodes.values()], edges: [] }, () => true, Infinity).nodes.map((node) => [node.key, node])) // prettier-ignore
      : reader.nodes;

  function keeper(): (node: NodeRow) => boolean {
    const edge = reader.edges.get(selection.edge);
    const text = found.value;
    return (node) =>
      node.trouble !== 0 ||
      (filtered.value && node.matches) ||
      node.key === edge?.left ||
      node.key === edge?.right ||
      node.id === selection.node ||
      graph.pins.has(node.id) ||
      (text !== '' && hasText(node, text));
  }

  /** Hands the newest rows to the worker. */
  function relayout(): void {
    if (waiting) outdated = true;
    if (waiting || !answered.value) return;
    outdated = false;
    waiting = true;
    const rows = rowsToShow(reader.nodes, reader.edges, onlyMatches.value);
    worker.postMessage(graph.form === 'free' ? askFree(rows) : askColumns(rows));
  }

  function askColumns(rows: Rows): LayoutRequest {
    const { input, groups } = columnsInput(rows, {
      size: geometry,
      keep: keeper(),
      shown: (key) => shown.nodes.has(key),
      opened: graph.opened,
    });
    sent = { number: ++number, ...rows, groups, pins: graph.pins, left: { count: 0, bps: 0 } };
    return { number, columns: input };
  }

  function askFree(rows: Rows): LayoutRequest {
    const { left, ...free } = freeRows(rows, keeper(), graph.everyNode ? FREE_ALL : FREE_MAX);
    const bps = left.reduce((sum, node) => sum + node.bps, 0);
    sent = { number: ++number, ...free, groups: [], pins: graph.pins, left: { count: left.length, bps } };
    const request = { number, free: freeInput(free, geometry, { anew, moved }) };
    anew = false;
    moved = null;
    return request;
  }

  worker.onmessage = ({ data }: MessageEvent<LayoutAnswer>) => {
    waiting = false;
    if (outdated) requestAnimationFrame(relayout);
    if (sent?.number !== data.number) return;
    target = 'columns' in data ? columnsScene(sent, data.columns) : freeScene(sent, data.free, ribbonWidth);
    target.left = sent.left;
    schedule(draw);
  };

  /** One step of the way; asks for the next while there is one. */
  function step(): void {
    if (approach(shown, target, isCalm() ? 1 : EASE)) schedule(draw);
  }
  function resize(next: GraphGeometry): void {
    geometry = next;
    relayout();
    schedule(draw);
  }
  /** The free form begins anew. */
  function rearrange(): void {
    anew = true;
    relayout();
  }
  /** Puts a node of the free form somewhere by hand. */
  function move(key: number, x: number, y: number): void {
    moved = { key, x, y };
    for (const scene of [shown, target]) Object.assign(scene.nodes.get(key) ?? {}, { x, y });
    relayout();
    schedule(draw);
  }

  // Another form is another picture: nothing eases from the one to the other.
  watch(
    () => graph.form,
    () => {
      for (const scene of [shown, target]) {
        scene.nodes.clear();
        scene.edges.clear();
        scene.plates = [];
        scene.folds = [];
        scene.left = { count: 0, bps: 0 };
      }
      relayout();
    },
  );
  watch(
    [() => selection.edge, () => selection.node, onlyMatches, filtered, found, () => graph.opened, () => graph.everyNode, () => [...graph.pins].join('\n')], // prettier-ignore
    () => {
      relayout();
      schedule(draw);
    },
  );
  watch(onlyMatches, () => (twinAt = -Infinity));
  // The pointer left: what came meanwhile finds its place.
  watch(held, (over) => {
    if (!over) relayout();
  });
  onBeforeUnmount(() => {
    unschedule(draw);
    worker.terminate();
  });

  return {
    shown,
    reader,
    answered,
    held,
    filtered,
    found,
    totals,
    twin,
    target: (): Scene => target,
    geometry: (): GraphGeometry => geometry,
    step,
    resize,
    rearrange,
    move,
  };
}

/** `text` in small letters, in what can be read of the node. */
export const hasText = ({ label, detail, group }: NodeRow, text: string): boolean =>
  `${label} ${detail} ${group ?? ''}`.toLowerCase().includes(text);
