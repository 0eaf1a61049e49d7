import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { BOOT } from '../flow/frames.testkit.ts';
import { KIND_KEYFRAME } from '../session/blocks.ts';
import { Session } from '../session/reader.ts';
import { REDUCERS, ReplaySource } from './replay-source.ts';
import { traffic, trafficSecond, writeSession } from './session.testkit.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-replay-source-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const how = { signal: new AbortController().signal, progress: () => undefined, clock: () => '' };
async function opened(path: string): Promise<{ source: ReplaySource; session: Session }> {
  const [source, session] = [await ReplaySource.open(path, how), await Session.open(path)];
  if (!source || !session) throw new Error('not a session');
  return { source, session };
}

describe('a session that is replayed', () => {
  it('shows the same state at a time whichever way it was reached, bit for bit', async () => {
    const path = join(folder, 'session.pcapng');
    writeSession(path, traffic({ lasting: 4, passing: 3 }, 200));
    const { source, session } = await opened(path);
    expect(session.index.filter(({ kind }) => kind === KIND_KEYFRAME).length).toBeGreaterThanOrEqual(3);
    const straight = async (atNs: number): Promise<Uint8Array> =>
      (await session.replay(REDUCERS, BOOT + BigInt(atNs), { fromStart: true })).reducer.serialize();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 6 }),
        async (times) => {
          for (const time of times) await source.seek(time * 1e6);
          const last = times.at(-1) as number;
          expect(Buffer.compare(source.state(), await straight(last * 1e6))).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
    expect(session.damagedBlocks).toBe(0);
    await session.close();
    await source.close();
  });

  it('reads from the nearest keyframe, forwards too, but goes on where that is nearer', async () => {
    const path = join(folder, 'session.pcapng');
    const { source, session } = await opened(path);
    await source.close();
    const near = await session.replay(REDUCERS, BOOT + 1_000_000_000n);
    const far = await session.replay(REDUCERS, null, { from: near });
    expect(far.reducer).not.toBe(near.reducer);
    expect(far.cursor.frames).toBeLessThan(
      (await session.replay(REDUCERS, null, { fromStart: true })).cursor.frames / 2,
    );
    const { frames } = near.cursor;
    const next = await session.replay(REDUCERS, BOOT + 2_000_000_000n, { from: near });
    expect(next).toBe(near);
    expect(next.cursor.frames).toBeGreaterThan(frames);
    await session.close();
  });

  it('steps over a silence of ten years at once', async () => {
    const path = join(folder, 'silence.pcapng');
    const years = 10 * 365 * 86_400;
    const wish = { lasting: 2, passing: 1 };
    writeSession(path, [
      ...traffic(wish, 5),
      ...Array.from({ length: 5 }, (_, second) => trafficSecond(wish, years + second)),
    ]);
    const { source, session } = await opened(path);
    expect([...session.stops(2_000_000_000n)].length).toBeLessThan(10);
    expect(source.endNs / 1e9).toBe(years + 4);
    for (const second of [years / 2, 3, years + 2, years - 1]) {
      await source.seek(second * 1e9);
      const straight = await session.replay(REDUCERS, BOOT + BigInt(second) * 1_000_000_000n, { fromStart: true });
      expect(Buffer.compare(source.state(), straight.reducer.serialize())).toBe(0);
    }
    await session.close();
    await source.close();
  });
});
