import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SampleWindow } from './samples.ts';
import { Scene } from './scene.testkit.ts';
import { TriggerWatch } from './trigger-watch.ts';
import { parseTrigger, requireTrigger } from './trigger.ts';

const problem = (text: string): [number, number, string] => {
  const result = parseTrigger(text);
  if (result.ok) throw new Error(`${text} was read`);
  return [result.problem.start, result.problem.end, result.problem.message];
};

describe('a trigger', () => {
  it('is a filter over a life, a window, all flows, or a new peer', () => {
    expect(requireTrigger('rtt.p99 > 200ms', '--when')).toMatchObject({ kind: 'flow', windowNs: null });
    expect(requireTrigger('retransmits > 20 within 1s', '--when')).toMatchObject({ kind: 'flow', windowNs: 1e9 });
    expect(requireTrigger('session: response.p90 > 1s && bytes > 1MB within 500ms', '--when')).toMatchObject({ kind: 'session', windowNs: 5e8 }); // prettier-ignore
    expect(requireTrigger('session: resets > 5', '--when')).toMatchObject({ kind: 'session', windowNs: 10e9 });
    expect(requireTrigger('new peer', '--when')).toMatchObject({ kind: 'peer' });
    expect(requireTrigger('new peer where !(port == 53)', '--when')).toMatchObject({ kind: 'peer' });
  });

  it('that cannot be read is pointed at, in the text as written', () => {
    expect(problem('rtt.p99 > 200')).toEqual([10, 13, expect.stringContaining('needs a unit')]);
    expect(problem('session: rtt.p9 > 1ms')).toEqual([9, 15, expect.stringContaining('no field is named')]);
    expect(problem('new peer where port = 1')).toEqual([20, 21, expect.stringContaining('two equals')]);
    expect(problem('new peer port == 1')).toEqual([9, 18, expect.stringContaining('where')]);
    expect(problem('resets > 1 within soon')).toEqual([18, 22, expect.stringContaining('duration')]);
    expect(problem('resets > 1 within 1ms')).toEqual([18, 21, expect.stringContaining('100ms')]);
    expect(problem('session: process.name == "curl"')).toEqual([9, 31, 'process.name is of one flow, not of the session']); // prettier-ignore
    expect(problem('port == 80 within 1s')).toEqual([11, 20, 'nothing here is counted over a time']);
    expect(problem('')).toEqual([0, 1, 'a condition is missing']);
    expect(problem('true')).toEqual([0, 4, 'this is always or never so']);
    expect(() => requireTrigger('rtt.p99 > 200', '--when')).toThrow('character 11');
  });
});

it('docs/filter.md shows triggers that can be read', () => {
  const text = readFileSync(new URL('../../docs/filter.md', import.meta.url), 'utf8');
  const examples = /```trigger\n([\s\S]*?)```/.exec(text)![1]!.trim().split('\n');
  expect(examples.length).toBeGreaterThan(5);
  expect(examples.map((example) => requireTrigger(example, 'docs').text)).toEqual(examples);
});

/** What triggers see in a scene. */
class Watched extends Scene {
  readonly fired: { atS: number; text: string; evidence: string }[] = [];

  constructor(...texts: string[]) {
    super();
    const triggers = texts.map((text) => requireTrigger(text, '--when'));
    const watch = new TriggerWatch(this.model, triggers, this.fields, this.texts);
    this.watch(watch.samples, () => {
      for (const { trigger, evidence } of watch.look())
        this.fired.push({ atS: this.atS, text: trigger.text, evidence });
    });
  }
}

describe('watching', () => {
  it('fires once while it is so, and again only after it was not so for a while', () => {
    const scene = new Watched('packets > 50 within 1s');
    for (let i = 0; i < 20; i++) scene.step({ n: 1 });
    expect(scene.fired).toEqual([]);
    for (let i = 0; i < 20; i++) scene.step({ n: 1, packets: 10 });
    expect(scene.fired).toHaveLength(1);
    expect(scene.fired[0]!.evidence).toMatch(/^flow 0: packets = (5[1-9]|6\d)$/);
    for (let i = 0; i < 20; i++) scene.step({ n: 1 });
    for (let i = 0; i < 10; i++) scene.step({ n: 1, packets: 10 });
    expect(scene.fired).toHaveLength(1);
    for (let i = 0; i < 80; i++) scene.step({ n: 1 });
    for (let i = 0; i < 10; i++) scene.step({ n: 1, packets: 10 });
    expect(scene.fired).toHaveLength(2);
  });

  it('takes latency of the window, not of the life', () => {
    const scene = new Watched('response.p50 > 100ms within 1s', 'response.p50 > 100ms');
    for (let i = 0; i < 50; i++) scene.step({ n: 1, responseMs: 5 });
    for (let i = 0; i < 10; i++) scene.step({ n: 1, responseMs: 180 });
    expect(scene.fired.map(({ text }) => text)).toEqual(['response.p50 > 100ms within 1s']);
    expect(scene.fired[0]!.evidence).toBe('flow 0: response.p50 = 180ms');
    expect(scene.fired[0]!.atS).toBeGreaterThan(5.4);
  });

  it('adds up all flows for the session', () => {
    const scene = new Watched('session: packets > 100 within 1s', 'packets > 100 within 1s');
    for (let i = 0; i < 30; i++) scene.step(...[1, 2, 3, 4].map((n) => ({ n, packets: 4 })));
    expect(scene.fired.map(({ text, evidence }) => [text, evidence.split('=')[0]])).toEqual([
      ['session: packets > 100 within 1s', 'all flows: packets '],
    ]);
  });

  it('reads the newest samples of a flow and of all, however many others came between', () => {
    const scene = new Watched();
    const samples = new SampleWindow(scene.model);
    for (let i = 1; i <= 200_000; i++) samples.response(i % 1000 === 0 ? 7 : (i % 3000) + 10, i, i);
    expect(samples.read('response', 'n', 7, 0)).toBe(132);
    expect(samples.read('response', 'max', 7, 0)).toBe(200_000);
    expect(samples.read('response', 'min', 7, 150_000)).toBe(150_000);
    expect(samples.read('response', 'p50', 7, 100_000)).toBe(150_000);
    expect(samples.read('response', 'n', -1, 0)).toBe(8192);
    expect(samples.read('response', 'mean', -1, 199_991)).toBe(199_995.5);
    expect(samples.read('response', 'p50', 5, 0)).toBeNaN();
    expect(samples.read('rtt', 'n', 7, 0)).toBeNaN();
  });

  it('knows the peers that were there, and tells of each new one once', () => {
    const scene = new Watched('new peer', 'new peer where port == 81');
    scene.step({ n: 1, hi: '10.0.0.9' });
    expect(scene.fired).toHaveLength(1);
    for (let n = 2; n < 6; n++) scene.step({ n, hi: '10.0.0.9' });
    expect(scene.fired).toHaveLength(1);
    scene.step({ n: 7, hi: '10.0.0.10' });
    expect(scene.fired.map(({ text }) => text)).toEqual(['new peer', 'new peer']);
  });

  it('of a new peer takes what becomes known of it within two seconds', () => {
    const scene = new Watched('new peer where packets > 10');
    scene.step({ n: 1, hi: '10.0.0.9' });
    for (let i = 0; i < 5; i++) scene.step({ n: 1, hi: '10.0.0.9', packets: 3 });
    for (let i = 0; i < 30; i++) scene.step({ n: 2, hi: '10.0.0.10', packets: 0 });
    for (let i = 0; i < 9; i++) scene.step({ n: 2, hi: '10.0.0.10', packets: 3 });
    expect(scene.fired.map(({ evidence }) => evidence.split(',')[0])).toEqual([
      'flow 0: 150994954 was not seen before',
    ]);
  });

  it('tells of a network that is new to a process once the process is known; what was there is none', () => {
    const scene = new Watched('new network', 'new network where packets > 1000');
    scene.processKnown = false;
    scene.step({ n: 1, hi: '10.0.0.9' });
    for (let i = 0; i < 3; i++) scene.step({ n: 1, hi: '10.0.0.9' });
    expect(scene.fired).toEqual([]);
    scene.processKnown = true;
    for (let i = 0; i < 5; i++) scene.step({ n: 1, hi: '10.0.0.9' });
    for (let n = 2; n < 6; n++) scene.step({ n, hi: '10.0.0.9' });
    expect(scene.fired.map(({ evidence }) => evidence)).toEqual(['flow 0: curl → net 150994954 is new']);
  });
});
