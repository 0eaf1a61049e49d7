/**
 * A real sshd in a host of the laboratory, and a way for the system's ssh to find its keys. It has a mount namespace of
 * its own, in which there are users and rights to become root that this machine does not have.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from './child.ts';
import { command, type Host } from './host.ts';
import { settle, type Lab } from './lab.ts';

/** root; who may become root without a password; who may not. */
export type SshUser = 'root' | 'watcher' | 'guest';
const IDS: Readonly<Record<SshUser, number>> = { root: 0, watcher: 4711, guest: 4712 };

export class Sshd {
  readonly child: Child;
  /** Environment in which `ssh` is the system's, with a configuration of the laboratory. */
  readonly env: NodeJS.ProcessEnv;
  readonly #home: (user: SshUser) => string;

  private constructor(child: Child, env: NodeJS.ProcessEnv, home: (user: SshUser) => string) {
    this.child = child;
    this.env = env;
    this.#home = home;
  }

  /**
   * Listens at the address in that host; the laboratory's key opens it to each of the users. Names that end in
   * `-by-proxy` go there from the host `from`, wherever ssh runs.
   */
  static async start(lab: Lab, host: Host, address: string, from: Host): Promise<Sshd> {
    const at = (name: string): string => join(lab.directory, name);
    const home = (user: SshUser): string => at(`home-${user}`);
    chmodSync(lab.directory, 0o711); // sshd reads the key as the user
    for (const name of ['host', 'user', 'stranger'])
      command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(`key-${name}`)]);
    writeUsers(at, home);
    writeConfiguration(at, address, from);
    if (!existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 }); // its empty folder for what has no rights
    mkdirSync(at('run'), { mode: 0o700 });
    // What the command has here, its socket above all, is not there.
    const script = `mount -t tmpfs none '${at('run')}' && mount --bind '${at('passwd')}' /etc/passwd && mount --bind '${at('sudoers')}' /etc/sudoers && exec /usr/sbin/sshd -D -e -f '${at('sshd_config')}'`;
    const child = host.spawn('unshare', ['--mount', 'sh', '-c', script], { timeoutMs: 120_000 });
    await child.until('listening', ({ stderr }) => stderr.includes('Server listening'));
    return new Sshd(
      child,
      { ...process.env, XDG_RUNTIME_DIR: at('run'), PATH: `${at('bin')}:${process.env['PATH']}` },
      home,
    );
  }

  /** What of ours lies in the cache folder of a user there. */
  left(user: SshUser): string[] {
    const cache = join(this.#home(user), '.cache/flowglass');
    return existsSync(cache) ? readdirSync(cache) : [];
  }

  /** Ends every connection as a broken line does. */
  async breakConnections(): Promise<void> {
    for (const pid of childrenOf(this.child.pid)) {
      process.kill(pid, 'SIGKILL');
      for (let tries = 0; tries < 100 && existsSync(`/proc/${pid}`); tries++) await settle(10);
    }
  }
}

function writeUsers(at: (name: string) => string, home: (user: SshUser) => string): void {
  const users = (['root', 'watcher', 'guest'] as const).map((user) => {
    mkdirSync(home(user));
    chownSync(home(user), IDS[user], IDS[user]);
    return `${user}:*:${IDS[user]}:${IDS[user]}::${home(user)}:/bin/sh`;
  });
  const others = readFileSync('/etc/passwd', 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('root:')); // prettier-ignore
  writeFileSync(at('passwd'), `${[...users, ...others].join('\n')}\n`, { mode: 0o644 });
  writeFileSync(at('sudoers'), 'watcher ALL=(root) NOPASSWD: ALL\n', { mode: 0o440 });
}

/** Connects standard input and output to a port, as nc does. */
const PIPE = `const s = require('node:net').connect(process.argv[2], process.argv[1]); process.stdin.pipe(s).pipe(process.stdout)`; // prettier-ignore

function writeConfiguration(at: (name: string) => string, address: string, from: Host): void {
  const settings = [`ListenAddress ${address}`, `HostKey ${at('key-host')}`, 'PidFile none', 'UsePAM no', 'StrictModes no',
    `AuthorizedKeysFile ${at('key-user.pub')}`, 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'PermitRootLogin yes']; // prettier-ignore
  writeFileSync(at('sshd_config'), `${settings.join('\n')}\n`);
  writeFileSync(at('known_hosts'), `${address} ${readFileSync(at('key-host.pub'), 'utf8')}`);
  writeFileSync(at('no_hosts'), `${address} ${readFileSync(at('key-stranger.pub'), 'utf8')}`);
  writeFileSync(
    at('ssh_config'),
    `Host *-by-proxy
       HostName ${address}
       HostKeyAlias ${address}
       ProxyCommand nsenter --net=${from.path} ${process.execPath} -e "${PIPE}" ${address} 22
     Host refused refused-by-proxy
       HostName ${address}
       HostKeyAlias ${address}
       IdentityFile ${at('key-stranger')}
     Host * !refused !refused-by-proxy
       IdentityFile ${at('key-user')}
     Host impostor
       HostName ${address}
       HostKeyAlias ${address}
       UserKnownHostsFile ${at('no_hosts')}
     Host *
       IdentitiesOnly yes
       UserKnownHostsFile ${at('known_hosts')}
       StrictHostKeyChecking yes
       ServerAliveInterval 1
       ServerAliveCountMax 2
       BatchMode yes\n`,
  );
  mkdirSync(at('bin'));
  writeFileSync(at('bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${at('ssh_config')}' "$@"\n`);
  chmodSync(at('bin/ssh'), 0o755);
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  );
}
