import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import {
  BOOT,
  clockRecord,
  feed,
  flowsFrame,
  frame,
  interfaceRecord,
  ms,
  opening,
  type Frame,
} from './frames.testkit.ts';
import { GAP_INTERFACE, Reducer } from './reducer.ts';

function news(state: number, at: number, { iface = 0, up = 0, name = 'veth0' } = {}): Frame {
  const bytes = interfaceRecord(iface, name);
  const view = new DataView(bytes.buffer);
  view.setUint16(abi.INTERFACE.state, state, true);
  view.setUint32(abi.INTERFACE.up, up, true);
  view.setBigUint64(abi.INTERFACE.atNs, ms(at), true);
  return frame(abi.FRAME_INTERFACE, bytes);
}

describe('an interface that is away', () => {
  const gapsAfter = (...frames: Frame[]): (readonly [number, number])[] => {
    const straight = new Reducer();
    feed(straight, ...opening(), ...frames);
    // The same from a keyframe in the middle, whichever frame it was written after.
    for (let cut = 0; cut <= frames.length; cut++) {
      const before = new Reducer();
      feed(before, ...opening(), ...frames.slice(0, cut));
      const resumed = Reducer.restore(before.serialize());
      feed(resumed, ...frames.slice(cut));
      expect(resumed.serialize()).toEqual(straight.serialize());
    }
    return straight.gaps
      .filter(({ stream }) => stream === GAP_INTERFACE)
      .map(({ fromNs, toNs }) => [fromNs / 1e6, toNs / 1e6] as const);
  };

  it('is a gap that lasts until it is attached to again, under another number', () => {
    const gone = [news(abi.INTERFACE_GONE, 100), news(abi.INTERFACE_WAITING, 100)];
    expect(gapsAfter(...gone)).toEqual([[100, Infinity]]);
    expect(gapsAfter(...gone, news(abi.INTERFACE_ATTACHED, 350, { iface: 1, up: 1 }))).toEqual([[100, 350]]);
  });

  it('is one gap when the link went down before it was removed', () => {
    const frames = [
      news(abi.INTERFACE_LINK, 100),
      news(abi.INTERFACE_WAITING, 100),
      news(abi.INTERFACE_GONE, 200),
      news(abi.INTERFACE_WAITING, 200),
      news(abi.INTERFACE_ATTACHED, 300, { iface: 7 }),
    ];
    expect(gapsAfter(...frames)).toEqual([[100, 300]]);
  });

  it('is no gap when nobody waits for it, and another interface ends nobody else’s', () => {
    expect(gapsAfter(news(abi.INTERFACE_GONE, 100))).toEqual([]);
    const other = news(abi.INTERFACE_ATTACHED, 200, { iface: 2, up: 1, name: 'eth9' });
    expect(gapsAfter(news(abi.INTERFACE_WAITING, 100), other)).toEqual([[100, Infinity]]);
  });

  it('keeps at most 512 gaps of ten thousand, and goes on', () => {
    const reducer = new Reducer();
    feed(reducer, ...opening());
    for (let i = 0; i < 10_000; i++)
      feed(reducer, news(abi.INTERFACE_WAITING, i * 10), news(abi.INTERFACE_LINK, i * 10 + 5, { up: 1 }));
    expect(reducer.gaps.length).toBe(512);
    expect(reducer.gaps.every(({ toNs, fromNs }) => toNs === fromNs + 5e6)).toBe(true);
    expect(reducer.model.clock.bootNs(reducer.model.nowNs) - BOOT).toBe(99_995_000_000n);
  });
});

describe('time', () => {
  it('goes on over a sleep: boot time jumps, wall time with it, and no duration is bent', () => {
    const reducer = new Reducer();
    const hour = 3_600_000;
    feed(reducer, ...opening(), frame(abi.FRAME_CLOCK, clockRecord(1000)));
    feed(reducer, flowsFrame({ first: 900, last: 950, lo: { packets: 1, bytes: 60 } }));
    feed(reducer, frame(abi.FRAME_CLOCK, clockRecord(hour)));
    feed(reducer, flowsFrame({ first: 900, last: hour + 5, lo: { packets: 2, bytes: 120 } }));
    const { clock, flows, nowNs } = reducer.model;
    expect(clock.anchors).toBe(1);
    expect(flows.lastNs.data[0]! - flows.firstNs.data[0]!).toBe((hour + 5 - 900) * 1e6);
    expect((clock.wallNs(nowNs) ?? 0n) - (clock.wallNs(0) ?? 0n)).toBe(BigInt(hour + 5) * 1_000_000n);
  });
});
