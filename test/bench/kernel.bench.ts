/**
 * What the packet programs cost a packet: BPF_PROG_TEST_RUN, the kernel's own duration, less that of an empty program in
 * the same run (packet-cost.c). Recording is what copying adds to counting a frame of the same length.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT, compileC } from '../lab/programs.ts';
import { needRoot, print } from './figure.ts';

needRoot();
const output = join(CHECKOUT, 'dist/bench');
const source = (name: string) => join(CHECKOUT, 'test/bench', name);
mkdirSync(output, { recursive: true });

function run(program: string, args: readonly string[]): string {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 200_000 });
  if (result.status !== 0) throw new Error(`${program}: ${result.error?.message ?? result.stderr}`);
  return result.stdout;
}

/** The same compiler that the build takes: clang 19 or newer. */
const clang = run('sh', [
  '-c',
  'for v in 30 29 28 27 26 25 24 23 22 21 20 19; do command -v clang-$v && exit; done; command -v clang',
]).trim();
const include = `-I/usr/include/${run('gcc', ['-print-multiarch']).trim()}`;
const spread = join(output, 'spread.bpf.o');
run(clang, ['-g', '-O2', '-mcpu=v3', '-target', 'bpf', include, '-c', source('spread.bpf.c'), '-o', spread]);
const program = join(output, 'packet-cost');
const includes = [join(CHECKOUT, 'dist/bpf'), join(CHECKOUT, 'bpf')].map((directory) => `-I${directory}`);
compileC([source('packet-cost.c')], program, [...includes, '-include', 'linux/types.h', '-lbpf', '-lelf', '-lz']);

const cases = new Map<string, { emptyNs: number; ns: number }>();
for (const line of run(program, [spread]).trim().split('\n')) {
  const { case: name, emptyNs, ns } = JSON.parse(line);
  cases.set(String(name), { emptyNs: Number(emptyNs), ns: Number(ns) });
}
const added = (name: string) => (cases.get(name)?.ns ?? NaN) - (cases.get(name)?.emptyNs ?? NaN);
const rows: [name: string, value: number, budget: number, baseline: number][] = [
  ['counting a packet, XDP', added('counting'), 40, cases.get('counting')?.emptyNs ?? NaN],
  ['counting a packet, tc', added('counting tc'), 40, cases.get('counting tc')?.emptyNs ?? NaN],
  ['with latency on', added('latency'), 80, cases.get('latency')?.emptyNs ?? NaN],
  [
    'with latency on, each timestamp new',
    added('latency advancing'),
    80,
    cases.get('latency advancing')?.emptyNs ?? NaN,
  ],
  ['counting, 100,000 flows', added('100000 flows'), 130, cases.get('100000 flows')?.emptyNs ?? NaN],
  ['copying 96 bytes, on top', added('recording') - added('counting 256'), 60, cases.get('counting 256')?.ns ?? NaN],
];
for (const [name, value, budget, baseline] of rows) {
  print({ name, value, unit: 'ns', budget, ratio: (value + baseline) / baseline });
}
