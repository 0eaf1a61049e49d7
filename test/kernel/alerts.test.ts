// Alerts of real traffic reach a real web server, program, desktop session, rsyslog and journal, with what was seen.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serve } from '../../cli/serve/server.ts';
import type { AlertNotice } from '../../core/alerts/notice.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { FakePort } from '../../core/engine/port.testkit.ts';
import { testEngine } from '../desktop/engine.ts';
import { admitted } from '../desktop/web-socket-wire.ts';
import { Child } from '../lab/child.ts';
import { COMMAND, flowglass, record } from '../lab/flowglass.ts';
import { command, type Host } from '../lab/host.ts';
import { has, Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { startAgent, sumOf } from '../lab/prometheus.ts';
import { CHECKOUT } from '../lab/programs.ts';
import { sessionNotes } from '../lab/session-notes.ts';

const SLOW = 82;

describeAsRoot('alerts', () => {
  let lab: Lab;
  let client: Host;
  let link: Link;
  let hook: Server;
  let url: string;
  const hooked: { notice: AlertNotice; headers: IncomingHttpHeaders }[] = [];

  beforeAll(async () => {
    expect(['rsyslogd', 'notify-send', 'dbus-run-session', 'logger'].filter((tool) => !has(tool))).toEqual([]);
    lab = new Lab();
    client = lab.host('client');
    const server = lab.host('server');
    link = lab.link(client, server);
    const mode = ['--mode', 'respond', '--request', 100, '--response', 400];
    await server.server(['tcp', '--port', 80, ...mode], { timeoutMs: 120_000 });
    await server.server(['tcp', '--port', SLOW, ...mode, '--delay-ms', 150], { timeoutMs: 120_000 });
    hook = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        if (request.url === '/silent') return; // never answered
        hooked.push({ notice: JSON.parse(body) as AlertNotice, headers: request.headers });
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    hook.closeAllConnections();
    await new Promise((resolve) => hook.close(resolve));
    lab.dispose();
  });

  const at = (name: string): string => join(lab.directory, name);
  const exchange = (port: number, exchanges: number): Child =>
    client.start('client', ['tcp', '--to', link.right.v4, '--port', port, '--send', 100, '--receive', 400, '--exchanges', exchanges, '--pause-ms', 10]); // prettier-ignore
  async function until(what: string, ready: () => boolean): Promise<void> {
    for (let i = 0; !ready(); i++) {
      if (i > 400) throw new Error(`no ${what}`);
      await settle(25);
    }
  }
  const lines = (path: string): string[] =>
    existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').filter((line) => line !== '') : []; // prettier-ignore

  it('of a recording: begun with the flow, process and value, and over; a target that never answers delays nobody', async () => {
    const desktop = lab.care(new Child('dbus-run-session', ['--', '/usr/bin/python3', join(CHECKOUT, 'test/lab/programs/notifications.py')])); // prettier-ignore
    await desktop.until('session bus', ({ stdout }) => stdout.includes('"bus"'));
    const bus = (JSON.parse(/^\{"bus".*$/m.exec(desktop.stdout)![0]) as { bus: string }).bus;
    writeFileSync(at('page.sh'), `#!/bin/sh\ncat >> ${at('paged')}\n`, { mode: 0o755 });
    writeFileSync(
      at('alerts.yaml'),
      `targets:
  - { name: silent, to: webhook, url: "${url}/silent", timeoutSeconds: 60 }
  - { name: ops, to: webhook, url: "${url}/hook", headers: { X-Team: orders } }
  - { name: page, to: command, run: ["${at('page.sh')}"] }
alerts:
  - alert: slow-orders
    when: server.port == ${SLOW} && response.p50 > 100ms within 1s
    clear: 1s
    severity: critical
    tell: [silent, ops, page, desktop]
  - { alert: strangers, when: new network where server.port == ${SLOW}, learn: 0s, tell: [page] }
  - { alert: never, when: server.port == 80 && response.p50 > 100ms within 1s, tell: [page] }
`,
    );
    const before = process.env['DBUS_SESSION_BUS_ADDRESS'];
    process.env['DBUS_SESSION_BUS_ADDRESS'] = bus;
    let recorder;
    try {
      recorder = await record(lab, client, at('alerts.pcapng'), ['--no-packets', '--alerts', at('alerts.yaml')]);
    } finally {
      if (before === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS'];
      else process.env['DBUS_SESSION_BUS_ADDRESS'] = before;
    }
    await settle(300);
    await exchange(80, 20).done;
    const slow = exchange(SLOW, 6);
    await slow.done;
    await until('end of the alert', () => hooked.length === 2);
    await until('desktop notices', () => (desktop.stdout.match(/"urgency"/g) ?? []).length === 2);
    const { status, stderr } = await recorder.child.stop('SIGINT', 15_000);
    expect(status, stderr).toBe(0);

    const [began, ended] = hooked.map(({ notice }) => notice);
    expect(hooked[0]!.headers['x-team']).toBe('orders');
    expect(began).toMatchObject({ alert: 'slow-orders', event: 'begin', severity: 'critical', flows: 1, untold: 0 });
    const [evidence] = began!.evidence;
    expect(evidence!.flow).toMatchObject({ server: { address: link.right.v4, port: SLOW }, clientProcess: { pid: slow.pid, name: 'lab-client' } }); // prettier-ignore
    const seenMs = Number(/^1[5-9]\d/.exec(evidence!.values['response.p50']!)?.[0]);
    expect(seenMs, evidence!.values['response.p50']!).toBeGreaterThanOrEqual(150);
    expect(Date.parse(ended!.at) - Date.parse(began!.since)).toBeCloseTo(ended!.seconds * 1000, -1);
    expect(ended).toMatchObject({ event: 'end', since: began!.since });
    const paged = lines(at('paged')).map((line) => JSON.parse(line) as AlertNotice);
    const happened = ['slow-orders begin', 'slow-orders end', 'strangers seen'];
    expect(paged.map(({ alert, event }) => `${alert} ${event}`).sort()).toEqual(happened);
    expect(paged.find(({ event }) => event === 'seen')!.text).toContain(
      `lab-client → ${link.right.v4.replace(/\.\d+$/, '.0/24')} is new`,
    );
    const shown = desktop.stdout.split('\n').filter((line) => line.includes('"urgency"')).map((line) => JSON.parse(line) as { app: string; title: string; body: string; urgency: number }); // prettier-ignore
    expect(shown[0]).toMatchObject({ app: 'Flowglass', title: 'slow-orders (critical)', urgency: 2 });
    expect(shown[0]!.body).toContain('slow-orders began: lab-client');
    expect(stderr).toMatch(/^flowglass: alert: slow-orders began: lab-client\[\d+\] → .*:82: response\.p50 = 1[5-9]/m);
    // It stands in the file, and going through the file finds the same.
    const { stdout } = await flowglass(['alerts', 'test', at('alerts.pcapng'), '--alerts', at('alerts.yaml'), '--json']).done; // prettier-ignore
    const again = stdout.trim().split('\n').map((line) => JSON.parse(line) as AlertNotice); // prettier-ignore
    expect(again.map(({ alert, event }) => `${alert} ${event}`).sort()).toEqual(happened);
    expect(Math.abs(Date.parse(again.find(({ event }) => event === 'begin')!.at) - Date.parse(began!.at))).toBeLessThan(
      600,
    );
    const { why } = await sessionNotes(at('alerts.pcapng'));
    expect(why.map(({ text }) => text).sort()).toEqual([
      began!.text,
      paged.find(({ event }) => event === 'seen')!.text,
    ]);
  }, 60_000);

  it('of an agent: in the words of RFC 5424 as rsyslog reads them, and in its metrics', async () => {
    const log = at('rsyslog.jsonl');
    writeFileSync(
      at('rsyslog.conf'),
      `module(load="imudp")
input(type="imudp" address="127.0.0.1" port="5514")
template(name="all" type="list") { property(name="jsonmesg") constant(value="\\n") }
action(type="omfile" file="${log}" template="all")
`,
    );
    const rsyslog = client.spawn('rsyslogd', ['-n', '-f', at('rsyslog.conf'), '-i', at('rsyslog.pid')]);
    await until('rsyslog', () => client.run('ss', ['-Hlun']).includes(':5514'));
    writeFileSync(
      at('agent.yaml'),
      `targets: [{ name: log, to: syslog, collector: "udp://127.0.0.1:5514", facility: 3 }]
alerts: [{ alert: slow orders, when: response.p50 > 100ms within 1s, clear: 0s, severity: critical }]
`,
    );
    const agent = await startAgent(lab, client, ['-i', 'veth0', '--config', at('agent.yaml')]);
    const slow = exchange(SLOW, 6);
    await until('syslog message', () => lines(log).some((line) => line.includes('slow orders')));
    const scrape = agent.get('/metrics');
    await slow.done;
    await until('its end', () => lines(log).length >= 2);
    const [said] = lines(log).map((line) => JSON.parse(line) as Record<string, string>);
    expect(said).toMatchObject({ programname: 'flowglass', msgid: 'alert', pri: '26' });
    expect(said!['structured-data']).toMatch(new RegExp(`^\\[alert@32473 name="slow orders" event="begin" severity="critical" .*server="${link.right.v4} ${SLOW}" process="lab-client" pid="${slow.pid}" response\\.p50="1[5-9]`)); // prettier-ignore
    expect(said!['msg']).toMatch(/^ ?slow orders began: lab-client\[\d+\]/);
    expect(sumOf(scrape, 'flowglass_alert_active', { alert: 'slow orders' })).toBe(1);
    expect(sumOf(scrape, 'flowglass_alerts_total', { alert: 'slow orders' })).toBe(1);
    expect(sumOf(scrape, 'flowglass_alert_notices_total', { target: 'log', result: 'lost' })).toBe(0);
    // Another rule without another agent.
    writeFileSync(at('agent.yaml'), 'alerts: [{ alert: other, when: new peer, tell: [] }]\n');
    agent.child.signal('SIGHUP');
    await agent.until('the other rule', (text) => text.includes('flowglass_alert_active{alert="other"}'));
    await agent.child.stop('SIGTERM', 10_000);
    await rsyslog.stop();
  }, 60_000);

  it('of the app: rules of the file and of a page, which names no targets; on, off and tested; kept for the next time', async () => {
    writeFileSync(
      at('app.yaml'),
      `targets: [{ name: ops, to: webhook, url: "${url}/hook" }]
alerts: [{ alert: file, when: "server.port == ${SLOW} && response.p50 > 100ms within 1s", clear: 0s }]
`,
    );
    const start = (): Engine => testEngine({ flightFolder: at('state'), alerts: at('app.yaml') });
    const page = at('page');
    mkdirSync(page);
    writeFileSync(join(page, 'index.html'), '<!doctype html>');
    const engine = start();
    const served = await serve({ host: '127.0.0.1', port: 0, page, connect: (port) => engine.connect(port) });
    const wire = await (await admitted(served.url)).connect();
    const told = (): string[] => wire.messages.flatMap((message) => ('event' in message && message.event === 'notice' && message.data.code === 'alert' ? [message.data.what] : [])); // prettier-ignore
    try {
      const refused = await wire.result('alertRules', { text: 'targets: [{ name: x, to: command, run: [id] }]' });
      expect(refused).toMatchObject({ text: '', problem: expect.stringMatching(/no such key "targets".*line 1, column 1/) as string }); // prettier-ignore
      const text = `alerts:\n  - { alert: page, when: "server.port == ${SLOW} && response.p50 > 100ms within 1s", tell: [desktop] }\n`;
      expect(await wire.result('alertRules', { text })).toMatchObject({ problem: null, rules: [{ alert: 'file', own: false }, { alert: 'page', own: true }] }); // prettier-ignore
      expect(await wire.result('alertTest', { alert: 'file' })).toEqual([{ name: 'ops', problem: null }]);
      expect(hooked.at(-1)!.notice).toMatchObject({ alert: 'file', event: 'test' });
      const before = hooked.length;
      await wire.result('alertEnable', { alert: 'file', enabled: false });
      await wire.result('attach', { interfaces: ['veth0'], netns: [client.path] });
      const slow = exchange(SLOW, 8);
      await until('notice', () => told().length > 0);
      await slow.done;
      expect(told()[0]).toMatch(new RegExp(`^page began: lab-client\\[${slow.pid}\\] → .*: response\\.p50 = 1[5-9]`));
      expect(hooked.length).toBe(before);
      expect(await wire.result('alerts', {})).toMatchObject({ rules: [{ enabled: false, happened: 0 }, { enabled: true, happened: 1 }] }); // prettier-ignore
    } finally {
      await served.close();
      await engine.close();
    }
    const next = start();
    const port = new FakePort();
    next.connect(port);
    const kept = await port.ask('alerts');
    await next.close();
    expect(kept['result']).toMatchObject({
      rules: [
        { alert: 'file', enabled: false },
        { alert: 'page', enabled: true },
      ],
    });
  }, 60_000);

  it('stand in the journal of systemd with fields of their own', () => {
    writeFileSync(at('journal.yaml'), 'targets: [{ name: journal, to: journal }]\nalerts: [{ alert: a, when: new peer, severity: critical }]\n'); // prettier-ignore
    // A journal of its own, in a mount namespace of its own.
    const script = `mount -t tmpfs none /run
      ${process.execPath} ${COMMAND} alerts send --alerts ${at('journal.yaml')} && exit 9
      /lib/systemd/systemd-journald & trap 'kill $!' EXIT
      until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
      ${process.execPath} ${COMMAND} alerts send --alerts ${at('journal.yaml')} || exit 8
      until journalctl -D /run/log/journal -o json -t flowglass 2>/dev/null | grep .; do sleep 0.05; done`;
    const out = command('timeout', ['20', 'unshare', '--mount', '--propagation', 'private', 'sh', '-c', script], '', 30_000); // prettier-ignore
    expect(out).toContain('journal: there is no journal here (/run/systemd/journal/socket is not there)');
    expect(out).toContain('journal: sent');
    const entry = JSON.parse(out.split('\n').find((line) => line.startsWith('{'))!) as Record<string, string>;
    expect(entry).toMatchObject({ MESSAGE: 'a: this is a test', PRIORITY: '2', FLOWGLASS_ALERT: 'a', FLOWGLASS_EVENT: 'test' }); // prettier-ignore
  }, 40_000);
});
