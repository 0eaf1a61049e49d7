/**
 * Connections a second (connect, one byte each way, close) with the full set of identity and state hooks, against without.
 * What the hooks cost the connections is measured with the traffic on one CPU and the recorder on the other; beside it, for
 * two busy CPUs, with everything competing for them.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Child } from '../lab/child.ts';
import { record } from '../lab/flowglass.ts';
import { Lab } from '../lab/lab.ts';
import { labProgram } from '../lab/programs.ts';
import { median, needRoot, print } from './figure.ts';

needRoot();
const ROUNDS = 7;
const CONNECTIONS = 5000;
const lab = new Lab();

/** Moves a process and its children, with all their threads, to one CPU. */
function pin(child: Child, cpu: number): void {
  const children = spawnSync('ps', ['-o', 'pid=', '--ppid', String(child.pid)], { encoding: 'utf8' }).stdout;
  for (const pid of [child.pid, ...children.split(/\s+/).filter(Boolean)]) {
    spawnSync('taskset', ['-a', '-c', '-p', String(cpu), String(pid)]);
  }
}

try {
  const client = lab.host('client');
  const server = lab.host('server');
  const link = lab.link(client, server);
  client.sysctl({ 'net/ipv4/ip_local_port_range': '1024 65535', 'net/ipv4/tcp_tw_reuse': 1 });
  const listen = async (port: number, cpus: string) => {
    const args = ['tcp', '--mode', 'respond', '--response', '1', '--quiet', '--seconds', '200', '--port', String(port)];
    await server
      .spawn('taskset', ['-c', cpus, labProgram('server'), ...args], { timeoutMs: 210_000 })
      .event('listening');
  };
  const churn = async (port: number, cpus: string): Promise<number> => {
    const args = ['tcp', '--to', link.right.v4, '--port', String(port), '--send', '1', '--receive', '1', '--quiet'];
    args.push('--connections', String(CONNECTIONS));
    const done = await client.spawn('taskset', ['-c', cpus, labProgram('client'), ...args]).event('churn', 60_000);
    return CONNECTIONS / (Number(done['durationNs']) / 1e9);
  };
  /** Median of on / off, each pair one after the other, because the machine's speed drifts. */
  const compare = async (port: number, cpus: string, recorderCpu: number | null) => {
    await listen(port, cpus);
    await churn(port, cpus); // warms up
    const [off, ratios]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const without = await churn(port, cpus);
      const recorder = await record(lab, client, join(lab.directory, `churn-${port}-${round}`), ['--no-packets']);
      if (recorderCpu !== null) pin(recorder.child, recorderCpu);
      const rate = await churn(port, cpus);
      const { flows, session } = await recorder.finish();
      const named = flows.filter((flow) => flow.clientProcess !== null).length;
      if (flows.length !== CONNECTIONS || named !== CONNECTIONS || session.lost.events !== 0) {
        throw new Error(`${flows.length} flows, ${named} with a process, of ${CONNECTIONS} connections`);
      }
      off.push(without);
      ratios.push(rate / without);
    }
    return { off: median(off), ratio: median(ratios) };
  };

  const apart = await compare(80, '0', 1);
  print({ name: 'connections a second on one CPU, not attached', value: apart.off, unit: '/s' });
  print({ name: 'connection churn, everything on / off', value: apart.ratio, least: 0.85, ratio: apart.ratio });
  const together = await compare(81, '0-1', null);
  print({ name: 'the same, recorder on the same two CPUs', value: together.ratio, ratio: together.ratio });
} finally {
  lab.dispose();
}
