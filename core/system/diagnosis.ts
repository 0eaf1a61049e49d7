import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { z } from 'zod';
import { errnoText, printable } from '../errors.ts';
import { cgroup2Mount, kernelAtLeast } from './kernel.ts';
import { listInterfaces } from './interfaces.ts';

/** One thing that was looked at: it works, it works with less, or it does not. */
export interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'limited' | 'missing';
  readonly detail: string;
  /** What to do about it; null when it is fine, or nothing can be done. */
  readonly hint: string | null;
}

/** Everything `doctor` found. */
export interface Diagnosis {
  /** Recording works for this user, here and now. */
  readonly capture: boolean;
  readonly findings: readonly Finding[];
  /** Of the kernel programs: what each brings, and whether this kernel takes it. Null when the helper could not look. */
  readonly features: readonly Finding[] | null;
}

/** What `flowglass-helper --probe` prints. */
const probeReport = z.object({
  version: z.string(),
  abi: z.number(),
  kernel: z.string(),
  capabilities: z.array(z.string()),
  btf: z.boolean(),
  cgroup: z.boolean(),
  loaded: z.boolean(),
  failure: z.string().nullable(),
  features: z.record(z.string(), z.boolean()),
  refused: z.array(z.object({ program: z.string(), reason: z.string() })),
  absent: z.array(z.string()),
});

type Probe = z.infer<typeof probeReport>;

/** Feature → what it brings, and since when kernels have it. */
const FEATURES: Readonly<Record<string, readonly [string, string]>> = {
  tcx: ['attach beside other programs, ended by the kernel with the helper', '6.6; older kernels use clsact'],
  xdp: ['see packets first, on drivers that have it', '5.18 for frames in several buffers'],
  'socket-states': ['TCP states with their times', '5.5 with BTF'],
  'cgroup-sock': ['owner of a socket from its first moment', 'a cgroup2 mount that the helper can open'],
  'send-recv': ['owner of accepted and handed-on sockets', '6.3'],
  'tcp-probe': ['the RTT that the kernel measured itself', '5.5 with BTF'],
  retransmit: ['retransmits of local sockets', '5.5 with BTF'],
  resets: ['resets sent and received', '5.5 with BTF'],
  drops: ['packets that the kernel dropped, and why', '5.17'],
  processes: ['names and command lines of processes that live shortly', '5.5 with BTF'],
  iterators: ['connections and processes from before the start', '5.11'],
  'exe-path': ['full path of executables', '5.18'],
  'udp-fail': ['UDP packets lost because a receive buffer was full', '5.5 with BTF'],
  'socket-errors': ['errors that were reported to a socket', '5.17'],
  conntrack: ['what a connection is before and after NAT', 'nf_conntrack with netlink, and CAP_NET_ADMIN'],
  accept: ['owner at accept (--accept-tracing, costs every system call)', '5.5 with BTF'],
};

function probe(helperPath: string): Promise<{ report: Probe | null; failure: string }> {
  return new Promise((resolve) => {
    execFile(helperPath, ['--probe'], { timeout: 60_000, maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      try {
        resolve({ report: probeReport.parse(JSON.parse(stdout)), failure: '' });
      } catch {
        const said = stderr.trim().split('\n').at(-1) ?? '';
        const why =
          said !== ''
            ? said.replace(/^flowglass-helper: /, '')
            : error === null
              ? 'unreadable answer'
              : errnoText(error);
        resolve({ report: null, failure: printable(why) });
      }
    });
  });
}

function kernelFindings(): Finding[] {
  const kernel = release();
  const modern = kernelAtLeast(5, 15);
  const btf = existsSync('/sys/kernel/btf/vmlinux');
  const cgroup = cgroup2Mount();
  return [
    {
      name: 'kernel',
      status: kernelAtLeast(6, 6) ? 'ok' : modern ? 'limited' : 'missing',
      detail: kernel,
      hint: kernelAtLeast(6, 6)
        ? null
        : modern
          ? 'everything works; 6.6 and newer attach more lightly (tcx)'
          : 'use Linux 5.15 or newer (tested from 6.1)',
    },
    {
      name: 'BTF',
      status: btf ? 'ok' : 'missing',
      detail: btf ? '/sys/kernel/btf/vmlinux' : 'this kernel does not describe its types',
      hint: btf ? null : 'use a kernel built with CONFIG_DEBUG_INFO_BTF=y (those of Debian, Ubuntu and Fedora are)',
    },
    {
      name: 'cgroup2',
      status: cgroup === null ? 'limited' : 'ok',
      detail: cgroup ?? 'not mounted',
      hint:
        cgroup === null
          ? 'mount -t cgroup2 none /sys/fs/cgroup/unified: without it, owners of sockets are known later'
          : null,
    },
  ];
}

/** Private directories of helpers' sockets whose session has ended without tidying up. */
function leftoverFinding(): Finding {
  const bases = [...new Set([process.env['XDG_RUNTIME_DIR'] ?? '', tmpdir()])].filter((base) => base !== '');
  const found = bases.flatMap((base) => {
    try {
      return readdirSync(base).flatMap((entry) => {
        const path = `${base}/${entry}`;
        // A session removes its directory as soon as the helper has connected: one older than a minute is left over.
        if (!/^flowglass-[A-Za-z0-9]{6}$/.test(entry) || !existsSync(`${path}/socket`)) return [];
        return Date.now() - statSync(path).mtimeMs > 60_000 ? [path] : [];
      });
    } catch {
      return [];
    }
  });
  if (found.length === 0) return { name: 'leftovers', status: 'ok', detail: 'none', hint: null };
  return { name: 'leftovers', status: 'limited', detail: found.join(', '), hint: `rm -r ${found.join(' ')}` };
}

/** First of the handles that our clsact filters have (helper/clsact.c); the helper that uses one holds a socket's name. */
const CLSACT_HANDLE = 0xf1090001;

/** Handles of ours that a living helper of this network namespace holds. */
function heldHandles(): Set<number> {
  try {
    const names = readFileSync('/proc/net/unix', 'utf8').matchAll(/@flowglass-clsact-(\d+)/g);
    return new Set([...names].map(([, number]) => CLSACT_HANDLE + Number(number)));
  } catch {
    return new Set();
  }
}

/** Filters of ours on interfaces: only clsact outlives a killed helper. */
async function clsactFinding(): Promise<Finding | null> {
  if (process.getuid?.() !== 0) return null;
  const tc = (args: string[]): Promise<string> =>
    new Promise((resolve) => {
      const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
      execFile('tc', args, { timeout: 5000, env }, (_, stdout) => resolve(stdout));
    });
  const handles = heldHandles();
  const [held, left]: [Set<string>, Set<string>] = [new Set(), new Set()];
  for (const { name } of listInterfaces()) {
    const text =
      (await tc(['filter', 'show', 'dev', name, 'ingress'])) + (await tc(['filter', 'show', 'dev', name, 'egress']));
    for (const [, handle] of text.matchAll(/handle (0x[0-9a-f]+) fg_(?:ingress|egress)\b/g)) {
      (handles.has(Number(handle)) ? held : left).add(name);
    }
  }
  const name = 'clsact filters';
  if (left.size > 0) {
    const detail = `left behind by a killed helper on ${[...left].join(', ')}`;
    return { name, status: 'limited', detail, hint: 'the next recording in this network namespace removes them' };
  }
  const detail = held.size === 0 ? 'none of ours' : `held by a running recording on ${[...held].join(', ')}`;
  return { name, status: 'ok', detail, hint: null };
}

function featureFindings(report: Probe): Finding[] {
  return Object.entries(report.features).map(([name, present]) => {
    const [what, since] = FEATURES[name] ?? [name, ''];
    return { name, status: present ? 'ok' : 'limited', detail: what, hint: present ? null : `needs ${since}` };
  });
}

/** Whether the kernel took the programs from the helper, as it said itself. */
function helperFinding(path: string, asksPassword: boolean, report: Probe | null, failure: string): Finding {
  const name = 'helper';
  if (report?.loaded === true) return { name, status: 'ok', detail: `${path}, version ${report.version}`, hint: null };
  if (asksPassword)
    return { name, status: 'limited', detail: 'not asked: it would need a password', hint: 'run this with sudo to see what the kernel gives' }; // prettier-ignore
  const detail = printable(report?.failure ?? failure);
  if (!existsSync(path)) return { name, status: 'missing', detail, hint: 'run npm run build, or install the flowglass package' }; // prettier-ignore
  const root = process.getuid?.() === 0;
  return { name, status: 'missing', detail, hint: root ? null : 'run this with sudo to see whether only privilege is missing' }; // prettier-ignore
}

/** Looks at everything that decides what works here. Changes nothing; the helper attaches to no interface. */
export async function diagnose(
  helperPath: string,
  asksPassword: boolean,
  others: readonly Finding[],
): Promise<Diagnosis> {
  const findings = [...kernelFindings(), ...others];
  const { report, failure } = asksPassword ? { report: null, failure: '' } : await probe(helperPath);
  const loaded = report?.loaded === true;
  findings.push(helperFinding(helperPath, asksPassword, report, failure));
  if (loaded && report.refused.length > 0) {
    const list = report.refused.map(({ program, reason }) => `${program} (${reason})`).join('; ');
    findings.push({
      name: 'refused programs',
      status: 'limited',
      detail: printable(list),
      hint: 'report this with the kernel release',
    });
  }
  const clsact = await clsactFinding();
  findings.push(leftoverFinding(), ...(clsact === null ? [] : [clsact]));
  return {
    capture: loaded || asksPassword,
    findings,
    features: report === null || !loaded ? null : featureFindings(report),
  };
}
