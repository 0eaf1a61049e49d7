import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import * as model from './model.ts';
import * as processes from './processes.ts';
import * as sockets from './sockets.ts';

/** Constants of a module whose names begin so and that are numbers. */
const named = (module: object, prefix: RegExp): [string, number][] =>
  Object.entries(module).filter((entry): entry is [string, number] => prefix.test(entry[0]) && typeof entry[1] === 'number'); // prettier-ignore

/** Pairs of names that share a bit, and names that are no single bit of 31 (columns of flags are signed or not). */
function faults(all: readonly [string, number][]): string[] {
  const clashes = all.flatMap(([name, bit], i) => all.slice(0, i).filter(([, other]) => (bit & other) !== 0).map(([other]) => `${other} ${name}`)); // prettier-ignore
  return [...clashes, ...all.filter(([, bit]) => bit <= 0 || bit >= 2 ** 31 || (bit & (bit - 1)) !== 0).map(([name]) => name)]; // prettier-ignore
}

describe('flags that share a word', () => {
  it('of flows, the kernel’s and the engine’s, are a bit each', () => {
    const all = [...named(abi, /^FLOW_(?!RECORD)/), ...named(model, /^FLAG_/)];
    expect(all.length).toBeGreaterThan(20);
    expect(faults(all)).toEqual([]);
    expect(faults([...all, ['FLAG_MISTAKE', abi.FLOW_PEEK_ALL]])).toEqual(['FLOW_PEEK_ALL FLAG_MISTAKE']);
  });

  it('of sockets and of processes are a bit each', () => {
    for (const [module, prefix] of [
      [sockets, /^SOCKET_/],
      [processes, /^PROCESS_/],
    ] as const) {
      // prettier-ignore
      const all = named(module, prefix);
      expect(all.length).toBeGreaterThan(4);
      expect(faults(all)).toEqual([]);
    }
  });
});
