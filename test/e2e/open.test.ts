// `flowglass open -`: a capture from a pipe, in the app while it comes.
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { COMMAND } from '../lab/flowglass.ts';
import { CHECKOUT } from '../lab/programs.ts';

const CAPTURE = join(CHECKOUT, 'test/corpus/m-port-reuse.pcap');

let child: ChildProcessByStdio<Writable, Readable, Readable> | null = null;
afterEach(() => void child?.kill('SIGKILL'));

interface State {
  readonly flows: number;
  readonly clock: { readonly endNs: number; readonly following: boolean };
}

/** The newest state that a page would be told. */
async function connect(url: string): Promise<{ state: () => State | null; close: () => void }> {
  const { origin, host } = new URL(url);
  const admitted = await fetch(url, { redirect: 'manual' });
  const cookie = admitted.headers.get('set-cookie')?.split(';')[0] ?? '';
  const socket = new WebSocket(`ws://${host}/engine`, { headers: { cookie }, origin });
  let state: State | null = null;
  socket.on('message', (data, binary) => {
    if (binary) return;
    const message = JSON.parse(String(data)) as { event?: string; data: State };
    if (message.event === 'state') state = message.data;
  });
  await once(socket, 'open');
  return { state: () => state, close: () => socket.terminate() };
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (what()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('waited in vain');
}

const temporary = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('flowglass-follow-'));

describe('open', () => {
  it('shows flows while they come; a pipe that ends is the end of the recording; ends with status 0', async () => {
    const before = temporary();
    const bytes = readFileSync(CAPTURE);
    child = spawn(process.execPath, [COMMAND, 'open', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.write(bytes.subarray(0, 200));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const page = await connect(String(line).trim());
    await until(() => page.state()?.flows === 1);
    expect(page.state()?.clock.following).toBe(true);
    child.stdin.end(bytes.subarray(200));
    await until(() => page.state()?.clock.following === false);
    const { stdout } = spawnSync(process.execPath, [COMMAND, 'summary', CAPTURE, '--json'], { encoding: 'utf8' });
    const { flows, session } = JSON.parse(stdout) as { flows: unknown[]; session: { durationNs: number } };
    expect(page.state()).toMatchObject({ flows: flows.length, clock: { endNs: session.durationNs } });
    page.close();
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(temporary()).toEqual(before);
  });

  it.each([
    ['what is no capture', ['open', '-'], 'tcpdump: no permission\n', 1, /not a capture file, standard input/],
    ['nothing at all', ['open', '-'], '', 1, /the file is empty, standard input/],
    ['a file that is not there', ['open', '/none', '--follow'], '', 1, /no such file, \/none/],
    ['no file', ['open'], '', 2, /no file to open/],
  ])('%s: one line, and no address', (_name, args, input, code, saying) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { input, encoding: 'utf8' });
    expect([status, stdout]).toEqual([code, '']);
    expect(stderr).toMatch(/^flowglass: [^\n]+\n$/);
    expect(stderr).toMatch(saying);
  });
});
