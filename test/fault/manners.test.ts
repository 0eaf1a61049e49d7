// Beside others: a foreign tc filter, tcx programs and an XDP program outlive every SIGKILL of engine and helper, and keep
// seeing packets; nothing of ours outlives it, but for clsact, until the next start.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Child, LabEvent } from '../lab/child.ts';
import { flowglass, record, type Rung } from '../lab/flowglass.ts';
import { command, type Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { CHECKOUT } from '../lab/programs.ts';

/** How often somebody is killed; a release is tried with 200. */
const KILLS = Number(process.env['FLOWGLASS_KILLS'] ?? 16);
const SECONDS = KILLS * 6 + 60;

/** Processes that one has started and that live. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(parent) === pid && state !== 'Z' ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

describeAsRoot('manners', () => {
  let lab: Lab;
  let client: Host;
  let link: Link;

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    link = lab.link(client, lab.host('server'));
  });
  afterAll(() => lab.dispose());

  const filters = () =>
    ['ingress', 'egress'].flatMap(
      (direction) =>
      command('tc', ['-n', client.name, 'filter', 'show', 'dev', 'veth0', direction]).match(/pref 7 bpf chain 0 handle 0x99/g) ?? [], // prettier-ignore
    );

  async function foreignPrograms(...more: string[]): Promise<{ child: Child; counts: () => Promise<LabEvent> }> {
    const child = client.start('foreign', ['veth0', '--seconds', SECONDS, ...more], { timeoutMs: SECONDS * 1000 });
    await child.event('attached');
    const counts = async () => {
      const seen = () => child.events.filter(({ event }) => event === 'counts');
      const before = seen().length;
      child.write('\n');
      await child.until('counts', () => seen().length > before);
      return seen().at(-1) ?? {};
    };
    return { child, counts };
  }

  /** Kills a recording `afterMs` after its start: the engine, its helper, or both. Whether it had come to recording. */
  async function kill(rung: Rung, afterMs: number, victim: 'engine' | 'helper' | 'both', index: number) {
    const file = join(lab.directory, `kill-${index}.pcapng`);
    const child = lab.care(flowglass(['record', '--netns', client.path, '-i', 'veth0', '-w', file, '--no-packets', '--attach', rung])); // prettier-ignore
    await settle(afterMs);
    const helpers = childrenOf(child.pid);
    if (victim !== 'engine') {
      for (const pid of helpers) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // it had ended
        }
      }
    }
    if (victim !== 'helper' || helpers.length === 0) child.signal('SIGKILL');
    await child.done;
    // One that is loading programs notices when it has done so: seconds on a busy machine.
    for (let i = 0; i < 1000 && helpers.some((pid) => alive(pid)); i++) await settle(20);
    expect(helpers.filter(alive), 'helpers that outlive their engine').toEqual([]);
    return /^flowglass: recording/m.test(child.stderr);
  }

  const alive = (pid: number) => {
    try {
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };

  it.each([
    { rungs: ['tcx', 'clsact'], beside: ['--xdp'], share: 0.6 },
    { rungs: ['xdp', 'xdp-generic'], beside: [], share: 0.4 },
  ] satisfies { rungs: Rung[]; beside: string[]; share: number }[])(
    'killed at any moment on $rungs, foreign programs stay and see every packet',
    async ({ rungs, beside, share }) => {
      command('tc', ['-n', client.name, 'qdisc', 'add', 'dev', 'veth0', 'clsact']);
      for (const direction of ['ingress', 'egress']) {
        command('tc', ['-n', client.name, 'filter', 'add', 'dev', 'veth0', direction, 'pref', '7', 'handle', '0x99', 'protocol', 'all', 'bpf', 'bytecode', '1,6 0 0 0']); // prettier-ignore
      }
      const foreign = await foreignPrograms(...beside);
      const alone = client.attached('veth0');
      // Filters of a helper killed on clsact stay until another one has come to its work.
      let leftover = false;
      const shown = () => client.attached('veth0').filter((each) => !leftover || !/fg_(in|e)gress/.test(each));
      try {
        for (let i = 0; i < KILLS * share; i++) {
          const rung = rungs[i % rungs.length] ?? 'tcx';
          const victim = (['engine', 'helper', 'both'] as const)[Math.floor(Math.random() * 3)] ?? 'both';
          const afterMs = 150 + Math.random() * 1500;
          const what = `${rung}, ${victim} killed after ${Math.round(afterMs)} ms`;
          if (await kill(rung, afterMs, victim, i)) leftover = false;
          leftover ||= rung === 'clsact' && victim !== 'engine';
          for (let n = 0; n < 40 && shown().length > alone.length; n++) await settle(25);
          expect([what, shown()]).toEqual([what, alone]);
          expect(client.attached('veth0').length, what).toBeLessThanOrEqual(alone.length + 2);
          expect(filters(), what).toHaveLength(2);
          const before = await foreign.counts();
          client.run('ping', ['-n', '-c', '1', '-W', '2', link.right.v4]);
          const after = await foreign.counts();
          for (const place of ['tcxIngress', 'tcxEgress', ...(beside.length > 0 ? ['xdp'] : [])]) {
            const [was, is] = [before[place], after[place]] as { on: boolean; packets: number }[];
            expect([what, place, is?.on, (is?.packets ?? 0) - (was?.packets ?? 0)]).toEqual([what, place, true, 1]);
          }
        }
        // What a kill left on clsact goes with the next start.
        const next = await record(lab, client, join(lab.directory, `after-${rungs[0]}.pcapng`));
        await next.finish();
        expect(client.attached('veth0')).toEqual(alone);
      } finally {
        foreign.child.kill();
        await foreign.child.done;
        command('tc', ['-n', client.name, 'qdisc', 'del', 'dev', 'veth0', 'clsact']);
      }
    },
    SECONDS * 1000,
  );

  it('doctor names what a killed helper left, and not what a running one holds', async () => {
    const doctor = (): string => {
      const text = client.run(
        process.execPath,
        [join(CHECKOUT, 'cli/flowglass.mjs'), 'doctor', '--json'],
        undefined,
        60_000,
      );
      const { findings } = JSON.parse(text) as { findings: { name: string; status: string; detail: string }[] };
      const found = findings.find(({ name }) => name === 'clsact filters');
      return `${found?.status}: ${found?.detail}`;
    };
    expect(doctor()).toBe('ok: none of ours');
    const killed = await record(lab, client, join(lab.directory, 'doctor.pcapng'), ['--attach', 'clsact']);
    expect(doctor()).toBe('ok: held by a running recording on veth0');
    for (const pid of childrenOf(killed.child.pid)) process.kill(pid, 'SIGKILL');
    await killed.child.done;
    expect(doctor()).toBe('limited: left behind by a killed helper on veth0');
    const next = await record(lab, client, join(lab.directory, 'doctor-next.pcapng'));
    await next.finish();
    expect(doctor()).toBe('ok: none of ours');
  }, 90_000);
});
