import { describe, expect, it } from 'vitest';
import { ForceLayout, type FreeInput } from './force.ts';

const mesh = (nodes: number, pairs: [number, number][], change: Partial<FreeInput> = {}): FreeInput => ({
  width: 740,
  height: 400,
  keys: Float64Array.from({ length: nodes }, (_, i) => i + 1),
  radius: new Float32Array(nodes).fill(8),
  from: Uint32Array.from(pairs, ([a]) => a),
  to: Uint32Array.from(pairs, ([, b]) => b),
  anew: false,
  moved: null,
  ...change,
});
const ring = (nodes: number): [number, number][] => Array.from({ length: nodes }, (_, i) => [i, (i + 1) % nodes]);
const places = ({ x, y }: { x: Float32Array; y: Float32Array }): [number, number][] =>
  Array.from(x, (value, i) => [value, y[i] ?? NaN]);

describe('the free layout', () => {
  it('gives every node a place of its own inside the pane, the same each time', () => {
    const input = mesh(24, ring(24));
    const layout = places(new ForceLayout().place(input));
    expect(places(new ForceLayout().place(input))).toEqual(layout);
    for (const [i, [x, y]] of layout.entries()) {
      expect(x).toBeGreaterThan(0);
      expect(x).toBeLessThan(740);
      expect(y).toBeGreaterThan(0);
      expect(y).toBeLessThan(400);
      for (const [other, [ox, oy]] of layout.entries())
        if (other !== i) expect(Math.hypot(x - ox, y - oy)).toBeGreaterThan(16);
    }
  });

  it('what has a place keeps it when others come and go; a new node stands near the one it talks to', () => {
    const layout = new ForceLayout();
    const before = places(layout.place(mesh(12, ring(12))));
    const after = places(layout.place(mesh(13, [...ring(12), [12, 3]])));
    expect(after.slice(0, 12)).toEqual(before);
    const [x, y] = after[12] as [number, number];
    const distance = ([ox, oy]: [number, number]): number => Math.hypot(x - ox, y - oy);
    const nearer = before.filter((place) => distance(place) < distance(before[3] as [number, number]));
    expect(nearer.length).toBeLessThan(4);
    expect(places(layout.place(mesh(11, ring(11))))).toEqual(before.slice(0, 11));
    const moved = places(layout.place(mesh(12, ring(12), { moved: { key: 5, x: 300, y: 100 } })));
    expect(moved).toEqual(before.map((place, i) => (i === 4 ? [300, 100] : place)));
  });

  it('another size of the pane stretches it; arranged anew it is as at first', () => {
    const layout = new ForceLayout();
    const before = places(layout.place(mesh(8, ring(8))));
    const wider = places(layout.place(mesh(8, ring(8), { width: 1480 })));
    expect(wider.map(([, y]) => y)).toEqual(before.map(([, y]) => y));
    expect(Math.max(...wider.map(([x]) => x))).toBeGreaterThan(Math.max(...before.map(([x]) => x)) * 1.5);
    expect(places(layout.place(mesh(8, ring(8), { anew: true })))).toEqual(before);
  });
});
