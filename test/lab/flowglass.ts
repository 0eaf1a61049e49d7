import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { REDUCERS } from '../../core/engine/replay-source.ts';
import { GAP_INTERFACE, type Gap, type Reducer } from '../../core/flow/reducer.ts';
import { Session } from '../../core/session/reader.ts';
import { Child, type Outcome } from './child.ts';
import type { Host } from './host.ts';
import type { Lab } from './lab.ts';
import { CHECKOUT } from './programs.ts';

/** The command as users run it in a checkout. */
export const COMMAND = join(CHECKOUT, 'cli/flowglass.mjs');

export type Rung = 'tcx' | 'clsact' | 'xdp' | 'xdp-generic';
export const RUNGS: readonly Rung[] = ['tcx', 'clsact', 'xdp', 'xdp-generic'];

export interface Counters {
  packets: number;
  bytes: number;
  payloadBytes: number;
  frames: number;
  frameBytes: number;
}

export interface Samples {
  n: number;
  minUs: number;
  meanUs: number;
  p50Us: number;
  p90Us: number;
  p99Us: number;
  maxUs: number;
  deviationUs: number;
  jitterUs: number | null;
}

export interface Where {
  network: Samples | null;
  networkUnknown: string | null;
  clientQueue: Samples | null;
  clientApplication: Samples | null;
  clientUnknown: string | null;
  serverQueue: Samples | null;
  serverApplication: Samples | null;
  serverUnknown: string | null;
  peerMeanUs: number | null;
  peerUnknown: string | null;
}

export interface Process {
  pid: number;
  name: string | null;
  exe: string | null;
  commandLine: string | null;
  uid: number | null;
  started: string | null;
  parentPid: number | null;
  netns: number | null;
  source: string;
}

export interface Endpoint {
  address: string;
  port: number | null;
  name: string | null;
}

/** One flow of `summary --json`, as documented for other programs. */
export interface Flow {
  id: string;
  protocol: string;
  family: number;
  interface: string;
  path: string[];
  client: Endpoint;
  server: Endpoint;
  roles: string;
  clientProcess: Process | null;
  clientProcessUnknown: string | null;
  serverProcess: Process | null;
  serverProcessUnknown: string | null;
  owners: { at: string; side: string; process: Process; source: string }[];
  started: string;
  ended: string | null;
  state: string;
  end: string | null;
  states: { at: string; from: string | null; to: string }[] | null;
  sent: Counters;
  received: Counters;
  latency: {
    connectUs: number | null;
    rtt: Samples | null;
    response: Samples | null;
    dns: Samples | null;
    tls: Samples | null;
    http: Samples | null;
    where: Where;
  };
  retransmits: number;
  sentRetransmits: number;
  receivedRetransmits: number;
  sentTimeouts: number | null;
  receivedTimeouts: number | null;
  sentOutOfOrder: number | null;
  receivedOutOfOrder: number | null;
  sentDuplicateAcks: number | null;
  receivedDuplicateAcks: number | null;
  segments: { sent: Record<string, number>; received: Record<string, number> } | null;
  resets: number;
  sentResets: number;
  receivedResets: number;
  zeroWindows: number;
  drops: { reason: string; count: number }[];
}

export interface Summary {
  session: {
    started: string;
    durationNs: number;
    host: string | null;
    application: string;
    interfaces: {
      name: string;
      index: number | null;
      linkType: number;
      netns: number | null;
      attach: { ingress: string | null; egress: string | null } | null;
    }[];
    packets: number;
    bytes: number;
    frames: number;
    frameBytes: number;
    captured: { packets: number; bytes: number; wirePackets: number };
    lost: { events: number; packets: number; flowPackets: number };
    duplicates: { packets: number; bytes: number; frames: number; frameBytes: number };
    filtered: number;
    late: number;
    unparsed: Record<string, number>;
    truncated: boolean;
  };
  flows: Flow[];
}

/** The command, running. */
export function flowglass(args: readonly (string | number)[], timeoutMs = 60_000, env = process.env): Child {
  if (!existsSync(join(CHECKOUT, 'dist/cli'))) throw new Error('not built: run npm run build first');
  return new Child(process.execPath, [COMMAND, ...args.map(String)], { timeoutMs, env });
}

/** The command, run to its end. */
export function runFlowglass(args: readonly (string | number)[], timeoutMs = 60_000): Promise<Outcome> {
  return flowglass(args, timeoutMs).done;
}

/** A running `flowglass record`. */
export class Recorder {
  readonly child: Child;
  readonly file: string;

  constructor(child: Child, file: string) {
    this.child = child;
    this.file = file;
  }

  /** Ends it as Ctrl-C does and returns what its file says; throws unless it exits 0 without a complaint. */
  async finish(): Promise<Summary> {
    const { status, stderr } = await this.child.stop('SIGINT', 15_000);
    if (status !== 0) throw new Error(`record exited with ${status}: ${stderr}`);
    return summarize(this.file);
  }
}

/** Starts recording in a host; settles once the programs are attached and counting. */
export async function record(
  lab: Lab,
  host: Host,
  file: string,
  options: readonly (string | number)[] = [],
): Promise<Recorder> {
  const source = options.includes('-i') || options.includes('--all') ? [] : ['-i', 'veth0'];
  const given = options.indexOf('--duration');
  const seconds = given < 0 ? 300 : Number(options[given + 1]);
  const duration = given < 0 ? ['--duration', seconds] : [];
  const args = ['record', '--netns', host.path, ...source, '-w', file, ...duration, ...options];
  const child = lab.care(flowglass(args, (seconds + 30) * 1000));
  await child.until('recording', (c) => /^flowglass: recording/m.test(c.stderr));
  return new Recorder(child, file);
}

/** `flowglass summary FILE --json`. */
export async function summarize(file: string): Promise<Summary> {
  const { status, stdout, stderr } = await runFlowglass(['summary', file, '--json']);
  if (status !== 0) throw new Error(`summary exited with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

/** The state at the end of a session, as the app reads it. */
export async function replayed(file: string): Promise<Reducer> {
  const session = await Session.open(file);
  if (session === null) throw new Error(`${file} is no session of ours`);
  try {
    return (await session.replay(REDUCERS, session.toNs)).reducer;
  } finally {
    await session.close();
  }
}

/** Times in which an interface that is watched was away. */
export const interfaceGaps = (reducer: Reducer): Gap[] => reducer.gaps.filter(({ stream }) => stream === GAP_INTERFACE);

/** The flow of one connection, by its client's port; throws unless there is exactly one. */
export function flowOf(summary: Summary, clientPort: unknown, protocol = 'tcp'): Flow {
  const found = summary.flows.filter((flow) => flow.protocol === protocol && flow.client.port === clientPort);
  if (found.length !== 1 || found[0] === undefined) {
    throw new Error(
      `${found.length} ${protocol} flows of client port ${String(clientPort)} among ${summary.flows.length}: ` +
        summary.flows
          .map((f) => `${f.protocol} ${f.client.address}:${f.client.port}→${f.server.address}:${f.server.port}`)
          .join(', '),
    );
  }
  return found[0];
}

/** Sum of one counter over both directions of all flows. */
export function totalOf(summary: Summary, counter: keyof Counters): number {
  return summary.flows.reduce((sum, flow) => sum + flow.sent[counter] + flow.received[counter], 0);
}
