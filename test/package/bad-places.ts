// An installed package on file systems that are mounted in a way that takes something away: one sentence each.
import { expect, it } from 'vitest';
import type { Installed } from './elevation.ts';

const FOLDER = '/usr/libexec/flowglass';

/** Adds the tests, for a member of the group; nothing of them stays. */
export function badPlaceTests(installed: () => Installed, member: string): void {
  /** The commands with this folder mounted over itself, with these options. */
  function mounted<T>(folder: string, options: string, during: () => T): T {
    const { root } = installed();
    root.must(['mount', '--bind', folder, folder]);
    try {
      root.must(['mount', '-o', `remount,bind,${options}`, folder]);
      return during();
    } finally {
      root.must(['umount', folder]);
    }
  }
  const flowglass = (...args: string[]) => {
    const { root, link, node } = installed();
    return root.run(['flowglass', ...args], { user: member, netns: link.left.host.path, env: { ...node, HOME: `/home/${member}` } }); // prettier-ignore
  };
  const record = (file: string) => flowglass('record', '-i', installed().link.left.device, '-w', file);

  it('on noexec the helper cannot be started: said so, not that a password is missing', () => {
    mounted(FOLDER, 'noexec', () => {
      const { status, stdout, stderr } = record('/tmp/none.pcapng');
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toBe(`flowglass: the capture helper lies on a file system mounted noexec, where nothing can be started, ${FOLDER}/flowglass-helper, mount that without noexec, or install Flowglass elsewhere; opening files works\n`); // prettier-ignore
      expect(flowglass('doctor').stdout).toMatch(/helper file +MISSING +\S+ is on a file system mounted noexec/);
    });
  });

  it('on nosuid its capabilities do not count: said so', () => {
    mounted(FOLDER, 'nosuid', () => {
      const { status, stderr } = record('/tmp/none.pcapng');
      expect(status).toBe(3);
      expect(stderr).toMatch(/^flowglass: the capture helper lies on a file system mounted nosuid, where its capabilities do not count, [^\n]+, run: sudo flowglass record [^\n]+\n$/); // prettier-ignore
      expect(flowglass('doctor').stdout).toMatch(/helper file +limited +\S+ is on a file system mounted nosuid/);
    });
  });

  it('with a home that cannot be written files open, and a recording there is refused in one sentence', () => {
    const home = `/home/${member}`;
    mounted(home, 'ro', () => {
      const { status, stdout, stderr } = record(`${home}/b.pcapng`);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^flowglass: [^\n]*read-only[^\n]*, \/home\/\w+\/b\.pcapng, [^\n]+\n$/);
      const summary = flowglass('summary', '/opt/Flowglass/resources/app/docs/demo.pcapng', '--json');
      expect([summary.status, summary.stderr]).toEqual([0, '']);
      expect(flowglass('doctor').stdout).toMatch(/home +limited +\/home\/\w+ cannot be written/);
    });
  });
}
