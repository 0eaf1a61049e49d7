// On 5.10, which lacks what the kernel programs need, capturing is refused in one sentence that says so; files and the demo
// session open as everywhere.
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFlowglass } from '../lab/flowglass.ts';
import { CHECKOUT } from '../lab/programs.ts';
import { kernelInReach, type Kernel } from './kernel-package.ts';
import { type MachineResult, runMachine } from './machine.ts';
import { PROLOGUE, shareDirectory } from './share.ts';

const DEMO = join(CHECKOUT, 'docs/demo.pcapng');
/** In one Node, which takes seconds to start there: the demo session through the engine as the app plays it, then its summary. */
const PLAY = `
import { main } from '/d/flowglass/dist/cli/main.js';
import { Engine } from '/d/flowglass/dist/core/engine/engine.js';
import { machineOptions } from '/d/flowglass/dist/core/engine/machine.js';
const engine = new Engine(machineOptions('test'));
let request;
const answered = new Map();
const port = {
  congested: false, sendView() {}, onClose() {}, close() {},
  onRequest: (handler) => (request = handler),
  send: (message) => ('id' in message ? answered.get(message.id)?.(message) : message.event === 'state' && (port.state = message.data)),
};
engine.connect(port);
const ask = (id, method, params) => new Promise((done) => { answered.set(id, done); request({ id, method, params }); });
const answers = [await ask(1, 'openDemo', {}), await ask(2, 'seek', { atNs: 2e10 })];
console.error(JSON.stringify({ answers, state: port.state }));
await engine.close();
await main(['summary', '/d/flowglass/docs/demo.pcapng', '--json']);
`;
const STATUS = 7;
const SCRIPT = `${PROLOGUE}
fg() { name=$1; shift; node /d/flowglass/cli/flowglass.mjs "$@" > /tmp/out/$name.out 2> /tmp/out/$name.err; echo $? > /tmp/out/$name.status; }
uname -r > /tmp/out/release
fg record record --netns /run/netns/a -i va -w /tmp/out/session.pcapng
fg doctor doctor
cat > /tmp/play.mjs << 'EOF'
${PLAY}
EOF
node /tmp/play.mjs > /tmp/out/summary 2> /tmp/out/played
ls /tmp/out/session.pcapng > /tmp/out/left 2> /dev/null
exit ${STATUS}
`;

const kernel = kernelInReach('bullseye');
describe.skipIf(kernel === null)('a kernel that is too old', () => {
  if (kernel !== null) refusesToCapture(kernel);
});

function refusesToCapture(tooOld: Kernel): void {
  let share: string;
  let machine: MachineResult;
  const output = (name: string): string => readFileSync(join(machine.output, name), 'utf8');

  beforeAll(async () => {
    share = shareDirectory();
    mkdirSync(join(share, 'flowglass/docs'));
    copyFileSync(DEMO, join(share, 'flowglass/docs/demo.pcapng'));
    machine = await runMachine({ kernel: tooOld, script: SCRIPT, share, exact: true, timeoutMs: 280_000 });
  }, 300_000);
  afterAll(() => {
    rmSync(share, { recursive: true, force: true });
    if (machine !== undefined) rmSync(machine.output, { recursive: true, force: true });
  });

  it('runs the script in it, and hands back its files and its status', () => {
    expect(machine.status, machine.console).toBe(STATUS);
    expect(output('release').trim()).toBe(tooOld.version);
  });

  it('record: one sentence with the release and what is needed, and no file', () => {
    expect([output('record.status'), output('record.out'), output('left')]).toEqual(['1\n', '', '']);
    expect(output('record.err')).toMatch(
      /^flowglass: Linux 5\.10\S+ is too old for capturing, it lacks atomic operations with a result, bpf_ktime_get_coarse_ns, [^\n]+: use 5\.15 or newer, [^\n]*\n$/,
    );
  });

  it('doctor: says that recording does not work, and why', () => {
    expect(output('doctor.out')).toMatch(/kernel +MISSING +5\.10\S+: use Linux 5\.15 or newer/);
    expect(output('doctor.out')).toMatch(/helper +MISSING +Linux 5\.10\S+ is too old for capturing, it lacks /);
    expect(output('doctor.out')).not.toMatch(/refused programs|with sudo/);
    expect(output('doctor.out')).toMatch(/Recording does not work here as it is; opening files does\./);
  });

  it('files and the demo session open as everywhere', async () => {
    const { status, stdout } = await runFlowglass(['summary', DEMO, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(output('summary'))).toEqual(JSON.parse(stdout));
    const played = JSON.parse(output('played')) as { answers: { result?: unknown }[]; state: { mode: string } };
    expect(played.answers.map((answer) => 'result' in answer)).toEqual([true, true]);
    expect(played.state).toMatchObject({ mode: 'replay' });
  });
}
