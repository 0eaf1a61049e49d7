import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  FLOW_RECORD,
  FRAME_BYE,
  FRAME_CLOCK,
  FRAME_FLOWS,
  FRAME_HELLO,
  FRAME_INTERFACE,
  FRAME_RESYNCED,
  FRAME_STATS,
  INTERFACE,
  INTERFACE_ATTACHED,
  INTERFACE_WAITING,
  STATS,
} from '../abi/generated.ts';
import type { FlowglassError } from '../errors.ts';
import { CaptureGroup, type CaptureSource } from './capture-group.ts';
import { until } from './port.testkit.ts';

let runtime: string;
beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'fg-test-'));
  vi.stubEnv('XDG_RUNTIME_DIR', runtime);
  vi.stubEnv('FLOWGLASS_HELPER', fileURLToPath(new URL('../helper/testing/fake-helper.mjs', import.meta.url)));
  vi.stubEnv('FAKE', 'talk');
});
afterEach(() => {
  expect(readdirSync(runtime)).toEqual([]);
  rmSync(runtime, { recursive: true });
  vi.unstubAllEnvs();
});

interface Told {
  type: number;
  bytes: Uint8Array;
  view: DataView;
}

const source = (name: string): CaptureSource => ({
  name,
  namespace: { path: `/${name}`, inode: 1 },
  interfaces: [{ name: 'fake0', index: 7 } as CaptureSource['interfaces'][number]],
  all: false,
});

/** A group of these namespaces, what it told, and what was said of helpers that left. */
async function group(...names: string[]): Promise<{ group: CaptureGroup; told: Told[]; left: FlowglassError[] }> {
  const told: Told[] = [];
  const left: FlowglassError[] = [];
  const started = await CaptureGroup.start({
    sources: names.map(source),
    hello: { intervalMs: 100, flags: 0 },
    onFrame: (type, all, _view, offset, length) => {
      const bytes = all.slice(offset, offset + length);
      told.push({ type, bytes, view: new DataView(bytes.buffer) });
    },
    onLog: () => undefined,
    onLeft: (error) => left.push(error),
  });
  return { group: started, told, left };
}

const of = (told: readonly Told[], type: number): DataView[] =>
  told.filter((each) => each.type === type).map(({ view }) => view);
const states = (told: readonly Told[]): [number, number][] =>
  of(told, FRAME_INTERFACE).map((view) => [view.getUint16(INTERFACE.iface, true), view.getUint16(INTERFACE.state, true)]); // prettier-ignore
const generated = (view: DataView | undefined): [bigint, bigint] | null =>
  view === undefined ? null : [view.getBigUint64(STATS.stream, true), view.getBigUint64(STATS.cpuNs, true)];

describe('helpers of several namespaces', () => {
  it('look like one: numbers and CPUs that differ, one greeting, clock and good-bye, losses added up', async () => {
    const { group: both, told } = await group('a', 'b');
    await both.attach();
    await both.snapshot;
    expect(both.attached.map(({ name }) => name)).toEqual(['a:fake0', 'b:fake0']);
    expect([both.nameOf(0), both.nameOf(1)].sort()).toEqual(['a', 'b']);
    await until(() => (of(told, FRAME_FLOWS).length === 2 ? true : undefined));
    const end = await both.stop();
    expect(end).toMatchObject({ complete: true, error: null, stats: { cpuNs: 1400 } });
    expect(of(told, FRAME_HELLO)).toHaveLength(1);
    expect(of(told, FRAME_CLOCK)).toHaveLength(1);
    expect(of(told, FRAME_RESYNCED)).toHaveLength(1);
    expect(states(told).sort()).toEqual([[0, INTERFACE_ATTACHED], [1, INTERFACE_ATTACHED]]); // prettier-ignore
    expect(of(told, FRAME_FLOWS).map((view) => view.getUint16(FLOW_RECORD.cpu, true)).sort((a, b) => a - b)).toEqual([2, 1026]); // prettier-ignore
    expect(of(told, FRAME_BYE).map(generated)).toEqual([[6n, 1400n]]);
    expect(told.at(-1)?.type).toBe(FRAME_BYE);
    // Each second once, however many they are: at the time of one of them.
    expect(of(told, FRAME_STATS)).toHaveLength(1);
  });

  it('go on when one dies: its interfaces are away, it is told once, and what it counted stays in the sums', async () => {
    const { group: both, told, left } = await group('dies', 'b');
    await both.attach();
    await until(() => (left.length > 0 ? true : undefined));
    expect(left.map(({ where, what }) => [where, what])).toEqual([
      ['dies', 'the capture helper was ended by SIGKILL, the others go on'],
    ]);
    const away = states(told).filter(([, state]) => state === INTERFACE_WAITING);
    expect(away.map(([iface]) => both.nameOf(iface))).toEqual(['dies']);
    expect(both.attached.map(({ name, up }) => [name, up])).toEqual([['dies:fake0', false], ['b:fake0', false]]); // prettier-ignore
    const end = await both.stop();
    expect(end).toMatchObject({ complete: false, error: null });
    expect(of(told, FRAME_BYE).map(generated)).toEqual([[6n, 1400n]]);
  });

  it('are none when one of them cannot be started', async () => {
    await expect(group('a', 'exit3')).rejects.toMatchObject({ exitCode: 3 });
  });

  it('of one namespace leave everything as it came', async () => {
    const { group: one, told } = await group('a');
    await one.attach();
    await one.snapshot;
    expect(one.attached.map(({ name }) => name)).toEqual(['fake0']);
    await one.stop();
    expect(of(told, FRAME_FLOWS).map((view) => view.getUint16(FLOW_RECORD.cpu, true))).toEqual([2]);
    expect(of(told, FRAME_BYE).map(generated)).toEqual([[3n, 700n]]);
  });
});
