import { beforeAll, describe, expect, it, vi } from 'vitest';
import { latencyColor, latencyShare, token } from './latency-scale.ts';

const DARK = ['#3e64b9', '#3176c1', '#2589bf', '#329db4', '#52ada5', '#8cb987', '#cbbb59', '#febc36', '#ffe08d'];
const rgb = (hex: string): string => `rgb(${[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).join(' ')})`;

describe('latency scale', () => {
  const root = { dataset: { theme: 'dark' } as Record<string, string> };
  let asked = 0;
  beforeAll(() => {
    vi.stubGlobal('document', { documentElement: root });
    vi.stubGlobal('getComputedStyle', () => ({
      getPropertyValue: (name: string) => {
        asked++;
        const stop = /^--lat-(\d)$/.exec(name);
        if (stop) return ` ${root.dataset['theme'] === 'dark' ? DARK[Number(stop[1])] : '#000000'}`;
        return `${name} of ${root.dataset['theme']}`;
      },
    }));
  });

  it('is logarithmic from 0.1 ms to 1 s and clamps outside', () => {
    expect([100, 1000, 10_000, 100_000, 1e6].map(latencyShare)).toEqual([0, 0.25, 0.5, 0.75, 1].map((x) => expect.closeTo(x, 9) as number)); // prettier-ignore
    expect(latencyShare(1)).toBe(0);
    expect(latencyShare(1e9)).toBe(1);
  });

  it('meets the stops of the tokens at the ends, and unknown is grey', () => {
    expect(latencyColor(100)).toBe(rgb(DARK[0] as string));
    expect(latencyColor(1e6)).toBe(rgb(DARK[8] as string));
    expect(latencyColor(1e9)).toBe(rgb(DARK[8] as string));
    expect(latencyColor(NaN)).toBe('--fg-3 of dark');
  });

  it('is read once a theme', () => {
    const before = asked;
    for (let us = 100; us < 1e6; us *= 1.1) latencyColor(us);
    expect(asked).toBe(before);
    root.dataset['theme'] = 'hc';
    expect(latencyColor(500)).toBe('rgb(0 0 0)');
    expect(token('--bad')).toBe('--bad of hc');
  });
});
