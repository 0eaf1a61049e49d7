/** Read-out of 100,000 flows by the helper's own code from its mmapped table, against bpf_map_lookup_batch (readout.c). */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT, compileC } from '../lab/programs.ts';
import { needRoot, print } from './figure.ts';

needRoot();
const helper = join(CHECKOUT, 'helper');
/** drain.c is included by readout.c; main.c and probe.c have a main of their own or need one. */
const sources = readdirSync(helper)
  .filter((name) => name.endsWith('.c') && !['main.c', 'drain.c', 'probe.c'].includes(name))
  .map((name) => join(helper, name));
const program = join(CHECKOUT, 'dist/bench/readout');
const includes = ['helper', 'bpf', 'dist/bpf'].map((directory) => `-I${join(CHECKOUT, directory)}`);
compileC([join(CHECKOUT, 'test/bench/readout.c'), ...sources], program, [
  ...includes, '-include', 'linux/types.h', '-lbpf', '-lelf', '-lz',
]); // prettier-ignore
const result = spawnSync(program, [], { encoding: 'utf8', timeout: 100_000 });
if (result.status !== 0) throw new Error(result.stderr);
const { mmapNs, batchNs, fewNs } = JSON.parse(result.stdout);
print({
  name: 'read-out / lookup_batch, 100,000 flows',
  value: mmapNs / batchNs,
  budget: 0.5,
  ratio: mmapNs / batchNs,
});
print({ name: 'read-out of a flow', value: mmapNs, unit: 'ns' });
print({ name: 'read-out when 1 % changed', value: fewNs / 1e6, unit: 'ms' });
