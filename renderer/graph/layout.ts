/**
 * Two-column layout of the connection graph: processes left, peers right, no force. Plain arithmetic over typed
 * arrays, so that it runs in a worker and in tests. Order is by first appearance: nothing jumps while live. What does
 * not fit is folded into one "+n" node a side, or passed through row by row where that is open; matching, selected,
 * pinned and troubled nodes never fold.
 */

/** Nodes and edges as structure of arrays; edges name nodes by index. */
export interface GraphInput {
  width: number;
  height: number;
  /** Room left of the ribbons and right of them, px. */
  leftWidth: number;
  rightWidth: number;
  top: number;
  rowMin: number;
  side: Uint8Array;
  order: Uint32Array;
  /** Group number, 0 = no group. */
  group: Uint32Array;
  bps: Float64Array;
  /** 1 = must be shown. */
  keep: Uint8Array;
  /** 1 = was shown in the layout before. */
  shown: Uint8Array;
  /** By side: first row of what did not fit, where that is open; −1 = it is folded. */
  opened: readonly [number, number];
  edgeLeft: Uint32Array;
  edgeRight: Uint32Array;
  edgeBps: Float64Array;
  /** Latency that colours the edge, µs; NaN = not known. */
  edgeUs: Float64Array;
}

export interface GraphLayout {
  /** Per node: centre y, height of its row; NaN = folded. */
  y: Float32Array;
  rowHeight: Float32Array;
  /** Per node: top and height of its bar. */
  barTop: Float32Array;
  barHeight: Float32Array;
  /** Per edge: top of the ribbon at both ends and its width; NaN width = folded into another ribbon. */
  edgeY0: Float32Array;
  edgeY1: Float32Array;
  edgeWidth: Float32Array;
  /** Plates: side, group number, top, bottom. */
  plates: { side: number; group: number; top: number; bottom: number }[];
  /** The "+n" nodes, where there are folded ones. */
  folds: {
    side: number;
    count: number;
    bps: number;
    /** Where the fold is open: first of the rows that are passed through, and the last that can be first. */
    from: number;
    most: number;
    y: number;
    barTop: number;
    barHeight: number;
    edges: FoldEdge[];
  }[];
}

/** A ribbon that stands for all edges between a node (or the other fold) and a fold. */
export interface FoldEdge {
  /** Node index at the other end, −1 = the fold of the other side. */
  node: number;
  bps: number;
  /** Mean latency by rate, in the logarithm, µs; NaN = not known for any of them. */
  us: number;
  y0: number;
  y1: number;
  width: number;
}

const HEAD = 19;
const EDGE_GAP = 2;
/** Most rows a side has, so that it can be taken in at a glance. */
const ROWS_MAX = 24;
const GAP_MIN = 3;

const RIBBON_MIN = 1.5;
/** Ribbon width in px for a rate, as the legend shows. */
export const ribbonWidth = (bps: number): number =>
  Math.min(16, Math.max(RIBBON_MIN, 1.5 + 2.55 * Math.log10(Math.max(1, bps / 1e4))));

interface Ribbon {
  /** Node index, or −1 / −2 for the left / right fold. */
  left: number;
  right: number;
  edge: number;
  bps: number;
  /** Sums for the mean latency: rate × log latency, and rate. */
  logs: number;
  weight: number;
  width: number;
  y0: number;
  y1: number;
}

interface Row {
  node: number;
  group: number;
  height: number;
  y: number;
}

export function layoutGraph(input: GraphInput): GraphLayout {
  const nodes = input.side.length;
  const edges = input.edgeLeft.length;
  const { visible, windows } = chooseVisible(input);
  const at = (node: number, fold: number): number => (visible[node] ? node : fold);

  // Ribbons: one an edge between shown nodes, merged where an end is folded.
  const ribbons: Ribbon[] = [];
  const merged = new Map<string, Ribbon>();
  const edgeRibbon = new Array<Ribbon | null>(edges).fill(null);
  for (let edge = 0; edge < edges; edge++) {
    const left = at(input.edgeLeft[edge] as number, -1);
    const right = at(input.edgeRight[edge] as number, -2);
    const bps = input.edgeBps[edge] as number;
    const us = input.edgeUs[edge] as number;
    const weight = us > 0 ? bps + 1 : 0;
    const logs = us > 0 ? weight * Math.log(us) : 0;
    const folded = left < 0 || right < 0;
    const key = `${left} ${right}`;
    const same = folded ? merged.get(key) : undefined;
    if (same) {
      same.bps += bps;
      same.logs += logs;
      same.weight += weight;
      continue;
    }
    const ribbon: Ribbon = { left, right, edge: folded ? -1 : edge, bps, logs, weight, width: 0, y0: 0, y1: 0 };
    ribbons.push(ribbon);
    if (folded) merged.set(key, ribbon);
    else edgeRibbon[edge] = ribbon;
  }
  const ends = new Map<number, Ribbon[]>();
  for (const ribbon of ribbons) {
    // What leads to an open fold is only passed by: its room belongs to the rows.
    const aside = (ribbon.left === -1 && input.opened[0] >= 0) || (ribbon.right === -2 && input.opened[1] >= 0);
    ribbon.width = aside ? RIBBON_MIN : ribbonWidth(ribbon.bps);
    for (const end of [ribbon.left, ribbon.right]) {
      const list = ends.get(end);
      if (list) list.push(ribbon);
      else ends.set(end, [ribbon]);
    }
  }
  const thickness = (node: number): number =>
    (ends.get(node) ?? []).reduce((sum, { width }) => sum + width + EDGE_GAP, -EDGE_GAP);

  const y = new Float32Array(nodes).fill(NaN);
  const rowHeight = new Float32Array(nodes);
  const plates: GraphLayout['plates'] = [];
  const foldRows: (Row | null)[] = [null, null];
  for (const side of [0, 1]) {
    const rows = sideRows(input, visible, side, thickness);
    if (hasFolded(input, visible, side) || input.opened[side as 0 | 1] >= 0) {
      const fold = side === 0 ? -1 : -2;
      const row = { node: fold, group: 0, height: Math.max(input.rowMin, thickness(fold) + 6), y: 0 };
      rows.push(row);
      foldRows[side] = row;
    }
    placeRows(rows, input, side, plates);
    for (const row of rows) {
      if (row.node < 0) continue;
      y[row.node] = row.y;
      rowHeight[row.node] = row.height;
    }
  }
  const centre = (node: number): number =>
    node === -1 ? (foldRows[0]?.y ?? 0) : node === -2 ? (foldRows[1]?.y ?? 0) : (y[node] as number);

  // Ports ordered by the other end's height, so ribbons of one node never cross at its bar.
  const barTop = new Float32Array(nodes);
  const barHeight = new Float32Array(nodes);
  const foldBars = new Map<number, [number, number]>();
  for (const [node, list] of ends) {
    const isLeft = node === -1 || (node >= 0 && input.side[node] === 0);
    const other = (ribbon: Ribbon): number => centre(isLeft ? ribbon.right : ribbon.left);
    list.sort((a, b) => other(a) - other(b) || a.edge - b.edge);
    const total = thickness(node);
    let port = centre(node) - total / 2;
    if (node >= 0) {
      barTop[node] = port;
      barHeight[node] = total;
    } else foldBars.set(node, [port, total]);
    for (const ribbon of list) {
      if (isLeft) ribbon.y0 = port;
      else ribbon.y1 = port;
      port += ribbon.width + EDGE_GAP;
    }
  }
  for (let node = 0; node < nodes; node++) {
    if (ends.has(node) || Number.isNaN(y[node])) continue;
    barTop[node] = (y[node] as number) - 2;
    barHeight[node] = 4;
  }

  const edgeY0 = new Float32Array(edges);
  const edgeY1 = new Float32Array(edges);
  const edgeWidth = new Float32Array(edges).fill(NaN);
  edgeRibbon.forEach((ribbon, edge) => {
    if (!ribbon) return;
    edgeY0[edge] = ribbon.y0;
    edgeY1[edge] = ribbon.y1;
    edgeWidth[edge] = ribbon.width;
  });
  const folds: GraphLayout['folds'] = [];
  for (const side of [0, 1]) {
    const row = foldRows[side];
    if (!row) continue;
    const [top, height] = foldBars.get(row.node) ?? [row.y - 2, 4];
    let count = 0;
    let bps = 0;
    for (let node = 0; node < nodes; node++) {
      if (input.side[node] !== side || visible[node]) continue;
      count++;
      bps += input.bps[node] as number;
    }
    const own = (ends.get(row.node) ?? []).filter((ribbon) => side === 1 || ribbon.right !== -2);
    folds.push({
      side,
      count,
      bps,
      from: windows[side]?.from ?? -1,
      most: windows[side]?.most ?? -1,
      y: row.y,
      barTop: top,
      barHeight: height,
      edges: own.map((ribbon) => ({
        node: side === 0 ? ribbon.right : Math.max(-1, ribbon.left),
        bps: ribbon.bps,
        us: ribbon.weight > 0 ? Math.exp(ribbon.logs / ribbon.weight) : NaN,
        y0: ribbon.y0,
        y1: ribbon.y1,
        width: ribbon.width,
      })),
    });
  }
  return { y, rowHeight, barTop, barHeight, edgeY0, edgeY1, edgeWidth, plates, folds };
}

/** Nodes of one side, most wanted first. */
function byWeight(input: GraphInput, side: number): number[] {
  const weight = (node: number): number =>
    (input.keep[node] ? 1e18 : 0) + ((input.bps[node] as number) + 1) * (input.shown[node] ? 3 : 1);
  return Array.from(input.side.keys())
    .filter((node) => input.side[node] === side)
    .sort((a, b) => weight(b) - weight(a) || (input.order[a] as number) - (input.order[b] as number));
}

/**
 * Which nodes get a row: all if they fit, else as many as do, those that must first, then by rate with a bonus for those
 * shown before. How tall a row is depends on what is folded at the other side, so the sides are weighed in turn.
 */
function chooseVisible(input: GraphInput): { visible: Uint8Array; windows: (Window | null)[] } {
  const nodes = input.side.length;
  const own: number[][] = Array.from({ length: nodes }, () => []);
  input.edgeLeft.forEach((left, edge) => {
    own[left]?.push(edge);
    own[input.edgeRight[edge] as number]?.push(edge);
  });
  const visible = new Uint8Array(nodes);
  const sides = [byWeight(input, 0), byWeight(input, 1)];
  const room = input.height - input.top - 8;
  const most = Math.min(ROWS_MAX, Math.max(1, Math.floor(room / (input.rowMin + GAP_MIN))));
  for (const candidates of sides) for (const node of candidates.slice(0, most)) visible[node] = 1;
  const windows: (Window | null)[] = [null, null];
  for (const side of [1, 0, 1]) {
    const from = input.opened[side as 0 | 1];
    const fits = (candidates: readonly number[]): number => howManyFit(input, candidates, own, visible, room);
    const window = from < 0 ? null : openWindow(input, sides[side] as number[], from, fits);
    const candidates = window?.candidates ?? (sides[side] as number[]);
    const count = window?.count ?? fits(candidates);
    windows[side] = window;
    candidates.forEach((node, i) => (visible[node] = i < count ? 1 : 0));
  }
  return { visible, windows };
}

/** Rows of an open side: what must be shown, then as many as fit from a place on, in the order of first appearance. */
interface Window {
  candidates: number[];
  count: number;
  from: number;
  most: number;
}

function openWindow(
  input: GraphInput,
  all: readonly number[],
  wanted: number,
  fits: (candidates: readonly number[]) => number,
): Window {
  const kept = all.filter((node) => input.keep[node]);
  const rest = inOrder(
    input,
    all.filter((node) => !input.keep[node]),
  );
  const at = (from: number): number[] => [...kept, ...rest.slice(from), ...rest.slice(0, from)];
  const room = Math.max(1, fits(at(0)) - kept.length);
  const most = Math.max(0, rest.length - room);
  const from = Math.min(wanted, most);
  const candidates = at(from);
  return { candidates, count: Math.min(fits(candidates), kept.length + rest.length - from), from, most };
}

function howManyFit(
  input: GraphInput,
  candidates: readonly number[],
  own: readonly number[][],
  visible: Uint8Array,
  room: number,
): number {
  const open = input.opened[input.side[candidates[0] ?? 0] as 0 | 1] >= 0;
  /** Height of the bar of some nodes taken as one: ribbons to what is folded at the other side are merged. */
  const thickness = (members: readonly number[], merge: boolean): number => {
    const ribbons = new Map<number, number>();
    for (const node of members)
      for (const edge of own[node] ?? []) {
        const left = input.edgeLeft[edge] as number;
        const far = left === node ? (input.edgeRight[edge] as number) : left;
        const key = visible[far] ? (merge ? far : -2 - edge) : -1;
        ribbons.set(key, (ribbons.get(key) ?? 0) + (input.edgeBps[edge] as number));
      }
    let sum = 4;
    for (const bps of ribbons.values()) sum += (merge && open ? RIBBON_MIN : ribbonWidth(bps)) + EDGE_GAP;
    return sum;
  };
  const heights = candidates.map((node) => Math.max(input.rowMin, thickness([node], false)));
  const needed = (count: number): number => {
    let sum = 0;
    const members = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      sum += heights[i] as number;
      const group = (input.group[candidates[i] as number] as number) || -1 - i;
      members.set(group, (members.get(group) ?? 0) + 1);
    }
    for (const [group, size] of members) sum += GAP_MIN + (group > 0 && size > 1 ? HEAD + 4 : 0);
    return count === candidates.length
      ? sum
      : sum + GAP_MIN + Math.max(input.rowMin, thickness(candidates.slice(count), true));
  };
  if (candidates.length <= ROWS_MAX && needed(candidates.length) <= room) return candidates.length;
  let low = Math.min(1, candidates.length);
  let high = Math.min(candidates.length - 1, ROWS_MAX);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (needed(middle) <= room) low = middle;
    else high = middle - 1;
  }
  return Math.max(low, Math.min(1, candidates.length));
}

function hasFolded(input: GraphInput, visible: Uint8Array, side: number): boolean {
  for (let node = 0; node < visible.length; node++) if (input.side[node] === side && !visible[node]) return true;
  return false;
}

/** Rows of one side. */
function sideRows(input: GraphInput, visible: Uint8Array, side: number, thickness: (node: number) => number): Row[] {
  const shown = Array.from(visible.keys()).filter((node) => input.side[node] === side && visible[node]);
  return inOrder(input, shown).map((node) => ({
    node,
    group: input.group[node] as number,
    height: Math.max(input.rowMin, thickness(node) + 6),
    y: 0,
  }));
}

/** Groups by the first appearance of their first member, nodes by their own. */
function inOrder(input: GraphInput, nodes: number[]): number[] {
  const first = new Map<number, number>();
  for (const node of nodes) {
    const group = input.group[node] as number;
    if (group) first.set(group, Math.min(first.get(group) ?? Infinity, input.order[node] as number));
  }
  const rank = (node: number): number => first.get(input.group[node] as number) ?? (input.order[node] as number);
  return nodes.sort(
    (a, b) =>
      rank(a) - rank(b) ||
      (input.group[a] as number) - (input.group[b] as number) ||
      (input.order[a] as number) - (input.order[b] as number),
  );
}

/** Gives rows their y: gaps between groups shrink from 20 to 3 px, then row heights shrink in proportion. */
function placeRows(rows: Row[], input: GraphInput, side: number, plates: GraphLayout['plates']): void {
  const starts = rows.map((row, i) => i === 0 || row.group === 0 || rows[i - 1]?.group !== row.group);
  const plated = rows.map((row, i) => row.group !== 0 && starts[i] === true && rows[i + 1]?.group === row.group);
  const heads = plated.filter(Boolean).length;
  const blocks = starts.filter(Boolean).length;
  const room = input.height - input.top - 8;
  const content = rows.reduce((sum, { height }) => sum + height, 0);
  const fixed = heads * (HEAD + 4);
  const gap = blocks > 1 ? Math.min(20, Math.max(GAP_MIN, (room - content - fixed) / (blocks - 1))) : 0;
  const excess = content + fixed + gap * (blocks - 1) - room;
  const squeeze = excess > 0 ? Math.max(0.6, (content - excess) / content) : 1;
  let y = input.top;
  let plate: GraphLayout['plates'][number] | null = null;
  rows.forEach((row, i) => {
    if (starts[i] && i > 0) {
      if (plate) {
        y += 4;
        plate.bottom = y;
        plate = null;
      }
      y += gap;
    }
    if (plated[i]) {
      plate = { side, group: row.group, top: y, bottom: y };
      plates.push(plate);
      y += HEAD;
    }
    const height = row.height * squeeze;
    row.y = y + height / 2;
    row.height = height;
    y += height;
    if (plate) plate.bottom = y + 4;
  });
}
