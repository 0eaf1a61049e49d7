// npm start, as a person without a display has it. (With one, and Electron: electron.test.ts.)
import { expect, it } from 'vitest';
import { Child } from '../lab/child.ts';
import { CHECKOUT } from '../lab/programs.ts';

it('npm start says in one line that it uses the browser and why, prints the address, and ends with nothing left', async () => {
  const env = { ...process.env, DISPLAY: '', WAYLAND_DISPLAY: '', INIT_CWD: `${CHECKOUT}/docs`, npm_lifecycle_event: 'start' }; // prettier-ignore
  const child = new Child(process.execPath, ['build/start.mjs', 'demo.pcapng'], { cwd: CHECKOUT, env, timeoutMs: 110_000 }); // prettier-ignore
  await child.until('address', ({ stdout }) => stdout.includes('\n'), 100_000);
  expect(child.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=\S+\n$/);
  expect(child.stderr.split('\n').filter((line) => line.startsWith('flowglass:'))).toEqual([
    'flowglass: using the browser because there is no display; open the address below, Ctrl-C ends',
  ]);
  const reply = await fetch(child.stdout.trim(), { redirect: 'manual' });
  expect(reply.status).toBe(303);
  expect((await child.stop('SIGINT', 15_000)).status).toBe(0);
  await expect(fetch(child.stdout.trim())).rejects.toThrow();
}, 120_000);
