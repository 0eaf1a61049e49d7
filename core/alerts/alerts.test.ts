import { describe, expect, it } from 'vitest';
import { Scene, type Step } from '../flight-recorder/scene.testkit.ts';
import type { SummarySource } from '../summary/source.ts';
import { parseAlerts } from './alert-rules.ts';
import { Alerts } from './alerts.ts';
import { knowNothing } from './alert-watch.ts';
import type { AlertNotice } from './notice.ts';
import { goThrough } from './past.ts';
import { alertSource } from '../engine/alert-source.ts';
import { surroundingsOf } from '../engine/knowledge.ts';

/** What alerts tell in a scene: `seconds text`. */
class Watched extends Scene {
  readonly told: { atS: number; notice: AlertNotice }[] = [];
  readonly alerts: Alerts;

  constructor(rules: string, known = knowNothing()) {
    super();
    const { model, fields, texts } = this;
    const summary = (): SummarySource => ({ model, startedNs: 0n, durationNs: 0n, host: 'here', application: 'test', captured: { packets: 0, bytes: 0, wirePackets: 0 }, late: 0, truncated: false }); // prettier-ignore
    const source = { model, fields, texts, summary };
    this.alerts = new Alerts(parseAlerts(rules, 'test').alerts, source, {
      tell: (_rule, notice) => void this.told.push({ atS: this.atS, notice }),
    }, known); // prettier-ignore
    this.watch(this.alerts.samples, () => this.alerts.look());
  }

  get said(): string[] {
    return this.told.map(({ notice }) => notice.text);
  }
}

const slow: Step = { n: 1, responseMs: 180 };
const fast: Step = { n: 1, responseMs: 5 };
const between: Step = { n: 1, responseMs: 70 };
const RULE = 'alerts:\n  - { alert: slow, when: response.p50 > 100ms within 1s';

describe('an alert', () => {
  it('begins with what it saw, and ends when it has not been so for a while', () => {
    const scene = new Watched(`${RULE}, clear: 2s }`);
    scene.steps(20, fast);
    scene.steps(20, slow);
    expect(scene.said).toEqual(['slow began: flow 0: response.p50 = 180ms']);
    const [{ notice }] = scene.told as [{ atS: number; notice: AlertNotice }];
    expect(notice).toMatchObject({ event: 'begin', severity: 'warning', flows: 1, evidence: [{ values: { 'response.p50': '180ms' }, flow: { server: { port: 80 } } }] }); // prettier-ignore
    expect(scene.alerts.states[0]).toMatchObject({ happened: 1, told: 1 });
    expect(scene.alerts.states[0]!.onSinceNs).not.toBeNull();
    scene.steps(60, fast);
    expect(scene.said[1]).toMatch(/^slow is over after [34](\.\d)? s$/);
    expect(scene.alerts.states[0]!.onSinceNs).toBeNull();
  });

  it('goes on between its two conditions, and does not begin there', () => {
    const scene = new Watched(`${RULE}, until: response.p50 < 50ms within 1s, clear: 0s }`);
    scene.steps(40, between);
    expect(scene.told).toEqual([]);
    scene.steps(20, slow);
    scene.steps(40, between);
    expect(scene.told).toHaveLength(1);
    scene.steps(20, fast);
    expect(scene.told.map(({ notice }) => notice.event)).toEqual(['begin', 'end']);
  });

  it('that came for less than it has to last is none, and one that goes on is told again when asked to', () => {
    const scene = new Watched(`${RULE}, for: 3s, repeat: 1m, ends: false }`);
    scene.steps(20, slow);
    scene.steps(30, fast);
    expect(scene.told).toEqual([]);
    scene.steps(700, slow);
    scene.steps(300, fast);
    expect(scene.told.map(({ notice }) => notice.event)).toEqual(['begin', 'still']);
    expect(scene.told[0]!.atS).toBeGreaterThan(5 + 3);
    expect(scene.told[1]!.atS).toBeCloseTo(scene.told[0]!.atS + 60, 0);
  });

  it('is of all flows that match, each counted once however often it comes back', () => {
    const scene = new Watched('alerts: [{ alert: busy, when: port == 80 && packets > 50 within 1s, clear: 5s }]');
    for (let round = 0; round < 3; round++) {
      scene.steps(10, { n: 1, packets: 9 }, { n: 2, packets: 9 }, { n: 3 });
      scene.steps(20, { n: 1, packets: 0 }, { n: 3 });
    }
    scene.steps(80, { n: 3 });
    expect(scene.told.map(({ notice }) => [notice.event, notice.flows])).toEqual([['begin', 2], ['end', 2]]); // prettier-ignore
    expect(scene.said[0]).toMatch(/^busy began: flow 0: packets = \d+ \(and 1 more\)$/);
  });

  it('is held in quiet hours: what goes on is told at their end, what came and went is only counted', () => {
    // The scene's clock stands still at a time that is known: all of that day is quiet, or none of it.
    const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
    const day = days[new Date(Number(new Scene().model.clock.wallNs(0)) / 1e6).getDay()];
    const scene = new Watched(`${RULE}, quiet: [${day}] }`);
    scene.steps(20, slow);
    scene.steps(200, fast);
    expect(scene.told).toEqual([]);
    expect(scene.alerts.states[0]).toMatchObject({ happened: 1, told: 0 });
  });

  it('that happens too often is told at a pace, with how many were left out', () => {
    const scene = new Watched('alerts: [{ alert: new, when: new peer, learn: 0s }]');
    for (let n = 1; n <= 40; n++) scene.step({ n, hi: `10.0.1.${n}` });
    expect(scene.told).toHaveLength(10);
    scene.steps(80);
    scene.step({ n: 50, hi: '10.0.2.1' });
    expect(scene.told.map(({ notice }) => notice.untold)).toEqual([...new Array<number>(10).fill(0), 30]);
  });
});

describe('a rule on what is new', () => {
  it('knows what is there, learns for a while, and what an earlier watch knew', () => {
    const rules = 'alerts: [{ alert: strangers, when: new network, learn: 1s }]';
    const known = knowNothing();
    const scene = new Watched(rules, known);
    scene.step({ n: 1, hi: '10.0.0.9' });
    scene.steps(15);
    scene.step({ n: 2, hi: '10.0.0.9' }, { n: 3, hi: '10.0.0.10' });
    expect(scene.said).toEqual([expect.stringMatching(/^strangers: flow 2: curl → net \d+ is new$/)]);
    scene.steps(40);
    const again = new Watched(rules, known);
    again.step({ n: 1, hi: '10.0.0.10' });
    again.step({ n: 2, hi: '10.0.0.11' });
    expect(again.said).toEqual([expect.stringMatching(/is new$/)]);
  });
});

describe('a capture that is gone through', () => {
  const alertsOf = async (path: string, rules: string): Promise<AlertNotice[]> => {
    const told: AlertNotice[] = [];
    const { alerts } = parseAlerts(`alerts: [${rules}]`, 'test');
    await goThrough(path, (source) => new Alerts(alerts, alertSource(source, surroundingsOf(source().model)), { tell: (_rule, notice) => void told.push(notice) })); // prettier-ignore
    return told;
  };

  it('of ours gives the alerts that there would have been, at their times', async () => {
    const told = await alertsOf('docs/demo.pcapng', '{ alert: lost, when: "session: retransmits > 3 within 2s", clear: 5s }, { alert: backup, when: new network where server.port == 873, learn: 0s }'); // prettier-ignore
    expect(told.map(({ alert, event }) => `${alert} ${event}`)).toEqual(['backup seen', 'lost begin', 'lost end', 'lost begin', 'lost end']); // prettier-ignore
    expect(told[0]).toMatchObject({ evidence: [{ flow: { clientProcess: { name: 'backup-agent' }, server: { port: 873 } } }] }); // prettier-ignore
    const [, began, ended] = told;
    expect((Date.parse(ended!.at) - Date.parse(began!.since)) / 1000).toBeCloseTo(ended!.seconds, 2);
  });

  it('of others too', async () => {
    const told = await alertsOf('test/corpus/m-karn-data-retransmit.pcap', '{ alert: again, when: retransmits > 0 }');
    expect(told[0]).toMatchObject({ event: 'begin', evidence: [{ values: { retransmits: '1' } }] });
  });
});
