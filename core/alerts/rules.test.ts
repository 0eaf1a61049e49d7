import { describe, expect, it } from 'vitest';
import { FlowglassError } from '../errors.ts';
import { parseAlerts, parsePageAlerts } from './alert-rules.ts';
import { isQuiet, parseQuietHours } from './quiet-hours.ts';

const wrong = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof FlowglassError) return error.message;
    throw error;
  }
  return 'accepted';
};
const refused = (text: string): string => wrong(() => parseAlerts(text, 'alerts.yaml'));
const alert = (rest: string, when = 'rtt.p99 > 1s'): string => `alerts:\n  - alert: a\n    when: ${when}\n${rest}`;

describe('a file of alerts', () => {
  it('says what each rule waits for, and whom it tells', () => {
    const { alerts, targets, memory } = parseAlerts(
      `memory: /tmp/known
targets:
  - { name: ops, to: webhook, url: "https://ops.example/hook" }
  - { name: log, to: syslog, collector: "udp://[::1]:514" }
alerts:
  - alert: slow-orders
    when: server.port == 5432 && response.p90 > 1s within 10s
    until: response.p90 < 200ms within 10s
    for: 5s
    quiet: ["22:00-07:00"]
    tell: [ops, desktop]
  - { alert: strangers, when: new network, severity: critical }
`,
      'alerts.yaml',
    );
    expect(memory).toBe('/tmp/known');
    expect(targets.map(({ name, to }) => [name, to])).toEqual([['ops', 'webhook'], ['log', 'syslog']]); // prettier-ignore
    expect(alerts[0]).toMatchObject({ alert: 'slow-orders', forNs: 5e9, clearNs: 10e9, repeatNs: null, ends: true, severity: 'warning', tell: ['ops', 'desktop'] }); // prettier-ignore
    expect(alerts[0]!.until!.windowNs).toBe(10e9);
    expect(alerts[1]).toMatchObject({ when: { kind: 'network' }, severity: 'critical', tell: ['ops', 'log'], learnNs: 60e9 }); // prettier-ignore
    expect(parseAlerts('alerts: [{ alert: a, when: new peer }]', 'x').alerts[0]!.tell).toEqual(['desktop']);
    expect(parseAlerts('', 'x')).toEqual({ alerts: [], targets: [], memory: null });
  });

  it('with a mistake: line, column, character and what was expected', () => {
    expect(refused(alert('', 'rtt.p9 > 1s'))).toMatch(
      /"alerts\.0\.when".*character 1: .*rtt\.p90.*, alerts\.yaml:3:11/,
    );
    expect(refused(alert('    for: soon\n'))).toMatch(/expected a duration from 0s to 1h.*, alerts\.yaml:4:10/);
    expect(refused(alert('    quiet: ["25:00-07:00"]\n'))).toMatch(/expected quiet hours: .*alerts\.yaml:4:13/);
    expect(refused(alert('    tell: [ops]\n'))).toMatch(
      /no target has that name: there are desktop, alerts\.yaml:4:12/,
    );
    expect(refused(alert('    untill: tcp\n'))).toMatch(/no such key "untill".*alerts\.yaml:4:5.*"until"/);
    expect(refused(alert('    until: "session: bytes < 5"\n'))).toMatch(/of one flow, as when is, alerts\.yaml:4:12/);
    expect(refused(alert('    for: 5s\n', 'new peer'))).toMatch(/what is new happens once.*alerts\.yaml:4:10/);
    expect(refused(`${alert('')}  - alert: a\n    when: new peer\n`)).toMatch(
      /an alert of that name, alerts\.yaml:4:12/,
    );
    expect(refused('targets: [{ name: a, to: webhook, url: "ftp://x" }]')).toMatch(/expected an address such as https:.*alerts\.yaml:1:40/); // prettier-ignore
    expect(refused('targets: [{ name: a, to: command, run: [] }]')).toMatch(/alerts\.yaml:1:40/);
    expect(refused('targets: [{ name: desktop, to: journal }]')).toMatch(/desktop is always there.*alerts\.yaml:1:19/);
    expect(refused('targets: [{ name: a, to: webhook, url: "http://x", headers: { "a b": c } }]')).toMatch(/header/);
  });

  it('of a page names no place where alerts go', () => {
    const page = (text: string): string => wrong(() => parsePageAlerts(text, 'alerts', ['ops']));
    expect(parsePageAlerts(alert('    tell: [ops]\n'), 'alerts', ['ops'])[0]!.tell).toEqual(['ops']);
    expect(parsePageAlerts(alert(''), 'alerts', ['ops'])[0]!.tell).toEqual(['desktop']);
    expect(page('targets: [{ name: x, to: command, run: [id] }]')).toMatch(/no such key "targets"/);
    expect(page('memory: /etc/x')).toMatch(/no such key "memory"/);
    expect(page(alert('    tell: [other]\n'))).toMatch(/there are desktop, ops/);
  });
});

describe('quiet hours', () => {
  const at = (text: string): Date => new Date(`2026-11-${text}`); // the 25th is a Wednesday
  const quiet = (hours: string, text: string): boolean => isQuiet([parseQuietHours(hours)!], at(text));

  it('go over midnight, belong to the day on which they begin, and end on the minute', () => {
    expect(['25T21:59', '25T22:00', '26T06:59', '26T07:00'].map((text) => quiet('22:00-07:00', text))).toEqual([false, true, true, false]); // prettier-ignore
    expect(['27T23:00', '28T02:00', '28T23:00'].map((text) => quiet('fri 22:00-03:00', text))).toEqual([true, true, false]); // prettier-ignore
    expect(['28T00:00', '29T23:59', '30T00:00'].map((text) => quiet('sat,sun', text))).toEqual([true, true, false]);
    expect(['25T12:30', '28T12:30'].map((text) => quiet('mon-fri 12:00-13:00', text))).toEqual([true, false]);
    expect(quiet('fri-mon', '25T12:00')).toBe(false);
    expect(quiet('sat-mon 00:00-24:00', '30T12:00')).toBe(true);
  });

  it('that cannot be read are none', () => {
    for (const text of [
      '',
      '22:00',
      '22-07',
      '7:60-8:00',
      'someday',
      'mon tue 1:00-2:00 x',
      '24:01-25:00',
      'mon-tue-wed',
    ])
      expect(parseQuietHours(text), text).toBeNull();
  });
});
