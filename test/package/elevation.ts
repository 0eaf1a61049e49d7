// The way to the helper through polkit, on an installed package: a real bus, a real polkitd, real passwords.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Child, Outcome } from '../lab/child.ts';
import type { Link } from '../lab/lab.ts';
import type { PrivateRoot } from './private-root.ts';

/** Users of the private machine: asked for a password, allowed by a rule, denied by a rule. None is in the group. */
const [ADMIN, ALLOWED, DENIED] = ['fgadmin', 'fgallowed', 'fgdenied'];
const PASSWORD = 'correct-horse';
const RULES_FILE = '/etc/polkit-1/rules.d/10-flowglass-test.rules';
const RULES = `polkit.addRule(function (action, subject) {
  if (action.id != "org.flowglass.helper.capture") return;
  if (subject.user == "${ALLOWED}") return polkit.Result.YES;
  if (subject.user == "${DENIED}") return polkit.Result.NO;
});
`;

/** What the tests work on, once their own beforeAll has made it. */
export interface Installed {
  readonly root: PrivateRoot;
  readonly link: Link;
  /** Environment in which the launcher finds Node. */
  readonly node: Record<string, string>;
}

/** Tries `ready` until it is true; every try starts a program, which is pause enough. */
async function until(what: string, ready: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !ready();) {
    if (Date.now() > end) throw new Error(`no ${what} within 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A system bus and polkitd of the private machine, with these rules, until they are ended. */
export class Polkit {
  readonly #root: PrivateRoot;
  readonly #daemons: Child[] = [];

  constructor(root: PrivateRoot) {
    this.#root = root;
  }

  async start(rules: string): Promise<void> {
    const root = this.#root;
    writeFileSync(root.path(RULES_FILE), rules, { mode: 0o644 });
    mkdirSync(root.path('/run/dbus'));
    this.#daemons.push(root.start(['dbus-daemon', '--system', '--nofork', '--nopidfile'], { timeoutMs: 300_000 }));
    await until('bus', () => existsSync(root.path('/run/dbus/system_bus_socket')));
    this.#daemons.push(root.start(['/usr/lib/polkit-1/polkitd', '--no-debug'], { timeoutMs: 300_000 }));
    await until('polkitd', () => root.run(['pkaction', '--action-id', 'org.freedesktop.policykit.exec']).status === 0);
  }

  async end(): Promise<void> {
    for (const daemon of this.#daemons.splice(0).reverse()) await daemon.stop('SIGTERM');
    this.#root.must(['rm', '-r', RULES_FILE, '/run/dbus']);
  }
}

/** Adds the tests; `installed` is asked while they run. */
export function elevationTests(installed: () => Installed): void {
  let polkit: Polkit;

  const args = (): string[] => ['record', '-i', installed().link.left.device, '-w', '/dev/null', '--force'];
  const options = (user: string | undefined) => {
    const { link, node } = installed();
    return { ...(user === undefined ? {} : { user }), netns: link.left.host.path, env: node };
  };
  const refusal = (user: string | undefined): Outcome => installed().root.run(['flowglass', ...args()], options(user));
  /** The command at a terminal of its own. */
  const atTerminal = (user: string | undefined): Child =>
    installed().root.start(['script', '-qefc', ['flowglass', ...args()].join(' '), '/dev/null'], options(user));

  /** Types a password each time the terminal asks, until `done`; what is typed before the prompt is ready is thrown away. */
  async function type(child: Child, password: string, done: (child: Child) => boolean): Promise<void> {
    await child.until('a prompt', ({ stdout }) => /Password: /.test(stdout));
    await until('an answer', () => {
      if (!done(child)) child.write(`${password}\n`);
      return done(child);
    });
  }
  const recording = ({ stdout, stderr }: Child): boolean => /flowglass: recording/.test(stdout + stderr);

  /** Ends in order: programs are detached, whoever runs the helper. */
  async function endsInOrder(child: Child): Promise<void> {
    const { left } = installed().link;
    expect(left.host.attached(left.device)).not.toEqual([]);
    child.write('\u0003'); // Ctrl-C at a terminal
    child.signal('SIGINT');
    expect((await child.done).status).toBe(0);
    expect(left.host.attached(left.device)).toEqual([]);
  }

  it('polkit that is not running: said, with what to do', () => {
    const { root } = installed();
    for (const user of [ALLOWED, DENIED]) root.must(['useradd', '--create-home', '--shell', '/bin/bash', user ?? '']);
    root.must(['useradd', '--create-home', '--groups', 'sudo', '--shell', '/bin/bash', ADMIN ?? '']);
    root.must(['sh', '-c', `echo '${ADMIN}:${PASSWORD}' | chpasswd`]);
    const { status, stdout, stderr } = refusal(DENIED);
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/^flowglass: nothing is captured, polkit cannot be asked \([^\n]+\), polkit, run sudo flowglass record [^\n]+usermod -aG flowglass fgdenied[^\n]*\n$/); // prettier-ignore
  });

  it('without pkexec: the group, and how to join it', () => {
    const { root } = installed();
    root.must(['mv', '/usr/bin/pkexec', '/usr/bin/pkexec.away']);
    const { status, stderr } = refusal(DENIED);
    root.must(['mv', '/usr/bin/pkexec.away', '/usr/bin/pkexec']);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^flowglass: the capture helper only answers users in the group flowglass, and fgdenied is not in it; opening files still works, [^\n]+ run: sudo usermod -aG flowglass fgdenied, and sign in again\n$/); // prettier-ignore
  });

  it('a rule allows: streams without a question, and ends in order', async () => {
    const { root } = installed();
    polkit = new Polkit(root);
    await polkit.start(RULES);
    const child = root.start(['flowglass', ...args()], options(ALLOWED));
    await child.until('recording', recording);
    await endsInOrder(child);
  });

  it('a rule refuses, and nobody is there to ask: one sentence each', () => {
    const refused = refusal(DENIED);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toMatch(/^flowglass: nothing is captured, the password was wrong or this user may not; opening files still works, [^\n]+\n$/); // prettier-ignore
    const nobody = refusal(ADMIN);
    expect(nobody.status).toBe(3);
    expect(nobody.stderr).toMatch(/^flowglass: nothing is captured, there is nobody to ask for a password here; opening files still works, [^\n]+\n$/); // prettier-ignore
  });

  it('at a terminal a wrong password is refused, the right one captures', async () => {
    const wrong = atTerminal(ADMIN);
    await type(wrong, 'wrong', ({ ended }) => ended !== null);
    expect((await wrong.done).status).toBe(3);
    expect(wrong.stdout).toMatch(/Flowglass needs your password to watch the network traffic of this machine/);
    expect(wrong.stdout).toMatch(/flowglass: nothing is captured, the password was wrong or this user may not/);
    const right = atTerminal(ADMIN);
    await type(right, PASSWORD, recording);
    await endsInOrder(right);
  });

  it('doctor says who is asked for a password, and who is not', () => {
    const { root } = installed();
    const asked = root.must(['flowglass', 'doctor'], options(ADMIN));
    expect(asked).toMatch(/privilege +limited +fgadmin is not in the group flowglass: capturing asks for a password: .*usermod -aG/); // prettier-ignore
    expect(asked).toMatch(/Recording works here, with a password\./);
    expect(root.must(['flowglass', 'doctor'], options(undefined))).toMatch(/helper file +ok +\S+ cap_net_admin,cap_perfmon,cap_bpf=p/); // prettier-ignore
  });

  it('ends its bus and its polkitd', async () => {
    const { root } = installed();
    await polkit.end();
    for (const user of [ADMIN, ALLOWED, DENIED]) root.must(['userdel', '--remove', user ?? '']);
  });
}
