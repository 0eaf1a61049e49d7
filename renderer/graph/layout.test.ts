import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutGraph, ribbonWidth, type GraphInput } from './layout.ts';

function input(left: number, right: number, pairs: [number, number, number][], height = 430): GraphInput {
  const nodes = left + right;
  return {
    width: 740,
    height,
    leftWidth: 214,
    rightWidth: 226,
    top: 24,
    rowMin: 22,
    side: Uint8Array.from({ length: nodes }, (_, i) => (i < left ? 0 : 1)),
    order: Uint32Array.from({ length: nodes }, (_, i) => i),
    group: Uint32Array.from({ length: nodes }, (_, i) => (i % 3 === 0 ? 1 + Math.floor(i / 9) : 0)),
    bps: Float64Array.from({ length: nodes }, (_, i) =>
      pairs.reduce((sum, [a, b, bps]) => sum + (a === i || b + left === i ? bps : 0), 0),
    ),
    keep: new Uint8Array(nodes),
    shown: new Uint8Array(nodes),
    opened: [-1, -1],
    edgeLeft: Uint32Array.from(pairs, ([a]) => a),
    edgeRight: Uint32Array.from(pairs, ([, b]) => b + left),
    edgeBps: Float64Array.from(pairs, ([, , bps]) => bps),
    edgeUs: Float64Array.from(pairs, ([a]) => (a % 2 ? 1000 : NaN)),
  };
}

const graphs = fc
  .record({ left: fc.integer({ min: 1, max: 60 }), right: fc.integer({ min: 1, max: 120 }) })
  .chain(({ left, right }) =>
    fc
      .uniqueArray(fc.tuple(fc.nat(left - 1), fc.nat(right - 1), fc.integer({ min: 0, max: 1e9 })), {
        maxLength: 150,
        selector: ([a, b]) => a * 1000 + b,
      })
      .map((pairs) => input(left, right, pairs as [number, number, number][])),
  );

describe('the two-column layout', () => {
  it('never lets two rows of a side overlap and accounts for every node', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const layout = layoutGraph(graph);
        for (const side of [0, 1]) {
          const rows = [...layout.y.keys()]
            .filter((node) => graph.side[node] === side && !Number.isNaN(layout.y[node]))
            .sort((a, b) => (layout.y[a] ?? 0) - (layout.y[b] ?? 0));
          for (let i = 1; i < rows.length; i++) {
            const [above, below] = [rows[i - 1] as number, rows[i] as number];
            const bottom = (layout.y[above] as number) + (layout.rowHeight[above] as number) / 2;
            expect((layout.y[below] as number) - (layout.rowHeight[below] as number) / 2).toBeGreaterThanOrEqual(
              bottom - 0.01,
            );
          }
          const folded = layout.folds.find((fold) => fold.side === side)?.count ?? 0;
          expect(rows.length + folded).toBe([...graph.side].filter((s) => s === side).length);
        }
      }),
    );
  });

  it('keeps ribbons of one node side by side at its bar, in the order of their other ends', () => {
    const layout = layoutGraph(
      input(2, 3, [
        [0, 0, 5e6],
        [0, 1, 5e6],
        [0, 2, 5e6],
        [1, 0, 1e6],
      ]),
    );
    const ports = [0, 1, 2].map((edge) => layout.edgeY0[edge] as number);
    expect(ports[1] as number).toBeGreaterThanOrEqual((ports[0] as number) + (layout.edgeWidth[0] as number));
    expect(ports[2] as number).toBeGreaterThanOrEqual((ports[1] as number) + (layout.edgeWidth[1] as number));
  });

  it('never folds a node that must be shown', () => {
    const graph = input(
      1,
      200,
      Array.from({ length: 200 }, (_, i) => [0, i, 1000 * (200 - i)]),
    );
    graph.keep[200] = 1;
    const layout = layoutGraph(graph);
    expect(layout.y[200]).not.toBeNaN();
    expect(layout.folds).toMatchObject([{ side: 1 }]);
  });

  it('does not move what is there when something new appears and fits', () => {
    const before = layoutGraph(
      input(3, 3, [
        [0, 0, 1e6],
        [1, 1, 1e6],
      ]),
    );
    const after = layoutGraph(
      input(3, 3, [
        [0, 0, 1e6],
        [1, 1, 1e6],
        [2, 2, 1e6],
      ]),
    );
    expect(after.y[0]).toBe(before.y[0]);
  });

  it('draws ribbons from 1.5 to 16 px', () => {
    expect(ribbonWidth(0)).toBe(1.5);
    expect(ribbonWidth(1e4)).toBe(1.5);
    expect(ribbonWidth(1e15)).toBe(16);
  });
});
