import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../processes/cgroup-path.ts';
import { NO_DETAILS } from '../processes/container-details.ts';
import { ContainerFiles } from './container-files.ts';
import { askRuntime } from './container-socket.ts';

const ID = '0123456789abcdef'.repeat(4);
const UID = '3b3c1c55-0f4a-4a9e-8a57-5d7c6c0ab7e1';
const root = mkdtempSync(join(tmpdir(), 'flowglass-containers-'));
afterAll(() => rmSync(root, { recursive: true }));

let machines = 0;
/** A machine with these files. */
function machine(files: Record<string, unknown>): ContainerFiles {
  const at = join(root, String(machines++));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return new ContainerFiles(at);
}
const of = (runtime: Runtime, podUid: string | null = null) => ({ runtime, id: ID, podUid });

describe('what runtimes left on disk', () => {
  it('of Docker, also where its data is elsewhere', () => {
    const config = { ID, Name: '/web', Config: { Image: 'nginx:1.27', Labels: { a: 'b' } }, State: { Pid: 7 } };
    const told = { ...NO_DETAILS, name: 'web', image: 'nginx:1.27' };
    expect(machine({ [`var/lib/docker/containers/${ID}/config.v2.json`]: config }).read(of('docker'))).toEqual(told);
    const moved = machine({
      'etc/docker/daemon.json': { 'data-root': '/srv/docker' },
      [`srv/docker/containers/${ID}/config.v2.json`]: config,
    });
    expect(moved.read(of('docker'))).toEqual(told);
  });

  it('of Podman 4.3, of root and of a user', () => {
    // As `podman create --name boxy localhost/lab/box:1` leaves it.
    const stored = [
      {
        id: ID,
        names: ['boxy'],
        image: '40a8',
        layer: '245e',
        metadata: '{"image-name":"localhost/lab/box:1","image-id":"40a8","name":"boxy","created-at":1795600298}',
        created: '2026-11-25T09:51:39.082778343Z',
        flags: { MountLabel: '', ProcessLabel: '' },
      },
    ];
    const told = { ...NO_DETAILS, name: 'boxy', image: 'localhost/lab/box:1' };
    const system = machine({ 'var/lib/containers/storage/vfs-containers/containers.json': stored });
    expect(system.read(of('podman'))).toEqual(told);
    const home = machine({
      'etc/passwd': 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n',
      'home/ann/.local/share/containers/storage/overlay-containers/volatile-containers.json': stored,
    });
    expect(home.read(of('podman'), 1000)).toEqual(told);
    expect(home.read(of('podman'), 1001)).toEqual(NO_DETAILS);
  });

  it('of containerd and CRI-O under Kubernetes', () => {
    const pod = { pod: 'web-6d4cf56db6-x7k2p', namespace: 'shop' };
    const containerd = machine({
      [`run/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/config.json`]: {
        ociVersion: '1.0.2',
        annotations: {
          'io.kubernetes.cri.container-name': 'app',
          'io.kubernetes.cri.image-name': 'registry.local/app:2',
          'io.kubernetes.cri.sandbox-name': pod.pod,
          'io.kubernetes.cri.sandbox-namespace': pod.namespace,
        },
      },
    });
    expect(containerd.read(of('containerd', UID))).toEqual({ name: 'app', image: 'registry.local/app:2', ...pod });
    const crio = machine({
      'var/lib/containers/storage/overlay-containers/containers.json': [{ id: ID, names: ['k8s_app_web_shop'] }],
      [`var/lib/containers/storage/overlay-containers/${ID}/userdata/config.json`]: {
        annotations: {
          'io.kubernetes.container.name': 'app',
          'io.kubernetes.cri-o.ImageName': 'registry.local/app:2',
          'io.kubernetes.pod.name': pod.pod,
          'io.kubernetes.pod.namespace': pod.namespace,
        },
      },
    });
    expect(crio.read(of('cri-o', UID))).toEqual({ name: 'app', image: 'registry.local/app:2', ...pod });
  });

  it("of a pod whose runtime tells nothing, by the kubelet's logs", () => {
    const files = machine({
      [`var/log/pods/shop_orders-0_${UID}/db/0.log`]: '',
      [`var/log/containers/orders-0_shop_db-${ID}.log`]: '',
    });
    const told = { name: 'db', image: null, pod: 'orders-0', namespace: 'shop' };
    expect(files.read(of('kubernetes', UID))).toEqual(told);
  });

  it('of a machine of nspawn', () => {
    const files = machine({ 'run/systemd/machines/deb12': 'NAME=deb12\nROOT=/var/lib/machines/deb12\nLEADER=9\n' });
    const told = { ...NO_DETAILS, name: 'deb12', image: '/var/lib/machines/deb12' };
    expect(files.read({ runtime: 'nspawn', id: 'deb12', podUid: null })).toEqual(told);
  });

  it('names nothing where files are missing, damaged or of another shape', () => {
    const path = `var/lib/docker/containers/${ID}/config.v2.json`;
    for (const content of ['{"Name":', '[]', '{"Name":7}', 'null', '']) {
      expect(machine({ [path]: content }).read(of('docker')), content).toEqual(NO_DETAILS);
    }
    expect(machine({}).read(of('kubernetes', UID))).toEqual(NO_DETAILS);
  });
});

describe("a runtime's socket", () => {
  it('is asked for the one container; a refusal, nonsense and silence name nothing', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      if (asked.length === 1) response.end(JSON.stringify({ Name: '/web', Config: { Image: 'nginx', Labels: null } }));
      else if (asked.length === 2) response.writeHead(403).end('no');
      else if (asked.length === 3) response.end('<html>');
    });
    const path = join(root, 'runtime.sock');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      const ask = () => askRuntime(of('docker'), null, [path]);
      expect(await ask()).toEqual({ ...NO_DETAILS, name: 'web', image: 'nginx' });
      for (let i = 0; i < 3; i++) expect(await ask()).toEqual(NO_DETAILS);
      expect(asked).toEqual(Array(4).fill(`/containers/${ID}/json`));
      expect(await askRuntime(of('docker'), null, [join(root, 'nobody.sock')])).toEqual(NO_DETAILS);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
