/** What `doctor` says of how the helper is reached, and of where the product lies: each finding with its fix. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Finding } from '../system/diagnosis.ts';
import { effectiveCapabilities } from '../system/kernel.ts';
import { mountOptions } from '../system/mounts.ts';
import { programPath } from '../system/programs.ts';
import { findRung, INSTALLED_HELPER, joinGroupCommand, userName, type Rung } from './ladder.ts';
import { sudoLine } from './permission.ts';

const NEEDED = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'];
const POLICY = '/usr/share/polkit-1/actions/org.flowglass.helper.policy';
/** Electron's binary is built against this C library; our helper brings its own. */
const GLIBC = [2, 28] as const;
/** Less than this much room is worth a word: a minute of a busy interface. */
const ROOM_BYTES = 200e6;

const fine = (name: string, detail: string): Finding => ({ name, status: 'ok', detail, hint: null });
const limited = (name: string, detail: string, hint: string): Finding => ({ name, status: 'limited', detail, hint });
const missing = (name: string, detail: string, hint: string): Finding => ({ name, status: 'missing', detail, hint });

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function privilege(rung: Rung): Finding {
  const name = 'privilege';
  if (process.getuid?.() === 0) {
    const have: readonly string[] = effectiveCapabilities();
    const lacking = NEEDED.filter((capability) => !have.includes(capability));
    if (lacking.length === 0 || have.includes('CAP_SYS_ADMIN')) return fine(name, 'root');
    return missing(name, `root without ${lacking.join(', ')}`, 'give the container these capabilities, or run outside it'); // prettier-ignore
  }
  if (rung.kind === 'pkexec') {
    const detail = `${userName()} is not in the group flowglass: capturing asks for a password`;
    return limited(name, detail, `to be asked no more: ${joinGroupCommand()}, then sign in again`);
  }
  try {
    accessSync(rung.helper, constants.X_OK);
  } catch {
    if (!existsSync(rung.helper)) return missing(name, `there is no capture helper at ${rung.helper}`, 'install the flowglass package, or run npm run build in a checkout'); // prettier-ignore
    return missing(name, `${userName()} is not in the group flowglass, which may run ${rung.helper}`, `${joinGroupCommand()}, then sign in again; without polkit (pkexec) nobody can be asked for a password`); // prettier-ignore
  }
  if ((statSync(rung.helper).mode & 0o005) === 0) return fine(name, `member of the group that may run ${rung.helper}`);
  return limited(name, 'ordinary user', `opening files works; for recording: ${sudoLine()}`);
}

/** Capabilities of a file as getcap(8) shows them; null where it cannot be asked. */
function fileCapabilities(path: string): string | null {
  const getcap = programPath('getcap', `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`);
  if (getcap === null) return null;
  try {
    return execFileSync(getcap, [path], { encoding: 'utf8', timeout: 5000 }).trim();
  } catch {
    return null;
  }
}

function helperFile(path: string): Finding {
  const name = 'helper file';
  if (!existsSync(path)) return missing(name, `not at ${path}`, 'install the flowglass package');
  const options = mountOptions(path);
  if (options.includes('noexec')) return missing(name, `${path} is on a file system mounted noexec: nothing there can be started`, `mount -o remount,exec ${dirname(path)}, or install elsewhere`); // prettier-ignore
  if (path !== INSTALLED_HELPER) return fine(name, path);
  if (options.includes('nosuid')) return limited(name, `${path} is on a file system mounted nosuid: its capabilities do not count`, 'mount that file system without nosuid, or use sudo'); // prettier-ignore
  const capabilities = fileCapabilities(path);
  if (capabilities !== null && !/cap_bpf/.test(capabilities))
    return limited(name, `${path} has no capabilities`, `sudo setcap cap_bpf,cap_perfmon,cap_net_admin=p ${path}`);
  return fine(name, capabilities === null || capabilities === '' ? path : capabilities);
}

function passwords(): Finding {
  const name = 'password prompt';
  if (programPath('pkexec', `${process.env['PATH'] ?? ''}:/usr/bin`) === null)
    return limited(name, 'polkit (pkexec) is not installed', 'install the package pkexec (older: policykit-1), or join the group flowglass'); // prettier-ignore
  if (!existsSync(POLICY)) return limited(name, `polkit does not know our action (${POLICY})`, 'install the flowglass package'); // prettier-ignore
  return fine(name, 'pkexec, with our own action');
}

/** Version of the C library; null where it is another one (musl). */
function glibc(): readonly [number, number] | null {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const match = /^(\d+)\.(\d+)/.exec(report?.header?.glibcVersionRuntime ?? '');
  return match ? [Number(match[1]), Number(match[2])] : null;
}

/** What the desktop app needs of the C library. */
export function libraryFinding(version: readonly [number, number] | null): Finding {
  const name = 'C library';
  const needs = `the desktop app needs glibc ${GLIBC.join('.')} or newer`;
  if (version === null) return limited(name, `not glibc: ${needs}`, 'commands and flowglass serve work');
  const old = version[0] < GLIBC[0] || (version[0] === GLIBC[0] && version[1] < GLIBC[1]);
  return old ? limited(name, `glibc ${version.join('.')}: ${needs}`, 'commands and flowglass serve work') : fine(name, `glibc ${version.join('.')}`); // prettier-ignore
}

function confinement(): Finding | null {
  const lockdown = /\[(\w+)\]/.exec(readText('/sys/kernel/security/lockdown'))?.[1] ?? 'none';
  if (lockdown === 'confidentiality') return missing('lockdown', 'the kernel is locked down (confidentiality): programs may not read its memory', 'boot without lockdown=confidentiality'); // prettier-ignore
  if (readText('/sys/fs/selinux/enforce') === '1') return limited('SELinux', 'enforcing', 'if capturing is refused although all else is right: ausearch -m avc -c flowglass-helper says why'); // prettier-ignore
  if (readText('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1' && !existsSync('/etc/apparmor.d/flowglass')) return limited('AppArmor', 'lets only programs with a profile make a sandbox, and Flowglass has none', 'install the deb, which brings the profile; flowglass serve works without'); // prettier-ignore
  return null;
}

/** Settings and recordings of this user: can they be written, and is there room. */
function home(): Finding {
  const name = 'home';
  const folder = process.env['FLOWGLASS_RECORDINGS'] || join(homedir(), 'Flowglass');
  const place = existsSync(folder) ? folder : dirname(folder);
  try {
    accessSync(place, constants.W_OK);
    const { bavail, bsize } = statfsSync(place);
    const room = bavail * bsize;
    if (room < ROOM_BYTES) return limited(name, `${Math.floor(room / 1e6)} MB are free at ${place}`, 'make room, or set FLOWGLASS_RECORDINGS to another folder'); // prettier-ignore
    return fine(name, `recordings go to ${folder}`);
  } catch {
    return limited(name, `${place} cannot be written: recordings made in the app and settings are not kept`, 'set FLOWGLASS_RECORDINGS to a folder that can be written'); // prettier-ignore
  }
}

/** What is known of this installation before the helper itself is asked. */
export interface Installation {
  readonly helper: string;
  /** Only polkit's password starts the helper. */
  readonly asksPassword: boolean;
  readonly findings: readonly Finding[];
}

/** Looks at this installation. Changes nothing. */
export function lookAtInstallation(): Installation {
  const rung = findRung();
  const found = [privilege(rung), helperFile(rung.helper), passwords(), libraryFinding(glibc()), home(), confinement()];
  const findings = found.filter((finding) => finding !== null);
  return { helper: rung.helper, asksPassword: rung.kind === 'pkexec', findings };
}
