import { createSocket } from 'node:dgram';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAlerts } from '../alert-rules.ts';
import { testNotice } from '../notice.ts';
import { Targets } from './targets.ts';

const notice = (alert = 'slow'): ReturnType<typeof testNotice> => testNotice(alert, 'rtt.p99 > 1s', 'critical', 'Flowglass test'); // prettier-ignore

let folder: string;
const closing: (() => Promise<unknown>)[] = [];
const said: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowglass-targets-'));
  said.length = 0;
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true });
});

function targetsOf(yaml: string): Targets {
  const targets = new Targets(parseAlerts(`targets: [${yaml}]`, 'test').targets, { say: (text) => said.push(text) });
  closing.push(() => targets.close());
  return targets;
}

async function until(what: string, ready: () => boolean): Promise<void> {
  for (let i = 0; !ready(); i++) {
    if (i > 1000) throw new Error(`no ${what}: ${said.join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.unshift(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a webhook', () => {
  it('gets the notice as JSON, with the headers of the rule', async () => {
    const got: { type: string | undefined; token: string | undefined; body: string; path: string | undefined }[] = [];
    const url = await serve(({ headers, url: path }, response, body) => {
      got.push({ type: headers['content-type'], token: headers.authorization, body, path });
      response.end('ok');
    });
    const targets = targetsOf(
      `{ name: ops, to: webhook, url: "${url}/hook?a=1", headers: { Authorization: Bearer x } }`,
    );
    const sent = notice();
    targets.send(['ops'], sent);
    await until('delivery', () => targets.health[0]!.delivered === 1);
    expect(got).toEqual([{ type: 'application/json', token: 'Bearer x', path: '/hook?a=1', body: JSON.stringify(sent) }]); // prettier-ignore
  });

  it('that fails is tried again, one that refuses is not, and neither follows a redirect', async () => {
    let asked = 0;
    let elsewhere = 0;
    const other = await serve((_request, response) => {
      elsewhere++;
      response.end();
    });
    const url = await serve(({ url: path }, response) => {
      asked++;
      if (path === '/moved') response.writeHead(307, { location: other }).end();
      else response.writeHead(path === '/refused' ? 403 : asked < 2 ? 503 : 204).end();
    });
    const hook = (name: string): string => `{ name: ${name}, to: webhook, url: "${url}/${name}" }`;
    const targets = targetsOf(['busy', 'refused', 'moved'].map(hook).join(', '));
    expect(await targets.try(['refused', 'moved'], notice())).toEqual([
      { name: 'refused', problem: 'it answers 403' },
      { name: 'moved', problem: 'it redirects (307), which is not followed' },
    ]);
    expect([asked, elsewhere]).toEqual([2, 0]);
    asked = 0;
    targets.send(['busy'], notice());
    await until('second attempt', () => targets.health[0]!.delivered === 1);
    expect([asked, targets.health[0]!.failed]).toEqual([2, 0]);
  });

  it('that is slow blocks nothing: a bounded number wait, the rest is counted, and closing does not wait for it', async () => {
    const url = await serve(() => undefined);
    const targets = targetsOf(`{ name: ops, to: webhook, url: "${url}", timeoutSeconds: 60 }`);
    for (let i = 0; i < 1000; i++) targets.send(['ops'], notice());
    expect(targets.health[0]).toMatchObject({ delivered: 0, waiting: 33, lost: 967 });
    await targets.close();
    closing.length = 1;
  });

  it('that is not there says so once', async () => {
    const url = await serve(() => undefined);
    for (const close of closing.splice(0)) await close();
    const targets = targetsOf(`{ name: ops, to: webhook, url: "${url}", timeoutSeconds: 1 }`);
    expect(await targets.try(['ops'], notice())).toEqual([{ name: 'ops', problem: expect.stringContaining('ECONNREFUSED') as string }]); // prettier-ignore
  });
});

describe('a command', () => {
  const script = (body: string): string => {
    const path = join(folder, 'page.sh');
    writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return path;
  };

  it('gets the notice on its input and in its environment, and its arguments as they are', async () => {
    const out = join(folder, 'out');
    const path = script(`cat > ${out}; echo "$1|$FLOWGLASS_ALERT|$FLOWGLASS_SEVERITY|$FLOWGLASS_EVENT" >> ${out}`);
    const targets = targetsOf(`{ name: page, to: command, run: ["${path}", "a b; $(id)"] }`);
    const sent = notice('slow "orders"');
    targets.send(['page'], sent);
    await until('delivery', () => targets.health[0]!.delivered === 1);
    expect(readFileSync(out, 'utf8')).toBe(`${JSON.stringify(sent)}\na b; $(id)|slow "orders"|critical|test\n`);
  });

  it('that fails says why; one that hangs is ended with what it started; one that is not there is told', async () => {
    const failing = targetsOf(`{ name: page, to: command, run: ["${script('echo no pager here >&2; exit 3')}"] }`);
    expect(await failing.try(['page'], notice())).toEqual([{ name: 'page', problem: 'it ended with status 3: no pager here' }]); // prettier-ignore
    failing.send(['page'], notice());
    failing.send(['page'], notice());
    await until('failures', () => failing.health[0]!.failed === 2);
    expect(said).toEqual(['an alert did not reach page: it ended with status 3: no pager here']);
    const pid = join(folder, 'pid');
    const hanging = targetsOf(`{ name: page, to: command, run: ["${script(`sleep 300 & echo $! > ${pid}; wait`)}"], timeoutSeconds: 1 }`); // prettier-ignore
    expect(await hanging.try(['page'], notice())).toEqual([{ name: 'page', problem: 'it did not end within 1 s' }]);
    const child = Number(readFileSync(pid, 'utf8'));
    await until('end of the child', () => !existsSync(`/proc/${child}`) || /^State:\s+Z/m.test(readFileSync(`/proc/${child}/status`, 'utf8'))); // prettier-ignore
    const absent = targetsOf('{ name: page, to: command, run: [/not/there] }');
    expect((await absent.try(['page'], notice()))[0]!.problem).toMatch(/cannot be run \(no such file/);
  });
});

describe('syslog', () => {
  it('gets a message of RFC 5424 with the alert as structured data', async () => {
    const socket = createSocket('udp4');
    const got = new Promise<string>((resolve) => socket.once('message', (bytes) => resolve(bytes.toString())));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => socket.close(() => resolve(undefined))));
    const targets = targetsOf(`{ name: log, to: syslog, collector: "udp://127.0.0.1:${socket.address().port}", facility: 3 }`); // prettier-ignore
    expect(await targets.try(['log'], { ...notice('a "b"]'), host: 'lab' })).toEqual([{ name: 'log', problem: null }]);
    expect(await got).toMatch(/^<26>1 \d{4}-\d\d-\d\dT[\d:.]+Z lab flowglass \d+ alert \[alert@32473 name="a \\"b\\"\\\]" event="test" severity="critical" since="[^"]+" flows="0" condition="rtt\.p99 > 1s"\] a "b"\]: this is a test$/); // prettier-ignore
  });
});

describe('the desktop', () => {
  it('that is not there is told so', async () => {
    const { DBUS_SESSION_BUS_ADDRESS: _bus, SUDO_UID: _sudo, PKEXEC_UID: _pkexec, ...env } = process.env;
    const before = process.env;
    process.env = { ...env, XDG_RUNTIME_DIR: folder };
    try {
      const [result] = await targetsOf('').try(['desktop'], notice());
      expect(result!.problem).toBe('there is no desktop session here');
    } finally {
      process.env = before;
    }
  });
});
