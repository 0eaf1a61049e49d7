import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKOUT, labProgram } from '../lab/programs.ts';
import { copyProgram } from './machine.ts';

/** Folders of the packages that the product needs at run time, as the lock file lists them. */
function runtimePackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.keys(packages).filter((path) => path !== '' && packages[path]?.dev !== true);
}

/**
 * A directory for the machine's /d: node, tcpdump and ping with their libraries, the built product (dist, cli and what it
 * requires at run time), and the laboratory's programs. The caller removes it.
 */
export function shareDirectory(): string {
  const share = mkdtempSync(join(tmpdir(), 'flowglass-share-'));
  try {
    for (const program of [process.execPath, 'tcpdump', 'ping']) copyProgram(program, share, 'bin');
    const product = join(share, 'flowglass');
    mkdirSync(product);
    copyFileSync(join(CHECKOUT, 'package.json'), join(product, 'package.json'));
    for (const part of [
      'cli',
      'dist/cli',
      'dist/core',
      'dist/bpf',
      'dist/helper',
      'dist/package.json',
      ...runtimePackages(),
    ]) {
      const from = join(CHECKOUT, part);
      if (existsSync(from)) cpSync(from, join(product, part), { recursive: true, dereference: true });
    }
    for (const name of ['server', 'client'] as const) copyFileSync(labProgram(name), join(share, 'bin', `lab-${name}`));
    return share;
  } catch (error) {
    rmSync(share, { recursive: true, force: true });
    throw error;
  }
}

/** Shell prologue: libraries of the share, two namespaces a and b joined by va and vb, and `on NAMESPACE PROGRAM…`. */
export const PROLOGUE = `
export PATH=/d/bin:$PATH LD_LIBRARY_PATH=/d/lib/x86_64-linux-gnu:/d/lib64
for l in /d/lib64/*; do [ -e /lib64/\${l##*/} ] || { mkdir -p /lib64; cp $l /lib64/; }; done
on() { ns=$1; shift; nsenter --net=/run/netns/$ns "$@"; }
ip netns add a; ip netns add b
ip -n a link set lo up; ip -n b link set lo up
# quiet by themselves: no duplicate address detection, no router solicitations, group reports at once instead of later
for n in a b; do on $n sh -c '
  echo 0 > /proc/sys/net/ipv4/tcp_early_retrans # no tail loss probes: a slow machine would add retransmissions
  for f in default all; do
    cd /proc/sys/net/ipv6/conf/$f
    echo 0 > accept_dad; echo 0 > router_solicitations
    echo 1 > mldv1_unsolicited_report_interval; echo 1 > mldv2_unsolicited_report_interval
  done'
done
ip link add va netns a type veth peer name vb netns b
ip -n a link set va addrgenmode none; ip -n b link set vb addrgenmode none
ip -n a addr add 10.1.0.1/24 dev va; ip -n b addr add 10.1.0.2/24 dev vb
ip -n a addr add fd01::1/64 dev va nodad; ip -n b addr add fd01::2/64 dev vb nodad
ip -n a link set va up; ip -n b link set vb up
mac() { ip -n $1 link show dev $2 | sed -n 's/.*ether \\([0-9a-f:]*\\).*/\\1/p'; }
for x in 10.1.0.2 fd01::2; do ip -n a neigh replace $x lladdr $(mac b vb) nud permanent dev va; done
for x in 10.1.0.1 fd01::1; do ip -n b neigh replace $x lladdr $(mac a va) nud permanent dev vb; done
# record FILE OPTION...: a recorder in namespace a, counting already when this returns; stop_recording ends it
record() {
  file=$1; shift
  node /d/flowglass/cli/flowglass.mjs record --netns /run/netns/a -i va -w $file --duration 10m "$@" 2> $file.log & recorder=$!
  n=0; until grep -q '^flowglass: recording' $file.log; do
    n=$((n+1)); kill -0 $recorder 2>/dev/null || { cat $file.log; exit 10; }; [ $n -lt 600 ] || { cat $file.log; exit 11; }; sleep 0.2
  done
}
stop_recording() { kill -TERM $recorder; wait $recorder; status=$?; cat $file.log; [ $status = 0 ] || exit 12; }
`;
