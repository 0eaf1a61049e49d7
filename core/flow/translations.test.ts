import { expect, it } from 'vitest';
import { FRAME_TRANSLATIONS, TRANSLATION } from '../abi/generated.ts';
import { parseAddress } from '../filter/address.ts';
import { feed, flowsFrame, frame, opening } from './frames.testkit.ts';
import { Reducer } from './reducer.ts';
import { Translations } from './translations.ts';

type End = readonly [address: string, port: number];

/** source → target becomes newSource → newTarget. */
function translation(atMs: number, source: End, target: End, newSource: End, newTarget: End): Uint8Array {
  const bytes = new Uint8Array(TRANSLATION.size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(TRANSLATION.atNs, 1_000_000_000_000n + BigInt(atMs) * 1_000_000n, true);
  const put = ([text, port]: End, address: number, portAt: number): void => {
    const parsed = parseAddress(text);
    if ('error' in parsed) throw new Error(text);
    bytes.set(parsed.bytes.subarray(0, parsed.family === 4 ? 4 : 16), address);
    view.setUint16(portAt, port, true);
  };
  put(source, TRANSLATION.source, TRANSLATION.sourcePort);
  put(target, TRANSLATION.target, TRANSLATION.targetPort);
  put(newSource, TRANSLATION.newSource, TRANSLATION.newSourcePort);
  put(newTarget, TRANSLATION.newTarget, TRANSLATION.newTargetPort);
  view.setUint8(TRANSLATION.protocol, 6);
  view.setUint8(TRANSLATION.family, 4);
  return bytes;
}

const INSIDE: End = ['10.0.0.2', 40_000];
const ROUTER: End = ['10.9.9.9', 20_000];
const WEB: End = ['10.1.0.1', 80];
const CHANGED = translation(5, INSIDE, WEB, ROUTER, WEB);
const DOUBLY = translation(6, ROUTER, WEB, ['192.0.2.9', 555], WEB);

/** What a flow with these ends is inside: its row, and whether its ends are turned. */
function inside(reducer: Reducer, a: End, b: End): [row: number, flipped: number | null] {
  const { model } = reducer;
  const [lo, hi] = [a, b];
  feed(reducer, flowsFrame({ key: { lo: lo[0], hi: hi[0], loPort: lo[1], hiPort: hi[1] }, slot: model.flows.rows.count, epoch: 1, first: 5, last: 6 })); // prettier-ignore
  const flow = model.flows.rows.count - 1;
  const row = model.translations.of(model.flows.key.data, flow * 10, model.flows.firstNs.data[flow]!);
  return [row, row < 0 ? null : model.translations.flipped.data[row]!];
}

it('a translated flow is found by its ends outside, however lo and hi lie; two in a row lead to the first', () => {
  const reducer = new Reducer();
  feed(reducer, ...opening(), frame(FRAME_TRANSLATIONS, CHANGED), frame(FRAME_TRANSLATIONS, DOUBLY));
  const { translations } = reducer.model;
  // 10.0.0.2 is lo of 10.1.0.1; 10.9.9.9 is hi.
  expect(inside(reducer, WEB, ROUTER)).toEqual([0, 1]);
  expect(inside(reducer, WEB, ['192.0.2.9', 555])).toEqual([1, 1]);
  expect([...translations.inner.data.subarray(10, 20)]).toEqual([...translations.inner.data.subarray(0, 10)]);
  expect(inside(reducer, INSIDE, WEB)).toEqual([-1, null]);
  expect(inside(reducer, WEB, ['10.9.9.9', 20_001])).toEqual([-1, null]);
});

it('what is told again is known, what changes nothing is none, and all of it is in a keyframe', () => {
  const reducer = new Reducer();
  feed(reducer, ...opening(), frame(FRAME_TRANSLATIONS, CHANGED), frame(FRAME_TRANSLATIONS, CHANGED));
  feed(reducer, frame(FRAME_TRANSLATIONS, translation(7, INSIDE, WEB, INSIDE, WEB)));
  expect(reducer.model.translations.rows.count).toBe(1);
  const restored = Reducer.restore(reducer.serialize());
  expect(inside(restored, WEB, ROUTER)).toEqual([0, 1]);
});

it('is bounded: of very many the older half is forgotten, the newer ones are found', () => {
  const translations = new Translations(1000);
  for (let i = 0; i < 1700; i++) {
    const record = translation(i, ['10.0.0.2', i], WEB, ['10.9.9.9', i], WEB);
    translations.apply(new DataView(record.buffer), 0, i);
  }
  expect([translations.rows.count, translations.generation]).toEqual([700, 2]);
  for (const row of [0, 699]) expect(translations.of(translations.outer.data, row * 10, 1e9)).toBe(row);
  expect(translations.others(translations.inner.data, 6990, 1e9)).toMatchObject([{ at: 6990, flipped: true }]);
});
