// Units, containers and scripts of real processes in real control groups, with what their runtimes leave on disk beside.
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cgroup2Mount } from '../../core/system/kernel.ts';
import { Child } from '../lab/child.ts';
import { COMMAND, runFlowglass, summarize, type Flow, type Process, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { mmdb } from '../lab/mmdb.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { labProgram } from '../lab/programs.ts';

/** What the lab's own types leave out. */
type Placed = Process & {
  unit: string | null;
  container: Record<string, string | null> | null;
  script: string | null;
};

const UID = '3b3c1c55-0f4a-4a9e-8a57-5d7c6c0ab7e1';
const id = (letter: string): string => letter.repeat(64);

/** Where each process runs, below a control group of the laboratory's own. */
const PLACES = {
  unit: 'system.slice/shop.service',
  docker: `system.slice/docker-${id('a')}.scope`,
  podman: `machine.slice/libpod-${id('b')}.scope/container`,
  pod: `kubepods.slice/kubepods-pod${UID.replaceAll('-', '_')}.slice/cri-containerd-${id('c')}.scope`,
  nspawn: 'machine.slice/machine-deb\\x2d12.scope/payload',
  lxc: 'lxc.payload.web/init.scope',
} as const;
type Place = keyof typeof PLACES;

/** Files as the runtimes write them, below /var/lib and /run. */
const FILES: Readonly<Record<string, unknown>> = {
  [`lib/docker/containers/${id('a')}/config.v2.json`]: { Name: '/checkout', Config: { Image: 'shop/checkout:7' } },
  'lib/containers/storage/overlay-containers/containers.json': [
    { id: id('b'), names: ['cache'], metadata: '{"image-name":"docker.io/library/redis:7"}' },
  ],
  [`run/io.containerd.runtime.v2.task/k8s.io/${id('c')}/config.json`]: {
    annotations: {
      'io.kubernetes.cri.container-name': 'app',
      'io.kubernetes.cri.sandbox-name': 'web-6d4cf56db6-x7k2p',
      'io.kubernetes.cri.sandbox-namespace': 'shop',
    },
  },
};

/** A recorder that sees these files where the machine has its own: in a mount namespace that ends with it. */
async function recordBeside(lab: Lab, host: Host, file: string): Promise<Child> {
  const mounts = [`mount --bind ${lab.directory}/lib /var/lib`, `mount --bind ${lab.directory}/hosts /etc/hosts`, 'mkdir -p /run/containerd', `mount --bind ${lab.directory}/run /run/containerd`]; // prettier-ignore
  const args = ['record', '--netns', host.path, '-i', 'veth0', '-w', file, '--no-packets'];
  const child = lab.care(
    new Child('unshare', ['-m', 'sh', '-ec', `${mounts.join('; ')}; exec "$@"`, 'sh', process.execPath, COMMAND, ...args]),
  ); // prettier-ignore
  await child.until('recording', (c) => /^flowglass: recording/m.test(c.stderr));
  return child;
}

describeAsRoot('where processes run', () => {
  let lab: Lab;
  let summary: Summary;
  let file: string;
  let script: Flow | undefined;
  const cgroups = join(cgroup2Mount() ?? '', `flowglass-lab-${process.pid}`);
  const made: string[] = [];
  const ports = new Map<Place, number>();

  /** Makes the group, and what is above it. */
  const group = (path: string): string => {
    if (path !== cgroups) group(dirname(path));
    if (!made.includes(path)) {
      mkdirSync(path);
      made.push(path);
    }
    return path;
  };

  beforeAll(async () => {
    lab = new Lab();
    const [client, server] = [lab.host('client'), lab.host('server')];
    const address = lab.link(client, server).right.v4;
    for (const [path, content] of Object.entries(FILES)) {
      mkdirSync(dirname(join(lab.directory, path)), { recursive: true });
      writeFileSync(join(lab.directory, path), JSON.stringify(content));
    }
    await server.server(['tcp', '--mode', 'respond', '--port', 9000, '--request', 10, '--response', 10]);
    writeFileSync(join(lab.directory, 'hosts'), `${address} orders-db.shop orders-db\n`);
    file = join(lab.directory, 'places.pcapng');
    const recorder = await recordBeside(lab, client, file);
    for (const place of Object.keys(PLACES) as Place[]) {
      const enter = ['-ec', 'echo $$ > "$0"/cgroup.procs; exec "$@"', group(join(cgroups, PLACES[place]))];
      const args = ['tcp', '--to', address, '--port', '9000', '--send', '10', '--receive', '10'];
      const closed = await client.spawn('sh', [...enter, labProgram('client'), ...args]).event('closed');
      ports.set(place, Number(closed['localPort']));
    }
    const program = join(lab.directory, 'orders.py');
    writeFileSync(program, `import socket\nsocket.create_connection(("${address}", 9000)).sendall(b"x" * 10)\n`);
    client.run('python3', ['-u', program]);
    const { status, stderr } = await recorder.stop('SIGINT', 15_000);
    expect(status, stderr).toBe(0);
    summary = await summarize(file);
    script = summary.flows.find(({ clientProcess }) => clientProcess?.commandLine?.includes('orders.py'));
  });

  afterAll(() => {
    lab.dispose();
    for (const path of made.reverse()) rmdirSync(path);
  });

  const at = (place: Place): Placed => {
    const found = summary.flows.filter(({ client }) => client.port === ports.get(place));
    expect(found, place).toHaveLength(1);
    return found[0]!.clientProcess as Placed;
  };
  const container = (what: Record<string, string | null>) => ({ podUid: null, name: null, image: null, pod: null, namespace: null, workload: null, ...what }); // prettier-ignore

  it('a unit of systemd', () => {
    expect(at('unit')).toMatchObject({ unit: 'shop.service', container: null, script: null });
  });

  it('containers of Docker and Podman, with name and image', () => {
    const docker = { runtime: 'docker', id: id('a'), name: 'checkout', image: 'shop/checkout:7' };
    expect(at('docker').container).toEqual(container(docker));
    const podman = { runtime: 'podman', id: id('b'), name: 'cache', image: 'docker.io/library/redis:7' };
    expect(at('podman').container).toEqual(container(podman));
  });

  it('a container of Kubernetes, with pod, namespace and workload', () => {
    const pod = { pod: 'web-6d4cf56db6-x7k2p', namespace: 'shop', workload: 'web', podUid: UID };
    expect(at('pod').container).toEqual(container({ runtime: 'containerd', id: id('c'), name: 'app', ...pod }));
  });

  it('containers whose number is their name', () => {
    expect(at('nspawn').container).toEqual(container({ runtime: 'nspawn', id: 'deb-12', name: 'deb-12' }));
    expect(at('lxc').container).toEqual(container({ runtime: 'lxc', id: 'web', name: 'web' }));
  });

  it("the server's name of the hosts file, and its network of a database", async () => {
    expect(summary.flows[0]!.server).toMatchObject({ name: 'orders-db.shop', nameSource: 'hosts', network: 'private', asn: null }); // prettier-ignore
    const database = join(lab.directory, 'lab.mmdb');
    const owner = { autonomous_system_number: 64500, autonomous_system_organization: 'Laboratory' };
    writeFileSync(database, mmdb('Lab-ASN', { '10.77.0.0/16': owner }));
    const asked = ['summary', file, '--json', '--mmdb', '/nowhere.mmdb', '--mmdb', database];
    const { status, stdout, stderr } = await runFlowglass([...asked, '--filter', 'asn == 64500']);
    expect([status, stderr]).toEqual([0, 'flowglass: a database of networks cannot be used: there is no such file: /nowhere.mmdb\n']); // prettier-ignore
    const { flows } = JSON.parse(stdout) as Summary;
    expect(flows).toHaveLength(summary.flows.length);
    expect(flows[0]!.server).toMatchObject({ asn: 64500, organisation: 'Laboratory', country: null });
  });

  it('labels of rules that ask for the unit and the container, in a trial and in the summary', async () => {
    const rules = join(lab.directory, 'labels.yaml');
    writeFileSync(rules, 'labels:\n  - label: shop\n    where: process.unit == "shop.service" || process.container == "checkout"\n  - label: orders\n    where: server.name ~ "^orders"\n'); // prettier-ignore
    const tried = await runFlowglass(['labels', 'test', file, '--labels', rules, '--json']);
    expect([tried.status, tried.stderr]).toEqual([0, '']);
    const { rules: each, unnamed } = JSON.parse(tried.stdout);
    expect(each.map(({ rule, flows }: { rule: string; flows: number }) => [rule, flows])).toEqual([['shop', 2], ['orders', summary.flows.length]]); // prettier-ignore
    expect(unnamed.flows).toBe(0);
    const { stdout } = await runFlowglass([
      'summary',
      file,
      '--json',
      '--labels',
      rules,
      '--filter',
      'label == "shop"',
    ]);
    const { flows } = JSON.parse(stdout) as { flows: { labels: string[] }[] };
    expect(flows.map(({ labels }) => labels)).toEqual([['shop', 'orders'], ['shop', 'orders']]); // prettier-ignore
    writeFileSync(rules, 'labels:\n  - label: shop\n    where: prt == 1\n');
    const wrong = await runFlowglass(['labels', 'test', file, '--labels', rules]);
    expect([wrong.status, wrong.stdout]).toEqual([1, '']);
    expect(wrong.stderr).toMatch(/^flowglass: .*character 1: .*port.*labels\.yaml:3:12.*\n$/);
  });

  it('the script that an interpreter runs', () => {
    expect(script?.clientProcess as Placed).toMatchObject({ name: 'python3', script: 'orders.py', container: null });
  });
});
