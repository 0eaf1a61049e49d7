// "Install the capture helper" of an AppImage or archive: the app's own module and sudo-prompt, a real polkit, a real capture.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Polkit, type Installed } from './elevation.ts';

const USER = 'fgtarball';
const HELPER = '/usr/libexec/flowglass/flowglass-helper';
const POLICY = '/usr/share/polkit-1/actions/org.flowglass.helper.policy';
const rules = (answer: string): string => `polkit.addRule(function (action, subject) {
  if (subject.user == "${USER}") return polkit.Result.${answer};
});
`;
/** What the app does when its button is pressed, in a folder whose name a shell would run. */
const PRESS = `
import { createRequire } from 'node:module';
import { helperInstaller } from './dist/electron/install-helper.js';
const { exec: prompt } = createRequire(import.meta.url)('sudo-prompt');
const installer = helperInstaller({ prompt, helper: process.argv[2], script: process.argv[3], uid: process.getuid() });
console.log(JSON.stringify(await installer.install()));
`;

/** Adds the tests, for an archive that lies at /tmp/flowglass.tar.gz of the private machine, without a package installed. */
export function installHelperTests(installed: () => Installed): void {
  const home = `/home/${USER}`;
  const place = `${home}/flowglass-0.1.0/resources`;
  const own = `${place}/app/dist/helper/flowglass-helper`;
  const odd = `${home}/$(touch hacked)`;
  let polkit: Polkit;

  const press = (helper = own, script = `${place}/bin/install-helper`): { done: boolean; text: string } => {
    const { root, node } = installed();
    const argv = ['env', '-C', odd, process.execPath, `${place}/app/press.mjs`, helper, script];
    return JSON.parse(root.must(argv, { user: USER, env: { ...node, HOME: home } })) as { done: boolean; text: string };
  };
  const command = (...args: string[]) => [`${place}/bin/flowglass`, ...args];
  const there = (): boolean => installed().root.run(['test', '-e', HELPER]).status === 0;

  it('unpacked and without the password: said, and nothing changed', async () => {
    const { root } = installed();
    root.must(['useradd', '--create-home', '--shell', '/bin/bash', USER]);
    root.must(['sh', '-c', `tar -xzf /tmp/flowglass.tar.gz -C ${home} && mkdir "$1" && chown -R ${USER}: ${home}`, 'sh', odd]); // prettier-ignore
    writeFileSync(root.path(`${place}/app/press.mjs`), PRESS);
    polkit = new Polkit(root);
    await polkit.start(rules('NO'));
    expect(press()).toEqual({ done: false, text: 'The password was not given, or this user may not; nothing was changed.' }); // prettier-ignore
    expect(there()).toBe(false);
    await polkit.end();
  });

  it('installs as the packages do, with one question; and the command captures', async () => {
    const { root, link, node } = installed();
    await polkit.start(rules('YES'));
    expect(press()).toEqual({ done: true, text: `Installed. Capturing works now, with a password; from the next login on ${USER} is asked no more.` }); // prettier-ignore
    expect(root.must(['stat', '-c', '%a %U:%G', HELPER]).trim()).toBe('750 root:flowglass');
    expect(root.must(['getcap', HELPER]).trim()).toBe(`${HELPER} cap_net_admin,cap_perfmon,cap_bpf=p`);
    expect(readFileSync(root.path(HELPER)).equals(readFileSync(root.path(own)))).toBe(true);
    expect(readFileSync(root.path(POLICY), 'utf8')).toBe(readFileSync(`build/linux/root${POLICY}`, 'utf8'));
    expect(root.must(['id', '-nG', USER]).trim().split(' ')).toContain('flowglass');
    expect(root.run(['test', '-e', `${odd}/hacked`]).status).toBe(1);
    const child = root.start(command('record', '-i', link.left.device, '-w', `${home}/a.pcapng`), { user: USER, netns: link.left.host.path, env: { ...node, HOME: home } }); // prettier-ignore
    await child.until('recording', ({ stderr }) => /^flowglass: recording/m.test(stderr));
    expect(await child.stop('SIGINT', 15_000)).toMatchObject({ status: 0 });
  });

  it('installs nothing that was changed on its way, nor where a package has its own', () => {
    const { root } = installed();
    const before = readFileSync(root.path(HELPER));
    const digest = '0'.repeat(64);
    const changed = root.run([`${place}/bin/install-helper`, own, digest, '0']);
    expect([changed.status, changed.stderr]).toEqual([1, 'flowglass: the helper was changed on its way here: nothing is installed\n']); // prettier-ignore
    expect(readFileSync(root.path(HELPER)).equals(before)).toBe(true);
    const asUser = root.run([`${place}/bin/install-helper`], { user: USER });
    expect([asUser.status, asUser.stderr]).toEqual([1, 'flowglass: the capture helper is installed by root: run this with sudo\n']); // prettier-ignore
    root.must(['mount', '--bind', '-o', 'ro', '/usr/libexec/flowglass', '/usr/libexec/flowglass']);
    root.must(['mount', '-o', 'remount,bind,ro', '/usr/libexec/flowglass']);
    expect(press()).toEqual({
      done: false,
      text: `${HELPER} cannot be written (is the disk full, or /usr read-only?)`,
    });
    root.must(['umount', '/usr/libexec/flowglass']);
  });

  it('takes all of it away again', async () => {
    const { root } = installed();
    root.must([`${place}/bin/install-helper`, '--remove']);
    await polkit.end();
    root.must(['userdel', '--remove', USER]);
    expect(root.run(['getent', 'group', 'flowglass']).status).toBe(2);
    expect(root.differences()).toEqual([]);
  });
}
