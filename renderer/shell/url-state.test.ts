import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupings, sortColumns } from '../../core/contract/requests.ts';
import { COLUMNS } from '../table/columns.ts';
import { decodeUrl, encodeUrl, type UrlState } from './url-state.ts';

const ns = fc.integer({ min: 0, max: 9e15 });
const spans = fc.tuple(ns, fc.integer({ min: 1, max: 1e12 })).map(([fromNs, length]) => ({ fromNs, toNs: fromNs + length })); // prettier-ignore
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const states = fc
  .record({
    of: some(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })),
    view: some(fc.constantFrom('trouble', 'sessions')),
    filter: some(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })),
    show: some(fc.constant('matches')),
    cursorNs: some(ns),
    range: some(spans),
    zoom: some(spans),
    flow: some(fc.integer({ min: 0, max: 1e9 })),
    open: some(fc.constant(true)),
    sort: some(fc.uniqueArray(fc.constantFrom(...sortColumns), { minLength: 1, maxLength: 4 }).map((list) => list.map((column, i) => ({ column, descending: i % 2 === 0 })))), // prettier-ignore
    columns: some(fc.uniqueArray(fc.constantFrom(...COLUMNS.map(({ id }) => id)), { minLength: 1 }).map((list) => list.map((id, i) => ({ id, width: i % 2 ? 100 + i : null })))), // prettier-ignore
    group: some(fc.constantFrom(...groupings)),
    graph: some(fc.constantFrom('free', 'table')),
    left: some(fc.constantFrom('process', 'user')),
    right: some(fc.constantFrom('domain', 'network')),
  })
  .map((state) => Object.fromEntries(Object.entries(state).filter(([, value]) => value !== undefined)) as UrlState);

describe('the screen in the address', () => {
  it('comes back as it was, to the nanosecond', () => {
    fc.assert(
      fc.property(states, (state) => {
        const back = decodeUrl(`#${encodeUrl(state)}`);
        expect(back.ignored).toEqual([]);
        expect(back.state).toEqual(state);
      }),
    );
  });

  it('whatever it is, reading it does not fail, and names what was left out', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void decodeUrl(text)));
    const { state, ignored } = decodeUrl('#filter=tcp&t=soon&range=9-3&sort=-sent,nonsense&columns=peer:1&group=colour&open=2&more=1&t=-1&flow=x'); // prettier-ignore
    expect(state).toEqual({ filter: 'tcp' });
    expect(ignored).toEqual(['t', 'range', 'sort', 'columns', 'group', 'open', 'more', 'flow']);
  });
});
