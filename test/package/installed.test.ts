// The packages as people get them, but for Electron's binary: built, linted, installed, used, refused, upgraded, purged. On
// a machine of their own (private-root.ts); nothing of this one is touched.
import { createHash } from 'node:crypto';
import { copyFileSync, lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makePackages } from '../../build/package/package.mjs';
import { command } from '../lab/host.ts';
import { Lab, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { badPlaceTests } from './bad-places.ts';
import { elevationTests } from './elevation.ts';
import { installHelperTests } from './install-helper.ts';
import { packages, type Kind } from './packages.ts';
import { PrivateRoot } from './private-root.ts';

const HELPER = '/usr/libexec/flowglass/flowglass-helper';
const CAPABILITIES = `${HELPER} cap_net_admin,cap_perfmon,cap_bpf=p`;
const [MEMBER, OTHER] = ['fgmember', 'fgother'];
/** Node for the launcher: the package's recommendation, wherever it lies here. */
const NODE = { FLOWGLASS_NODE: process.execPath };

describeAsRoot('packages', () => {
  let made: Record<Kind, string>;
  let root: PrivateRoot;
  let folder: string;
  let lab: Lab;
  let link: Link;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flowglass-packages-'));
    lab = new Lab();
    link = lab.link(lab.host('client'), lab.host('server'));
    made = await packages();
    root = await PrivateRoot.make();
    copyFileSync(made.deb, root.path('/tmp/flowglass.deb'));
    copyFileSync(made['tar.gz'], root.path('/tmp/flowglass.tar.gz'));
  }, 240_000);

  afterAll(async () => {
    lab?.dispose();
    await root?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Without the triggers of others (manual pages, icons), which take most of the time. */
  const install = (env: Record<string, string> = {}): string => {
    const { status, stdout, stderr } = root.run(['dpkg', '--no-triggers', '--install', '/tmp/flowglass.deb'], { env });
    expect(status, stdout + stderr).toBe(0);
    return stderr;
  };
  const helperMode = (): string => root.must(['stat', '-c', '%a %U:%G', HELPER]).trim();
  const helperCapabilities = (): string => root.must(['getcap', HELPER]).trim();

  it('have no complaint of lintian, desktop-file-validate and appstreamcli', () => {
    const lint = root.run(['lintian', '--allow-root', '--no-cfg', '--fail-on', 'error,warning', '/tmp/flowglass.deb']);
    expect([lint.status, lint.stdout]).toEqual([0, '']);
    const unpacked = join(folder, 'deb');
    command('dpkg-deb', ['--extract', made.deb, unpacked]);
    command('desktop-file-validate', [join(unpacked, 'usr/share/applications/org.flowglass.Flowglass.desktop')]);
    command('appstreamcli', ['validate', '--no-net', join(unpacked, 'usr/share/metainfo/org.flowglass.Flowglass.metainfo.xml')]); // prettier-ignore
    command('appstreamcli', ['validate-tree', '--no-net', unpacked]);
  });

  it('install: helper for the group alone, with capabilities; the command is there; dpkg finds nothing amiss', () => {
    root.must(['dpkg', '--install', '/tmp/flowglass.deb']);
    root.must(['useradd', '--create-home', '--groups', 'flowglass', MEMBER]);
    root.must(['useradd', '--create-home', OTHER]);
    expect(helperMode()).toBe('750 root:flowglass');
    expect(helperCapabilities()).toBe(CAPABILITIES);
    expect(root.must(['dpkg', '--verify', 'flowglass'])).toBe('');
    expect(root.must(['flowglass', '--version'], { env: NODE })).toBe('flowglass 0.1.0\n');
    expect(root.must(['sh', '-c', 'zcat /usr/share/man/man1/flowglass.1.gz | man --warnings -l - 2>&1 >/dev/null'])).toBe(''); // prettier-ignore
    for (const path of [
      'opt/Flowglass',
      'usr/share/applications',
      'usr/share/polkit-1/actions/org.flowglass.helper.policy',
    ])
      expect(statSync(root.path(`/${path}`)).mode & 0o022, path).toBe(0);
  });

  it('a member of the group captures as an ordinary user, into a file of its own', async () => {
    const file = `/home/${MEMBER}/a.pcapng`;
    const options = { user: MEMBER, netns: link.left.host.path, env: { ...NODE, HOME: `/home/${MEMBER}` } };
    const recorder = lab.care(root.start(['flowglass', 'record', '-i', link.left.device, '-w', file], options));
    await recorder.until('recording', ({ stderr }) => /^flowglass: recording/m.test(stderr));
    link.left.host.run('ping', ['-c', '3', '-i', '0.2', link.right.v4]);
    strangerSees(recorder.pid, file);
    // setpriv and the launcher exec: the signal reaches the command itself.
    expect(await recorder.stop('SIGINT', 15_000)).toMatchObject({ status: 0 });
    const { uid, mode } = statSync(root.path(file));
    expect([uid, mode & 0o777]).toEqual([Number(root.must(['id', '-u', MEMBER])), 0o600]);
    const summary = JSON.parse(root.must(['flowglass', 'summary', file, '--json'], { env: NODE }));
    const echo = summary.flows.find(({ protocol }: { protocol: string }) => protocol === 'icmp');
    expect([echo.sent.packets, echo.received.packets]).toEqual([3, 3]);
  });

  /** A second user of the machine reaches neither recording, helper, nor its socket. */
  function strangerSees(pid: number | undefined, file: string): void {
    const asOther = (script: string): string => root.run(['sh', '-c', script], { user: OTHER }).stdout.trim();
    expect(statSync(root.path(file)).mode & 0o077).toBe(0);
    expect(asOther(`cat ${file} >/dev/null 2>&1; echo $?`)).toBe('1');
    expect(asOther(`kill -TERM ${pid} 2>/dev/null; echo $?`)).toBe('1');
    expect(asOther(`ls /proc/${pid}/fd 2>/dev/null | wc -l`)).toBe('0');
    // The socket's directory is gone as soon as the helper has connected: its name leads nowhere.
    expect(asOther('ls -d /tmp/flowglass-?????? 2>/dev/null | wc -l')).toBe('0');
    const helpers = root.must(['sh', '-c', 'pgrep -x flowglass-helpe -u "$1" || true', 'sh', MEMBER ?? '']).trim().split('\n').filter(Boolean); // prettier-ignore
    expect(helpers).toHaveLength(1);
    expect(asOther(`kill -TERM ${helpers[0]} 2>/dev/null; cat /proc/${helpers[0]}/environ /proc/${helpers[0]}/maps 2>/dev/null | wc -c`)).toBe('0'); // prettier-ignore
  }

  it('a second user may not run the helper, and still opens files', () => {
    const env = { ...NODE, HOME: `/home/${OTHER}` };
    expect(root.run([HELPER, '--version'], { user: OTHER }).status).toBe(126);
    const demo = '/opt/Flowglass/resources/app/docs/demo.pcapng';
    const summary = root.must(['flowglass', 'summary', demo, '--json'], { user: OTHER, env });
    expect(JSON.parse(summary).flows.length).toBeGreaterThan(10);
  });

  badPlaceTests(() => ({ root, link, node: NODE }), MEMBER);
  elevationTests(() => ({ root, link, node: NODE }));

  it('installed over itself: capabilities are set each time, unless the file system has none or the administrator chose otherwise', () => {
    const broken = '/usr/local/sbin/setcap';
    writeFileSync(root.path(broken), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const said = install({ PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' });
    rmSync(root.path(broken));
    expect(said).toMatch(/^flowglass: this file system keeps no capabilities: .*pkexec/m);
    expect([helperMode(), helperCapabilities()]).toEqual(['750 root:flowglass', '']);
    root.must(['dpkg-statoverride', '--update', '--add', 'root', 'root', '0700', HELPER]);
    install();
    expect([helperMode(), helperCapabilities()]).toEqual(['700 root:root', '']);
    root.must(['dpkg-statoverride', '--remove', HELPER]);
    install();
    expect([helperMode(), helperCapabilities()]).toEqual(['750 root:flowglass', CAPABILITIES]);
  });

  it('the launcher: without a fitting Node one sentence; its own comes first; the app when there is one thing to open', () => {
    const launcher = ['/bin/sh', '/usr/bin/flowglass'];
    const bare = { PATH: '/opt/none', FLOWGLASS_NODE: '/bin/false' };
    root.must(['mkdir', '-p', '/opt/none']);
    for (const tool of ['readlink', 'id']) root.must(['ln', '-s', `/usr/bin/${tool}`, `/opt/none/${tool}`]);
    const none = root.run([...launcher, 'doctor'], { user: MEMBER, env: bare });
    expect([none.status, none.stdout]).toEqual([1, '']);
    expect(none.stderr).toMatch(/^flowglass: Node 20\.19 or newer is needed [^\n]+\n$/);
    const app = root.must(launcher, { user: MEMBER, env: { ...bare, DISPLAY: ':7' } });
    expect(JSON.parse(app)).toMatchObject({ standIn: 'electron', binary: '/opt/Flowglass/flowglass' });
    writeFileSync(root.path('/opt/Flowglass/resources/bin/node'), '#!/bin/sh\necho ours "$@"\n', { mode: 0o755 });
    expect(root.must([...launcher, 'doctor'], { user: MEMBER })).toBe('ours /opt/Flowglass/resources/app/cli/flowglass.mjs doctor\n'); // prettier-ignore
    root.must(['rm', '-r', '/opt/none', '/opt/Flowglass/resources/bin/node']);
  });

  it('purge leaves nothing behind but what people recorded', () => {
    root.must(['userdel', '--remove', MEMBER]);
    root.must(['userdel', '--remove', OTHER]);
    root.must(['dpkg', '--purge', 'flowglass']);
    expect(root.differences()).toEqual([]);
    expect(root.run(['getent', 'group', 'flowglass']).status).toBe(2);
  });

  installHelperTests(() => ({ root, link, node: NODE }));

  it('rpm: the files of the deb with the same contents and modes, and the same scripts', () => {
    const [deb, rpm] = [join(folder, 'deb'), join(folder, 'rpm')];
    command('sh', ['-c', 'mkdir -p "$2" && rpm2cpio "$1" | cpio --quiet -idm --no-absolute-filenames -D "$2"', 'sh', made.rpm, rpm]); // prettier-ignore
    expect(listing(rpm)).toEqual(listing(deb));
    const owners = command('rpm', ['-qp', '--queryformat', '[%{FILEUSERNAME}:%{FILEGROUPNAME}\\n]', made.rpm]);
    expect(new Set(owners.trim().split('\n'))).toEqual(new Set(['root:root']));
    const scripts = command('rpm', ['-qp', '--scripts', made.rpm]);
    for (const name of ['after-install', 'before-remove', 'after-remove'])
      expect(scripts).toContain(readFileSync(`build/linux/scripts/${name}.sh`, 'utf8').trim());
  });

  it('AppImage and tar.gz start, each from a folder of its own, and carry the helper', () => {
    copyFileSync(made.AppImage, join(folder, 'a.AppImage'));
    const started = JSON.parse(command(join(folder, 'a.AppImage'), ['/some/file.pcapng']));
    expect(started).toMatchObject({ standIn: 'electron', appimage: join(folder, 'a.AppImage') });
    expect(started.arguments).toContain('/some/file.pcapng');
    command('tar', ['-xzf', made['tar.gz'], '-C', folder]);
    const home = join(folder, 'flowglass-0.1.0');
    expect(JSON.parse(command(join(home, 'flowglass'), ['x'])).arguments).toBe('x');
    expect(command('env', [`FLOWGLASS_NODE=${process.execPath}`, join(home, 'resources/bin/flowglass'), '--version'])).toBe('flowglass 0.1.0\n'); // prettier-ignore
    expect(command(join(home, 'resources/app/dist/helper/flowglass-helper'), ['--version'])).toContain('0.1.0');
  });

  it('carry Electron with its fuses set', () => {
    const fuses = command(process.execPath, ['node_modules/@electron/fuses/dist/bin.js', 'read', '--app', join(folder, 'deb/opt/Flowglass/flowglass')]); // prettier-ignore
    const states = Object.fromEntries([...fuses.matchAll(/^\s*(\w+) is (\w+)/gm)].map(([, name, state]) => [name, state])); // prettier-ignore
    expect(states).toMatchObject({
      RunAsNode: 'Disabled',
      EnableCookieEncryption: 'Enabled',
      EnableNodeOptionsEnvironmentVariable: 'Disabled',
      EnableNodeCliInspectArguments: 'Disabled',
      GrantFileProtocolExtraPrivileges: 'Disabled',
    });
  });

  it('made again are the same bytes', async () => {
    const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
    const before = Object.fromEntries(Object.values(made).map((file) => [file, digest(file)]));
    const again: string[] = await makePackages({ targets: ['deb', 'rpm'] });
    expect(again).toHaveLength(2);
    for (const file of again) expect(digest(file), file).toBe(before[file]);
  }, 240_000);
});

/** Path, kind, mode and digest of everything below a folder. */
function listing(folder: string): string[] {
  const paths = command('find', [folder, '-mindepth', '1', '-not', '-type', 'd', '-printf', '%P\\n']).trim().split('\n').sort(); // prettier-ignore
  return paths.map((path) => {
    const full = join(folder, path);
    const entry = lstatSync(full);
    const what = entry.isSymbolicLink() ? readlinkSync(full) : createHash('sha256').update(readFileSync(full)).digest('hex'); // prettier-ignore
    return `${path} ${(entry.mode & 0o777).toString(8)} ${what}`;
  });
}
