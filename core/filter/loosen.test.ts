import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from './compile.ts';
import { inNamespace, settledFilter } from './loosen.ts';
import { parse } from './parse.ts';
import { expressions, fieldsOver, flows } from './testing.ts';

const FIELDS = ['ip.addr', 'port', 'tcp.port', 'protocol', 'interface', 'process.name', 'process.pid', 'process.container', 'client.process.cgroup', 'rtt.p99', 'state', 'netns']; // prettier-ignore
const OWN = ['client.port', 'server.port', 'client.process.name', 'client.process.pid', 'client.process.cgroup'];
const CHANGING = ['interface', 'rtt.p99', 'client.process.container', 'state'];

function treeOf(text: string): Parameters<typeof settledFilter>[0] {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.ast;
}

describe('what is decided for good', () => {
  it('lets through whatever the filter matches, whatever becomes of what may change', () => {
    let decided = 0;
    fc.assert(
      fc.property(
        expressions(FIELDS),
        flows(OWN),
        fc.array(flows(CHANGING), { minLength: 8, maxLength: 8 }),
        (ast, own, later) => {
          // prettier-ignore
          const settled = settledFilter(ast);
          if (settled === null) return;
          const all = later.map(({ values }) => ({ ...own, values: new Map([...values, ...own.values]) }));
          const fields = fieldsOver(all);
          const [matches, may] = [compile(ast, fields), compile(settled, fields)];
          for (let flow = 0; flow < all.length; flow++) {
            if (matches(flow)) expect(may(flow)).toBe(true);
            expect(may(flow)).toBe(may(0));
          }
          if (!may(0)) decided++;
        },
      ),
      { numRuns: 400 },
    );
    expect(decided).toBeGreaterThan(20);
  });

  it.each([
    ['process.pid == 7 && rtt.p99 > 50ms', 'process.pid == 7 && true'],
    ['process.name == "curl" || rtt.p99 > 50ms', 'process.name == "curl" || true'],
    ['!(process.user == "ann" || rtt.p99 > 50ms)', '!(process.user == "ann" || false)'],
    ['tcp && process.cgroup == "/web" && process.container == "shop"', 'tcp && process.cgroup == "/web" && true'],
    ['client.process.uid == 0 && port == 80', 'client.process.uid == 0 && port == 80'],
  ])('%s: %s', (text, expected) => {
    const shape = (ast: unknown): string => JSON.stringify(ast, (key, value) => (key === 'span' ? undefined : value));
    expect(shape(settledFilter(treeOf(text)))).toBe(shape(treeOf(expected)));
  });

  it('is nothing where no process is asked for', () => {
    for (const text of ['tcp.port == 80', 'rtt.p99 > 1ms', 'netns == 5', 'process.container == "shop"'])
      expect(settledFilter(treeOf(text))).toBeNull();
  });
});

describe('a filter in a namespace that is known', () => {
  it.each([
    ['netns == 7', 7, true],
    ['netns == 7', 8, false],
    ['netns != 7', 8, true],
    ['netns in {5..7}', 8, false],
    ['!(netns == 7)', 7, false],
    ['netns', 7, true],
    ['netns == 7 || netns == 8', 8, true],
  ])('%s, in %i: %s', (text, netns, expected) => {
    expect(compile(inNamespace(treeOf(text), netns), fieldsOver([]))(0)).toBe(expected);
  });
});
