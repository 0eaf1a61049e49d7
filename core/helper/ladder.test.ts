import { describe, expect, it } from 'vitest';
import { mountOptions } from '../system/mounts.ts';
import { libraryFinding } from './installation.ts';
import { chooseRung, INSTALLED_HELPER, type LadderFacts } from './ladder.ts';
import { pkexecError } from './pkexec.ts';

const FACTS: LadderFacts = { root: false, configured: null, own: null, installed: 'absent', pkexec: '/usr/bin/pkexec', otherNamespace: false }; // prettier-ignore
const own = '/checkout/dist/helper/flowglass-helper';

describe('the way to the helper', () => {
  it.each<[string, Partial<LadderFacts>, string, string]>([
    ['root uses the checkout’s own', { root: true, own, installed: 'runnable' }, 'direct', own],
    ['root of an installed package', { root: true, installed: 'runnable' }, 'direct', INSTALLED_HELPER],
    ['a member of the group', { installed: 'runnable', own }, 'direct', INSTALLED_HELPER],
    ['anybody else is asked', { installed: 'forbidden', own }, 'pkexec', INSTALLED_HELPER],
    ['without polkit it is tried, and refused', { installed: 'forbidden', pkexec: null }, 'direct', INSTALLED_HELPER],
    ['a member who enters another namespace is asked', { installed: 'runnable', otherNamespace: true }, 'pkexec', INSTALLED_HELPER], // prettier-ignore
    ['nothing installed', { own }, 'direct', own],
    ['told by the environment', { configured: '/x', installed: 'forbidden' }, 'direct', '/x'],
  ])('%s', (_, facts, kind, helper) => {
    expect(chooseRung({ ...FACTS, ...facts })).toMatchObject({ kind, helper });
  });
});

describe('a refusal of polkit', () => {
  it.each<[number, string, RegExp | null]>([
    [126, 'Error executing command as another user: Request dismissed', /password was not given; opening files still works.*try again/], // prettier-ignore
    [127, 'Error executing command as another user: No authentication agent found.', /nobody to ask for a password here.*run sudo /], // prettier-ignore
    [127, 'Error executing command as another user: Not authorized', /password was wrong or this user may not/],
    [127, 'Error getting authority: Error initializing authority: Could not connect', /polkit cannot be asked \(Error/],
    [1, 'the kernel said no', null],
    [0, '', null],
  ])('%i %s', (code, text, saying) => {
    const error = pkexecError(code, text);
    if (saying === null) expect(error).toBeNull();
    else {
      expect(error?.message).toMatch(saying);
      expect(error?.message).toMatch(/usermod -aG flowglass /);
      expect(error?.exitCode).toBe(3);
    }
  });
});

describe('where the helper lies', () => {
  const MOUNTS = [
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
    '30 22 8:2 / /usr rw,nosuid,nodev - ext4 /dev/sda2 rw',
    '31 22 0:40 / /mnt/a\\040b rw,noexec - tmpfs none rw',
    '32 22 0:41 / /usr/lib rw,relatime - tmpfs none rw',
    '33 22 0:41 / /usr/lib rw,noexec - tmpfs none rw',
    '',
  ].join('\n');
  it.each<[string, string]>([
    ['/opt/x', 'relatime'],
    ['/usr/libexec/flowglass/flowglass-helper', 'nosuid'],
    ['/usrlocal/x', 'relatime'],
    ['/mnt/a b/helper', 'noexec'],
    ['/usr/lib/x', 'noexec'],
  ])('%s', (path, option) => expect(mountOptions(path, MOUNTS)).toContain(option));

  it('an old C library, or another one, is named with what still works', () => {
    expect(libraryFinding([2, 36])).toMatchObject({ status: 'ok', detail: 'glibc 2.36' });
    expect(libraryFinding([2, 28]).status).toBe('ok');
    expect(libraryFinding([2, 27])).toMatchObject({ status: 'limited', detail: 'glibc 2.27: the desktop app needs glibc 2.28 or newer' }); // prettier-ignore
    expect(libraryFinding(null)).toMatchObject({ status: 'limited', hint: 'commands and flowglass serve work' });
  });
});
