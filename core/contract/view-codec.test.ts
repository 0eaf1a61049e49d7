import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VIEW_TABLES } from './tables.ts';
import { diffRows, encodeView, peekView, RowSet, StringInterner, ViewState } from './view-codec.ts';

const edges = VIEW_TABLES.graph[1];

function rowsOf(set: RowSet): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  for (let row = 0; row < set.length; row++)
    rows.set(
      set.keys[row] as number,
      set.columns.map((column) => column[row] as number),
    );
  return rows;
}

describe('view updates', () => {
  it('bring a page to the same rows as the engine through any series of changes', () => {
    const step = fc.dictionary(fc.integer({ min: 0, max: 40 }).map(String), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const sent = VIEW_TABLES.graph.map((schema) => new RowSet(schema));
        const page = new ViewState('graph');
        const strings = new Map<number, string>();
        const interner = new StringInterner();
        let version = 0;
        for (const wanted of steps) {
          const next = VIEW_TABLES.graph.map((schema) => new RowSet(schema));
          const set = next[1] as RowSet;
          for (const [key, value] of Object.entries(wanted)) {
            const row = set.upsert(Number(key));
            (set.column('bps') as Float64Array)[row] = value === 0 ? NaN : value * 1.5;
            (set.column('flows') as Uint32Array)[row] = value;
          }
          const nodes = next[0] as RowSet;
          (nodes.column('label') as Uint32Array)[nodes.upsert(1)] = interner.id(`name ${version % 3}`);
          const updates = next.map((rows, i) => diffRows(rows, sent[i] as RowSet));
          const message = encodeView(
            { view: 7, base: version, version: version + 1, cursorNs: 5 },
            updates,
            interner.takeFresh(),
          );
          expect(page.apply(message, strings)).toBe(true);
          version++;
          expect(rowsOf(page.table('edges'))).toEqual(rowsOf(set));
          const label = page.table('nodes').column('label')[0] as number;
          expect(strings.get(label)).toBe(`name ${(version - 1) % 3}`);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('carry only the rows that changed', () => {
    const sent = new RowSet(edges);
    const next = new RowSet(edges);
    for (let key = 0; key < 100; key++) next.upsert(key);
    expect(diffRows(next, sent).changed).toHaveLength(100);
    (next.column('flows') as Uint32Array)[42] = 9;
    const update = diffRows(next, sent);
    expect([...update.changed]).toEqual([42]);
    expect(update.removed).toHaveLength(0);
  });

  it('with another base than the page has leave the page as it is', () => {
    const page = new ViewState('graph');
    const empty = () => VIEW_TABLES.graph.map((schema) => diffRows(new RowSet(schema), new RowSet(schema)));
    expect(page.apply(encodeView({ view: 1, base: 0, version: 4, cursorNs: 0 }, empty(), []), new Map())).toBe(true);
    expect(page.apply(encodeView({ view: 1, base: 3, version: 9, cursorNs: 0 }, empty(), []), new Map())).toBe(false);
    expect(page.version).toBe(4);
  });

  it('are told from other bytes', () => {
    expect(peekView(new ArrayBuffer(8))).toBeNull();
    expect(peekView(new ArrayBuffer(64))).toBeNull();
  });
});
