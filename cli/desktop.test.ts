import { expect, it } from 'vitest';
import { whyNoDesktop, type DesktopFacts } from './desktop.ts';

const good: DesktopFacts = { display: true, root: false, binary: '/electron', unfetched: null, sandbox: true };

it('uses the desktop shell when there is a display, a binary and a sandbox, and nobody is root', () => {
  expect(whyNoDesktop(good)).toBeNull();
});

it.each<[Partial<DesktopFacts>, RegExp]>([
  [{ display: false, root: true, binary: null }, /no display/],
  [{ root: true }, /root/],
  [{ binary: null, sandbox: false }, /not installed/],
  [{ binary: null, unfetched: 'Electron could not be fetched' }, /could not be fetched/],
  [{ sandbox: false }, /sandbox/],
])('says why not: %j', (facts, why) => {
  expect(whyNoDesktop({ ...good, ...facts })).toMatch(why);
});
