import { describe, expect, it } from 'vitest';
import { approach, emptyScene, type SceneEdge, type SceneNode } from './scene.ts';

const node = (key: number, change: Partial<SceneNode> = {}): SceneNode => ({
  key, side: 0, label: 'node', detail: '1', bps: 1, matches: true, trouble: 0, filter: null, order: 0, group: null, groupKind: '', flows: 1, process: null, same: 0, id: `0 ${key}`, grouped: false, pinned: false, x: 0, y: 100, height: 22, barTop: 90, barHeight: 20, ...change,
}); // prettier-ignore
const edge = (key: number, change: Partial<SceneEdge> = {}): SceneEdge => ({
  key, left: 1, right: 2, bps: 1, rttP50Us: NaN, rttP99Us: NaN, responseP50Us: NaN, retransmits: 0, drops: 0, segments: 0, flows: 1, trouble: 0, inbound: false, matches: true, flow: 0, y0: 0, y1: 0, width: 2, ...change,
}); // prettier-ignore

describe('easing of the graph', () => {
  it('lets new things appear in place and gone ones go', () => {
    const shown = emptyScene();
    const target = emptyScene();
    target.nodes.set(1, node(1, { y: 50 }));
    expect(approach(shown, target, 0.2)).toBe(false);
    expect(shown.nodes.get(1)?.y).toBe(50);
    target.nodes.delete(1);
    approach(shown, target, 0.2);
    expect(shown.nodes.size).toBe(0);
  });

  it('moves a share of the way each time, arrives, and shows values at once', () => {
    const shown = emptyScene();
    const target = emptyScene();
    shown.edges.set(7, edge(7, { width: 2, bps: 1 }));
    target.edges.set(7, edge(7, { width: 10, bps: 9e6 }));
    expect(approach(shown, target, 0.5)).toBe(true);
    expect(shown.edges.get(7)).toMatchObject({ width: 6, bps: 9e6 });
    let frames = 0;
    while (approach(shown, target, 0.5)) expect(++frames).toBeLessThan(20);
    expect(shown.edges.get(7)?.width).toBe(10);
  });

  it('with share 1 (reduced motion) is there at once', () => {
    const shown = emptyScene();
    const target = emptyScene();
    shown.nodes.set(1, node(1, { y: 10 }));
    target.nodes.set(1, node(1, { y: 300 }));
    approach(shown, target, 1);
    expect(shown.nodes.get(1)?.y).toBe(300);
    expect(approach(shown, target, 1)).toBe(false);
  });
});
