// 10,000 frames on the socket of a helper that was built with the sanitizers: well-formed commands with any values, cut up
// anywhere, until the last one of a session is nonsense. It answers, or it ends with a sentence; never by a fault.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HELPER_WARNINGS } from '../../build/native.mjs';
import { step } from '../../build/stamp.mjs';
import {
  COMMAND_FILTER_LAYOUT,
  FRAME_HELLO,
  FRAME_HEADER,
  RUNG_AUTO,
  RUNG_CLSACT,
  RUNG_TCX,
} from '../../core/abi/generated.ts';
import { launchHelper, type LaunchedHelper } from '../../core/helper/launch.ts';
import { attachCommand, captureCommand, creditCommand, detachCommand, filterCommand, helloCommand, resyncCommand, stopCommand } from '../../core/wire/commands.ts'; // prettier-ignore
import { command } from '../lab/host.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { Random } from '../fuzz/mutate.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { CHECKOUT } from '../lab/programs.ts';

const SANITIZED = 'dist/helper-sanitized/flowglass-helper';
const FRAMES = 10_000;
/** Sessions that get as far as commands: each loads all programs, which is what takes the time. */
const SESSIONS = 8;

/** The helper with AddressSanitizer and UndefinedBehaviorSanitizer, built once for the same sources. */
function sanitizedHelper(): string {
  const sources = readdirSync(join(CHECKOUT, 'helper')).filter((name) => /\.[ch]$/.test(name)).map((name) => `helper/${name}`); // prettier-ignore
  const flags = [...HELPER_WARNINGS, '-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-Ibpf', '-Ihelper', '-isystem', 'dist/bpf']; // prettier-ignore
  const files = [...sources, 'bpf/abi.h', 'dist/bpf/flowglass.skel.h'];
  step('helper-sanitized', { files, text: flags.join(' '), outputs: [SANITIZED] }, () => {
    command('mkdir', ['-p', join(CHECKOUT, 'dist/helper-sanitized')]);
    const compiled = sources.filter((name) => name.endsWith('.c'));
    command('sh', ['-ec', 'cd "$0" && exec gcc "$@"', CHECKOUT, ...flags, ...compiled, '-o', SANITIZED, '-lbpf', '-lelf', '-lz'], '', 120_000); // prettier-ignore
  });
  return join(CHECKOUT, SANITIZED);
}

/** Numbers below a limit that the seed alone decides. */
function numbers(seed: number): (below: number) => number {
  const random = new Random(seed);
  return (below) => random.below(below);
}

/** A filter of valid rules with any content; fields as in struct fg_rule. */
function filter(random: (below: number) => number): Uint8Array {
  const payload = new Uint8Array(COMMAND_FILTER_LAYOUT.size);
  new DataView(payload.buffer).setUint32(COMMAND_FILTER_LAYOUT.count, random(65), true);
  return filterCommand(payload);
}

/** A command that is accepted, whatever its values: interfaces that are there and that are not, any rung, any length. */
function accepted(random: (below: number) => number): Uint8Array {
  switch (random(6)) {
    case 0:
      return attachCommand(1 + random(random(2) === 0 ? 4 : 0x7ffffffe), random(0xffff), random(6), [RUNG_AUTO, RUNG_TCX, RUNG_CLSACT][random(3)] ?? RUNG_AUTO); // prettier-ignore
    case 1:
      return detachCommand(random(0xffff));
    case 2:
      return captureCommand(random(2) === 1, random(262_145), 10 + random(4991));
    case 3:
      return filter(random);
    case 4:
      return creditCommand(0);
    default:
      return resyncCommand();
  }
}

/** Something that ends the session: an accepted command with bits changed, or noise behind a plausible header. */
function nonsense(random: (below: number) => number): Uint8Array {
  const bytes = random(2) === 0 ? accepted(random) : new Uint8Array(8 + random(200)).map(() => random(256));
  for (let flips = 1 + random(8); flips > 0; flips--) {
    const at = random(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
  }
  return bytes;
}

describeAsRoot('a helper under sanitizers', () => {
  let lab: Lab;
  let helperPath: string;
  let client: Host;
  let netnsPath: string;
  const seed = Number(process.env['FLOWGLASS_SEED'] ?? 1);

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    lab.link(client, lab.host('server'));
    netnsPath = client.path;
    helperPath = sanitizedHelper();
    // A fault ends it by a status of its own. Leaks cannot be looked for by a process that may not trace itself.
    process.env['ASAN_OPTIONS'] = 'detect_leaks=0:exitcode=99:symbolize=0:abort_on_error=0';
    process.env['UBSAN_OPTIONS'] = 'exitcode=99:print_stacktrace=1:symbolize=0';
  }, 150_000);
  afterAll(() => lab?.dispose());

  /** Reads and throws away; settles when a frame of this type begins what arrived. */
  function greeted({ socket }: LaunchedHelper): Promise<void> {
    let head = Buffer.alloc(0);
    return new Promise((resolve, reject) => {
      socket.on('data', (data: Buffer) => {
        if (head.length < FRAME_HEADER.size) head = Buffer.concat([head, data.subarray(0, FRAME_HEADER.size)]);
        if (head.length >= FRAME_HEADER.size && head.readUInt16LE(FRAME_HEADER.type) === FRAME_HELLO) resolve();
      });
      socket.on('close', () => reject(new Error('closed before HELLO')));
      socket.on('error', () => undefined);
    });
  }

  /** Writes frames with cuts anywhere; waits where the socket is full. */
  async function write(
    { socket }: LaunchedHelper,
    frames: Uint8Array[],
    random: (below: number) => number,
  ): Promise<void> {
    let bytes = Buffer.concat(frames);
    while (bytes.length > 0 && socket.writable) {
      const cut = 1 + random(random(4) === 0 ? 16 : 20_000);
      const took = socket.write(bytes.subarray(0, cut));
      bytes = bytes.subarray(cut);
      if (!took) await new Promise<void>((resolve) => void socket.once('drain', resolve).once('close', resolve));
    }
  }

  async function end(launched: LaunchedHelper, what: string, statuses = [0, 1]): Promise<void> {
    const { child, socket } = launched;
    if (!statuses.every((status) => status === 0)) {
      socket.end();
      child.stdin?.end();
    }
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('close', resolve));
    expect(
      [child.signalCode, launched.errorText().match(/Sanitizer|runtime error/)],
      `${what}: ${launched.errorText()}`,
    ).toEqual([null, null]);
    expect(statuses, `${what}: ${launched.errorText()}`).toContain(child.exitCode);
  }

  it('takes nonsense before HELLO', async () => {
    for (let n = 0; n < 40; n++) {
      const random = numbers(seed * 1000 + n);
      const launched = await launchHelper({ helperPath, netnsPath });
      launched.socket.on('data', () => undefined).on('error', () => undefined);
      await write(launched, [nonsense(random)], random);
      await end(launched, `before HELLO, ${n} of seed ${seed}`);
    }
  }, 120_000);

  it(`takes ${FRAMES} frames, and ends each session in order`, async () => {
    for (let n = 0; n < SESSIONS; n++) {
      const random = numbers(seed * 77_000 + n);
      const launched = await launchHelper({ helperPath, netnsPath });
      const hello = greeted(launched);
      launched.socket.write(helloCommand({ tableBytes: 1 << 20, intervalMs: 10 }));
      await hello;
      await write(
        launched,
        Array.from({ length: FRAMES / SESSIONS }, () => accepted(random)),
        random,
      );
      // Status 0 proves that none of them was refused: each was acted on.
      const last = n % 2 === 0 ? [stopCommand()] : [nonsense(random), nonsense(random)];
      await write(launched, last, random);
      await end(launched, `session ${n} of seed ${seed}`, n % 2 === 0 ? [0] : [0, 1]);
    }
  }, 300_000);

  it('left nothing attached', () => {
    expect(client.attached('veth0')).toEqual([]);
  });
});
