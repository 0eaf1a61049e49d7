// The Debian packages that building and testing need; installs them when we may.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findClang, which, BuildError } from './tools.mjs';

// Each entry: what it is for, and package names, of which the first that this distribution has is taken.
const BUILD = [['clang-19', 'clang-20', 'clang-21', 'clang'], ['bpftool', 'linux-tools-generic'], ['libbpf-dev'], ['libelf-dev'], ['zlib1g-dev'], ['gcc'], ['libc6-dev'], ['binutils']]; // prettier-ignore
const TEST = [['tshark'], ['tcpdump'], ['iproute2'], ['nftables'], ['iputils-ping'], ['qemu-system-x86'], ['busybox-static'], ['cpio'], ['e2fsprogs'], ['chromium'], ['ethtool'], ['libcap2-bin'], ['util-linux'], ['iperf3'], ['python3'], ['nginx-light', 'nginx'], ['dnsmasq-base'], ['bind9-dnsutils', 'dnsutils'], ['curl'], ['redis-tools'], ['mariadb-server-core'], ['openssl'], ['prometheus'], ['openssh-server'], ['openssh-client'], ['sudo'], ['rsyslog'], ['lintian'], ['rpm'], ['squashfs-tools'], ['desktop-file-utils'], ['appstream'], ['man-db'], ['polkitd', 'policykit-1'], ['pkexec', 'policykit-1'], ['dbus'], ['gcc-aarch64-linux-gnu'], ['qemu-user'], ['xz-utils'], ['libnotify-bin'], ['python3-dbus'], ['python3-gi'], ['zsh'], ['fish']]; // prettier-ignore
// Services that come with them. The tests run programs of their own, in network namespaces: what was not here before shall
// not begin to serve because of us.
const SERVICES = { prometheus: ['prometheus.service'], 'openssh-server': ['ssh.service', 'ssh.socket'], rsyslog: ['rsyslog.service', 'syslog.socket'], 'nginx-light': ['nginx.service'], nginx: ['nginx.service'] }; // prettier-ignore

function installed(name) {
  const result = spawnSync('dpkg-query', ['-W', '-f=${db:Status-Status}', name], { encoding: 'utf8' });
  return result.status === 0 && result.stdout.trim() === 'installed';
}

function candidate(name) {
  const result = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  return /Candidate: (?!\(none\))/.test(result.stdout ?? '');
}

function satisfied(names) {
  if (names[0].startsWith('clang')) return findClang() !== null;
  if (names[0] === 'bpftool') return which('bpftool') !== null;
  return names.some(installed);
}

/** Package names (one for each need) that are not there: needed for building, needed for tests only. */
export function missingPackages() {
  const missing = (needs) => needs.filter((names) => !satisfied(names));
  return { build: missing(BUILD), test: missing(TEST) };
}

/** What to install: the first name of each need that the package lists know; unknown test packages are left out and named. */
function choose({ build, test }) {
  const pick = (names) => names.find(candidate);
  const chosen = [...build.map((names) => pick(names) ?? names[0])];
  const absent = [];
  for (const names of test) {
    const name = pick(names);
    if (name === undefined) absent.push(names[0]);
    else chosen.push(name);
  }
  return { chosen, absent };
}

/**
 * Makes sure of the packages. As root installs what is missing; else throws the one command to run.
 * `needTests` false (continuous builds of the product alone): only what the build needs.
 */
export function ensurePackages({ needTests = true } = {}) {
  const missing = missingPackages();
  if (!needTests) missing.test = [];
  if (missing.build.length + missing.test.length === 0) return;
  if (which('apt-get') === null || which('dpkg-query') === null) {
    const names = [...missing.build, ...missing.test].map((names) => names[0]).join(' ');
    throw new BuildError(`this is not Debian or Ubuntu; install what they call: ${names}`);
  }
  const root = process.getuid?.() === 0;
  if (!root) {
    const { chosen, absent } = choose(missing);
    if (chosen.length === 0) return;
    throw new BuildError(
      `packages are missing; run this once, then again npm run build:\n` +
        `  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${chosen.join(' ')}` +
        (absent.length === 0
          ? ''
          : `\n(not in this distribution, tests that need them are left out: ${absent.join(' ')})`),
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => spawnSync('apt-get', ['-q', ...args], { env, stdio: ['ignore', 2, 2] }).status === 0;
  apt('update'); // a list that cannot be refreshed may still be good enough
  const { chosen, absent } = choose(missing);
  if (absent.length > 0)
    process.stderr.write(`not in this distribution, tests that need them are left out: ${absent.join(' ')}\n`);
  if (chosen.length === 0) return;
  process.stderr.write(`installing ${chosen.join(' ')}\n`);
  if (!apt('install', '-y', '--no-install-recommends', ...chosen)) {
    throw new BuildError(`apt-get could not install ${chosen.join(' ')}; its messages are above`);
  }
  const services = chosen.flatMap((name) => SERVICES[name] ?? []);
  if (services.length > 0 && existsSync('/run/systemd/system'))
    spawnSync('systemctl', ['disable', '--now', ...services], { stdio: ['ignore', 2, 2] });
}
