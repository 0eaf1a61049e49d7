import { readdirSync } from 'node:fs';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FRAME_BYE, FRAME_HELLO, FRAME_INTERFACE, HELLO, TOKEN_BYTES } from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';
import { startHelper, type Helper, type HelperOptions } from './helper.ts';

const helperPath = fileURLToPath(new URL('testing/fake-helper.mjs', import.meta.url));
let runtime: string;
const kept = process.env['XDG_RUNTIME_DIR'];

beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'fg-test-'));
  process.env['XDG_RUNTIME_DIR'] = runtime;
});
afterEach(() => {
  expect(readdirSync(runtime)).toEqual([]); // no directory is left, however it ended
  rmSync(runtime, { recursive: true });
  if (kept === undefined) delete process.env['XDG_RUNTIME_DIR'];
  else process.env['XDG_RUNTIME_DIR'] = kept;
  delete process.env['FAKE'];
});

function start(mode: string, options: Partial<HelperOptions> = {}): Promise<Helper> {
  process.env['FAKE'] = mode;
  return startHelper({ helperPath, onFrame: () => undefined, ...options });
}

async function failure(promise: Promise<unknown>): Promise<FlowglassError> {
  const error: unknown = await promise.then(() => null, (reason: unknown) => reason); // prettier-ignore
  if (!(error instanceof FlowglassError)) throw new Error(`expected a FlowglassError, not ${String(error)}`);
  expect(error.message).not.toMatch(/\n/);
  return error;
}

describe('a helper', () => {
  it('says hello, attaches, stops, and its token reaches no frame sink', async () => {
    const frames: number[] = [];
    const helper = await start('good', {
      onFrame: (type, bytes, _view, offset) => {
        frames.push(type);
        if (type === FRAME_HELLO) {
          const token = bytes.subarray(offset + HELLO.token, offset + HELLO.token + TOKEN_BYTES);
          expect(token.every((byte) => byte === 0)).toBe(true);
        }
      },
    });
    expect(helper.hello.kernel).toBe('6.18.0-test');
    expect((await helper.attach(1, 3)).name).toBe('fake0');
    const end = await helper.stop();
    expect(end).toMatchObject({ complete: true, error: null });
    expect(frames).toEqual([FRAME_HELLO, FRAME_INTERFACE, FRAME_BYE]);
  });

  it.each([
    ['exit3', 3, 'CAP_BPF is missing'],
    ['load3', 3, 'this user may not load BPF programs'],
    ['exit1', 1, 'the kernel has no BTF'],
    ['token', 1, 'another program answered'],
    ['version', 1, 'speaks version 99'],
    ['garbage', 1, 'unreadable'],
  ])('%s: one sentence and exit status %i', async (mode, exitCode, text) => {
    const error = await failure(start(mode));
    expect(error.exitCode).toBe(exitCode);
    expect(error.message).toContain(text);
    if (exitCode === 3) expect(error.hint).toMatch(/^run: sudo /);
  });

  it('that does not connect, or does not load, is ended after the time limit', async () => {
    expect((await failure(start('silent', { connectTimeoutMs: 400 }))).code).toBe('helper-silent');
    expect((await failure(start('load-silent', { loadTimeoutMs: 400 }))).message).toContain(
      'did not answer within 0.4 s',
    );
  });

  it('that does not exist is a clear error', async () => {
    const error = await failure(start('good', { helperPath: '/nonexistent/flowglass-helper' }));
    expect(error.code).toBe('helper-missing');
    expect(error.message).toContain('no such file');
  });

  it('that is killed ends the session with the signal named', async () => {
    const end = await (await start('killed')).ended;
    expect(end.complete).toBe(false);
    expect(end.error?.message).toContain('ended by SIGKILL');
  });

  it('that cannot attach says why', async () => {
    const helper = await start('busy');
    expect((await failure(helper.attach(1, 0))).message).toBe(
      'another program is attached, fake0, see flowglass doctor, or try another --attach',
    );
    await helper.stop();
  });

  it('that does not answer a stop is ended after the time limit', async () => {
    const helper = await start('no-bye', { stopTimeoutMs: 300 });
    const end = await helper.stop();
    expect(end.error?.message).toContain('did not answer within 0.3 s');
  });

  it('is reached through a directory that only its owner can enter', async () => {
    let mode = 0;
    const timer = setInterval(() => {
      for (const name of readdirSync(runtime)) mode = statSync(join(runtime, name)).mode & 0o777;
    }, 1);
    const helper = await start('good');
    clearInterval(timer);
    expect(mode).toBe(0o700);
    await helper.stop();
  });
});
