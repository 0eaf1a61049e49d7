import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { FLOW_EGRESS_HI, FLOW_EGRESS_LO, FLOW_FIN_HI, FLOW_FIN_LO, GAP_SUSPENDED } from '../abi/generated.ts';
import { findingWords } from '../contract/findings.ts';
import type { DescribedFinding } from '../engine/finding-facts.ts';
import { TimelineObserver } from '../engine/observer.ts';
import { ReplaySource } from '../engine/replay-source.ts';
import { foldFlows } from '../flow/fold.ts';
import { keyBytes, type Key } from '../flow/frames.testkit.ts';
import { FlowModel, METRIC_RESPONSE, METRIC_RTT, ROLES_SYN } from '../flow/model.ts';

const DEMO = new URL('../../docs/demo.pcapng', import.meta.url).pathname;
const S = 1e9;

/** A model with flows from 10.0.0.1 to port 80 of 10.0.0.2, told what happens as a tracker or reducer would. */
class Session {
  readonly model = new FlowModel();
  readonly observer = new TimelineObserver(this.model);
  readonly at = (ns: number): void => {
    this.model.nowNs = Math.max(this.model.nowNs, ns);
    this.observer.settle();
  };

  flow(key: Key = {}, flags = 0): number {
    const flow = this.model.begin(keyBytes(key), 0, 1, this.model.nowNs);
    this.model.setClient(flow, 0, ROLES_SYN);
    this.model.flows.flags.data[flow] = this.model.flows.flags.data[flow]! | flags;
    this.model.addPacket(flow, 0, 1, 100, 40, 1, 100, this.model.nowNs);
    return flow;
  }
  /** `n` samples of a metric in each second of a span. */
  samples(flow: number, metric: number, valueNs: number, fromS: number, toS: number, n = 4): void {
    for (let i = 0; i < (toS - fromS) * n; i++) {
      const atNs = fromS * S + (i * S) / n;
      this.at(atNs);
      this.model.sample(flow, metric, valueNs * (1 + (i % 5) / 50), atNs);
    }
  }
  found(): DescribedFinding[] {
    return this.observer.findings.rows([], this.model.nowNs);
  }
}
const words = (finding: DescribedFinding | undefined): string =>
  finding
    ? Object.values(findingWords(finding, { latency: (us) => `${Math.round(us / 1000)} ms`, count: String })).join(
        ' · ',
      )
    : '';

describe('findings', () => {
  it('say the same of flows that were folded, and go on counting those that are left', () => {
    const session = new Session();
    const { model, observer } = session;
    const gone = session.flow({ loPort: 1 });
    session.at(1 * S);
    model.countRetransmits(gone, 0, 9);
    model.sample(gone, METRIC_RESPONSE, 3e6, 1 * S);
    model.end(gone, 'fin', 2 * S);
    model.flows.flags.data[gone] = model.flows.flags.data[gone]! | FLOW_FIN_LO | FLOW_FIN_HI;
    const [before] = session.found();
    session.at(100 * S);
    const stays = session.flow({ loPort: 2, hi: '10.0.0.9' });
    const other = session.flow({ loPort: 3, hi: '10.0.0.9' });
    expect(foldFlows(model, 2)).not.toBeNull();
    expect([model.flows.rowOf(gone), model.flows.rowOf(stays), model.flows.rowOf(other)]).toEqual([-1, 0, 1]);
    expect(session.found()).toEqual([{ ...before, active: false }]);
    model.countRetransmits(model.flows.rowOf(other), 0, 9);
    const [newer, older] = session.found();
    expect(newer).toMatchObject({ subject: '10.0.0.9:80', flowList: [other] });
    expect(older).toMatchObject({ subject: '10.0.0.2:80', flowList: [gone] });
    // The timeline still has it, for the past.
    expect([observer.store.activeIn(gone, 0, 2 * S), observer.store.activeIn(other, 0, 2 * S)]).toEqual([true, false]);
    expect(observer.store.marks.map(({ flow }) => flow)).toEqual([gone, other]);
  });

  it('begin by their rule, go on while renewed, and are the same one again within two minutes', () => {
    const session = new Session();
    const flow = session.flow();
    const again = (atS: number, n: number): void => {
      session.at(atS * S);
      session.model.countRetransmits(flow, 0, n);
    };
    again(1, 2);
    again(20, 2);
    again(22, 2);
    expect(session.found()).toEqual([]);
    again(23, 1);
    expect(session.found()).toMatchObject([
      {
        kind: 'retransmits',
        subject: '10.0.0.2:80',
        sinceNs: 20 * S,
        untilNs: 23 * S,
        count: 5,
        flowList: [flow],
        active: true,
      },
    ]);
    again(40, 1);
    expect(session.found()).toMatchObject([{ count: 6, untilNs: 40 * S }]);
    session.at(71 * S);
    expect(session.found()).toMatchObject([{ active: false }]);
    again(100, 6);
    expect(session.found()).toMatchObject([{ sinceNs: 20 * S, count: 12, active: true }]);
    again(400, 6);
    expect(session.found().map(({ sinceNs, count }) => [sinceNs / S, count])).toEqual([
      [400, 6],
      [20, 12],
    ]);
    expect(words(session.found()[1])).toBe(
      'Packets to or from 10.0.0.2:80 were lost · 12 segments were sent again on 1 connection.',
    );
  });

  it('a round trip that rises is one finding, from the window in which it rose, and not two where it wavers', () => {
    const session = new Session();
    const flow = session.flow();
    session.samples(flow, METRIC_RTT, 4e6, 0, 60);
    expect(session.found()).toEqual([]);
    session.samples(flow, METRIC_RTT, 40e6, 60, 80);
    session.samples(flow, METRIC_RTT, 5e6, 80, 84);
    session.samples(flow, METRIC_RTT, 40e6, 84, 100);
    session.samples(flow, METRIC_RTT, 4e6, 100, 140);
    const [finding, ...more] = session.found();
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ kind: 'rising-rtt', sinceNs: 60 * S, untilNs: 100 * S, flowList: [flow] });
    expect(finding!.usualUs / 4000).toBeCloseTo(1, 0);
    expect(finding!.nowUs).toBeGreaterThan(38_000);
    expect(finding!.nowUs).toBeLessThan(46_000);
  });

  it('one slow window, a small rise, and a level that was always high are none', () => {
    const session = new Session();
    const [short, small, high] = [session.flow(), session.flow({ hiPort: 81 }), session.flow({ hiPort: 82 })];
    session.samples(high, METRIC_RTT, 300e6, 0, 90, 2);
    session.samples(short, METRIC_RTT, 4e6, 0, 60);
    session.samples(short, METRIC_RTT, 90e6, 60, 65);
    session.samples(short, METRIC_RTT, 4e6, 65, 90);
    session.samples(small, METRIC_RTT, 0.1e6, 0, 60);
    session.samples(small, METRIC_RTT, 0.9e6, 60, 90);
    expect(session.found()).toEqual([]);
  });

  it('slow answers are measured: what they took longer than usual, and those over a second without any comparison', () => {
    const session = new Session();
    const flow = session.flow();
    session.samples(flow, METRIC_RESPONSE, 10e6, 0, 60);
    session.samples(flow, METRIC_RESPONSE, 210e6, 60, 90);
    session.samples(flow, METRIC_RESPONSE, 10e6, 90, 120);
    const slow = session.flow({ hiPort: 81 });
    session.samples(slow, METRIC_RESPONSE, 1.5e9, 120, 140, 1);
    session.at(140 * S);
    session.observer.finish();
    const [second, first] = session.found();
    expect(first).toMatchObject({ kind: 'slow-answers', sinceNs: 60 * S, count: 120, measured: true, active: false });
    expect(first!.waitedNs / S / (120 * 0.208)).toBeCloseTo(1, 1);
    expect(second).toMatchObject({ subject: '10.0.0.2:81', usualUs: NaN, active: true });
    expect(words(second)).toMatch(/^10.0.0.2:81 answers slowly · The median response was 1\d\d\d ms: \d+ slow answers/);
  });

  it('a process that reads late: what waited in our kernel, against what is usual', () => {
    const session = new Session();
    const flow = session.flow({}, FLOW_EGRESS_LO);
    const reads = (valueNs: number, fromS: number, toS: number): void => {
      for (let at = fromS; at < toS; at += 0.5) {
        session.at(at * S);
        session.observer.read(flow, valueNs, at * S, 0);
      }
    };
    reads(0.1e6, 0, 30);
    expect(session.found()).toEqual([]);
    reads(60e6, 30, 50);
    reads(0.1e6, 50, 70);
    expect(session.found()).toMatchObject([
      { kind: 'slow-reads', subject: '10.0.0.2:80', sinceNs: 30 * S, untilNs: 50 * S, measured: true, count: 40 },
    ]);
  });

  it('tell who stopped reading: a local process, or the peer', () => {
    const session = new Session();
    const here = session.flow({}, FLOW_EGRESS_LO);
    session.at(5 * S);
    for (let i = 0; i < 3; i++) session.model.countZeroWindow(here, 0);
    const there = session.flow({ hiPort: 81 }, FLOW_EGRESS_LO);
    for (let i = 0; i < 3; i++) session.model.countZeroWindow(there, 1);
    expect(session.found().map(({ kind, subject }) => [kind, subject])).toEqual([
      ['slow-reader', '10.0.0.2:80'],
      ['peer-stopped-reading', '10.0.0.2:81'],
    ]);
  });

  it('name kernel drops by reason, a full accept queue and a full receive buffer by what they mean', () => {
    const session = new Session();
    const flow = session.flow({}, FLOW_EGRESS_HI);
    const { model } = session;
    ['TCP_OFO_QUEUE', 'TCP_LISTEN_OVERFLOW', 'SOCKET_RCVBUFF', 'NO_SOCKET'].forEach((name, i) =>
      model.setReason(i + 1, model.strings.intern(new TextEncoder().encode(name))),
    );
    model.addDrop(flow, 1, 41);
    model.addDrop(flow, 2, 1);
    model.addDrop(flow, 3, 3);
    model.addDrop(flow, 4, 100);
    expect(
      session
        .found()
        .map(({ kind, count, reason }) => `${kind} ${count} ${reason}`)
        .sort(),
    ).toEqual([
      'kernel-drops 41 TCP_OFO_QUEUE',
      'listen-overflow 1 TCP_LISTEN_OVERFLOW',
      'slow-reader 3 SOCKET_RCVBUFF',
    ]);
  });

  it('a DNS question without an answer is told after five seconds, one with an answer never', () => {
    const session = new Session();
    const dns = { hiPort: 53, protocol: 17 };
    session.flow({ ...dns, loPort: 5001 });
    const answered = session.flow({ ...dns, loPort: 5002 });
    session.at(1 * S);
    session.model.addPacket(answered, 1, 1, 200, 150, 1, 200, 1 * S);
    session.at(4 * S);
    expect(session.found()).toEqual([]);
    session.at(6 * S);
    expect(session.found()).toMatchObject([{ kind: 'dns', subject: '10.0.0.2:53', count: 1, sinceNs: 0 }]);
  });

  it('lost data of our own and interfaces that were away are findings too', () => {
    const session = new Session();
    const gaps = [
      { stream: 2, fromNs: 3 * S, toNs: 4 * S, records: 1200, iface: 0xffff },
      { stream: 2, fromNs: 8 * S, toNs: 9 * S, records: 4, iface: 0xffff },
      { stream: GAP_SUSPENDED, fromNs: 1 * S, toNs: 2 * S, records: 0, iface: 0xffff },
      { stream: 0xffff, fromNs: 5 * S, toNs: Infinity, records: 0, iface: 1 },
    ];
    expect(session.observer.findings.rows(gaps, 20 * S)).toMatchObject([
      { kind: 'lost-data', count: 1204, sinceNs: 3 * S, untilNs: 9 * S },
      { kind: 'link-away', sinceNs: 5 * S },
    ]);
  });

  it('of the demo session are what was done to it, as tshark counts it', async () => {
    const how = { signal: new AbortController().signal, progress: () => undefined, clock: () => '' };
    const source = (await ReplaySource.open(DEMO, how)) as ReplaySource;
    const found = source.findings.rows(source.gaps, source.endNs);
    await source.close();
    const tshark = (filter: string): number | null => {
      const { status, stdout } = spawnSync('tshark', ['-r', DEMO, '-Y', filter, '-T', 'fields', '-e', 'tcp.stream'], { encoding: 'utf8' }); // prettier-ignore
      return status === 0 ? stdout.trim().split('\n').length : null;
    };
    const refused = found.find(({ kind }) => kind === 'refused');
    expect(refused).toMatchObject({ process: 'stock-sync', reason: 'port 7070' });
    const resets = tshark('tcp.flags.reset == 1 && tcp.srcport == 7070');
    if (resets !== null) expect(refused?.count).toBe(resets);
    const slow = found.find(({ kind }) => kind === 'slow-answers');
    expect(slow?.subject).toBe('orders-db.shop.internal:5432');
    const lost = found.find(({ kind }) => kind === 'retransmits');
    expect(lost?.filter).toBe('ip.addr == 10.20.0.31 && port == 9200');
    expect(found.map(({ kind }) => kind).sort()).toEqual(['refused', 'retransmits', 'slow-answers']);
  });
});
