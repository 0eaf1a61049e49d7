import { describe, expect, it } from 'vitest';
import { containerOf, packageOfPath, unitOf, workloadOf } from './cgroup-path.ts';
import { detailsFrom, detailsText, NO_DETAILS } from './container-details.ts';
import { placeOf } from './places.ts';
import { packageOfExe, scriptOf } from './program.ts';

const ID = '0123456789abcdef'.repeat(4);
const OTHER = 'f'.repeat(64);
const UID = '3b3c1c55-0f4a-4a9e-8a57-5d7c6c0ab7e1';
const SLICE = UID.replaceAll('-', '_');

describe('the path of a control group', () => {
  it.each([
    ['/system.slice/ssh.service', 'ssh.service'],
    ['/user.slice/user-1000.slice/session-3.scope', 'session-3.scope'],
    ['/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-foot-77.scope', 'app-gnome-foot-77.scope'],
    ['/init', null],
    ['/', null],
  ])('tells the unit: %s', (path, unit) => {
    expect(unitOf(path)).toBe(unit);
  });

  it.each([
    ['docker', `/system.slice/docker-${ID}.scope`, null],
    ['docker', `/docker/${ID}`, null],
    ['docker', `/docker/${ID}/system.slice/nginx.service`, null],
    ['podman', `/machine.slice/libpod-${ID}.scope/container`, null],
    ['podman', `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`, null],
    ['podman', `/libpod_parent/libpod-${ID}`, null],
    ['podman', `/machine.slice/libpod-payload-${ID}`, null],
    ['containerd', `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${SLICE}.slice/cri-containerd-${ID}.scope`, UID],
    ['containerd', `/kubepods-besteffort-pod${SLICE}.slice:cri-containerd:${ID}`, UID],
    ['containerd', `/system.slice/nerdctl-${ID}.scope`, null],
    ['cri-o', `/kubepods.slice/kubepods-pod${SLICE}.slice/crio-${ID}.scope/container`, UID],
    ['kubernetes', `/kubepods/burstable/pod${UID}/${ID}`, UID],
    // Kubernetes in Docker: the process is in the inner one.
    ['containerd', `/docker/${OTHER}/kubelet/kubepods/pod${UID}/cri-containerd-${ID}.scope`, UID],
    ['kubernetes', `/docker/${OTHER}/kubelet-kubepods.slice/pod${UID}/${ID}`, UID],
  ])('tells the container of %s: %s', (runtime, path, podUid) => {
    expect(containerOf(path)).toEqual({ runtime, id: ID, podUid });
  }); // prettier-ignore

  it.each([
    ['lxc', '/lxc/web', 'web'],
    ['lxc', '/lxc.payload.web-1/init.scope', 'web-1'],
    ['nspawn', '/machine.slice/machine-deb\\x2d12.scope/payload', 'deb-12'],
    ['nspawn', '/machine.slice/systemd-nspawn@web.service/payload', 'web'],
  ])('tells the name of %s: %s', (runtime, path, id) => {
    expect(containerOf(path)).toEqual({ runtime, id, podUid: null });
  });

  it.each([
    '/system.slice/docker.service',
    `/machine.slice/libpod-conmon-${ID}.scope`,
    `/machine.slice/crio-conmon-${ID}.scope`,
    '/lxc.monitor.web',
    '/machine.slice/machine-qemu\\x2d1\\x2dwin.scope',
    `/somewhere/${ID}`,
    '/',
  ])('names no container for what is none: %s', (path) => {
    expect(containerOf(path)).toBeNull();
  });

  it('tells what Flatpak and Snap started', () => {
    const app = '/user.slice/user-1000.slice/user@1000.service/app.slice/';
    expect(packageOfPath(`${app}app-flatpak-org.mozilla.firefox-4242.scope`)).toEqual({
      kind: 'flatpak',
      name: 'org.mozilla.firefox',
    });
    expect(packageOfPath(`${app}snap.chromium.chromium-1b9d6bcd.scope`)).toEqual({ kind: 'snap', name: 'chromium' });
    expect(packageOfPath('/system.slice/snap.lxd.daemon.service')).toEqual({ kind: 'snap', name: 'lxd' });
    expect(packageOfPath('/system.slice/snapd.service')).toBeNull();
  });

  it('is grouped by pod, container, package, unit, in this order', () => {
    const details = detailsText({ ...NO_DETAILS, name: 'app', pod: 'web-6d4cf56db6-x7k2p', namespace: 'shop' });
    const pod = placeOf(`/kubepods/pod${UID}/${ID}`, details);
    expect(pod.container).toMatchObject({ pod: 'web-6d4cf56db6-x7k2p', namespace: 'shop', workload: 'web' });
    expect([pod.group, pod.groupKind]).toEqual(['web-6d4cf56db6-x7k2p', 'pod']);
    const named = placeOf(`/docker/${ID}`, detailsText({ ...NO_DETAILS, name: 'db' }));
    expect([named.group, named.groupKind]).toEqual(['db', 'container']);
    expect(placeOf(`/docker/${ID}`, null).group).toBe(ID.slice(0, 12));
    expect(placeOf('/system.slice/cron.service', null)).toMatchObject({ group: 'cron.service', groupKind: 'unit' });
    expect(placeOf('/user.slice/session-3.scope', null).groupKind).toBe('session');
  });
});

describe('the name of a pod', () => {
  it.each([
    ['web-6d4cf56db6-x7k2p', 'web'],
    ['kube-proxy-vj8zk', 'kube-proxy'],
    ['postgres-0', 'postgres'],
    ['backup-28512345-x2v4b', 'backup-28512345'],
    ['etcd-node-a', 'etcd-node-a'],
  ])('%s was made from %s', (pod, workload) => {
    expect(workloadOf(pod)).toBe(workload);
  });
});

describe('details of a container', () => {
  it('survive their form in a frame', () => {
    const details = { name: 'db', image: null, pod: 'orders-0', namespace: 'shop' };
    expect(detailsFrom(detailsText(details))).toEqual(details);
    expect(detailsFrom('')).toEqual(NO_DETAILS);
  });
});

describe('a command line', () => {
  it.each([
    ['/usr/bin/python3.11', 'python3 -u /opt/shop/foo.py --port 1', 'foo.py'],
    ['/usr/bin/python3', 'python3 -W ignore -m http.server 80', 'http.server'],
    ['/usr/bin/python3', 'python3 -c print(1)', null],
    ['/usr/bin/python3', 'python3', null],
    ['/usr/bin/node', 'node --require ./trace.js --max-old-space-size=99 dist/main.js', 'main.js'],
    ['/usr/bin/node', 'node -e 1', null],
    ['/usr/lib/jvm/java-17/bin/java', 'java -Xmx1g -cp /a.jar:/b.jar com.shop.Main x', 'com.shop.Main'],
    ['/usr/bin/java', 'java -jar /srv/orders.jar', 'orders.jar'],
    ['/bin/dash', 'sh /usr/local/bin/job.sh', 'job.sh'],
    ['/bin/bash', 'bash -c curl', null],
    ['/bin/bash', '-bash', null],
    ['/usr/bin/perl', 'perl -w -T /usr/sbin/ddclient -daemon', 'ddclient'],
    ['/usr/bin/php8.2', 'php -f /srv/worker.php', 'worker.php'],
    ['/usr/bin/curl', 'curl http://x/foo.py', null],
  ])('of %s: %s', (exe, line, script) => {
    expect(scriptOf(exe, line.split(' '))).toBe(script);
  });

  it('tells what is inside of an image', () => {
    expect(packageOfExe('/snap/firefox/4173/usr/lib/firefox/firefox')).toEqual({ kind: 'snap', name: 'firefox' });
    expect(packageOfExe('/tmp/.mount_Krita-x9Kd2Q/usr/bin/krita')).toEqual({ kind: 'appimage', name: 'Krita' });
    expect(packageOfExe('/usr/bin/curl')).toBeNull();
  });
});
