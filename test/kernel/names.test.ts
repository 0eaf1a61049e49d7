// Names, DNS and TLS times of our own recordings, without packets, equal what the servers and clients themselves say.
import { writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bareHello, crypto, quicInitial } from '../../core/dissect/test-quic.ts';
import { record, type Flow, type Samples, type Summary } from '../lab/flowglass.ts';
import { command } from '../lab/host.ts';
import { has, Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { tshark } from '../lab/truth.ts';

/** What the lab's own types leave out. */
type Named = Flow & {
  client: { name: string | null };
  server: { name: string | null; nameSource: string | null; names: { name: string; source: string; at: string }[] };
  application: string | null;
  dns: { question: string; type: string; code: string | null } | null;
  tls: {
    serverName: string | null;
    version: string | null;
    certificate: string | null;
    chosenAlpn: string | null;
  } | null;
  http: { method: string; path: string; status: number; requests: number } | null;
  latency: { dns: Samples | null; tls: Samples | null; http: Samples | null };
};

const DELAY_MS = 20;
const SERVER = '10.77.2.2';
const tools = ['dnsmasq', 'nginx', 'dig', 'curl', 'openssl'].every(has);

/** curl's own times in seconds. */
interface Times {
  time_namelookup: number;
  time_connect: number;
  time_appconnect: number;
  time_pretransfer: number;
  time_starttransfer: number;
  local_port: number;
}

/** A client's first flight as browsers send it since key shares are post-quantum: over two datagrams. */
function quicDatagrams(): Uint8Array[] {
  const destination = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  const hello = bareHello('quic.example', ['h3'], 1300);
  return [hello.subarray(700), hello.subarray(0, 700)].map((part, number) =>
    quicInitial({ destination, number, frames: [crypto(number === 0 ? 700 : 0, part)], fill: 1150 }),
  );
}

/** No server: that nobody answers changes nothing. */
const QUIC_SENDER = `const s = require('node:dgram').createSocket('udp4');
  const list = process.argv.slice(1).map((hex) => Buffer.from(hex, 'hex'));
  (function next() { const b = list.shift(); b ? s.send(b, 4433, '${SERVER}', next) : s.close(); })();`;

describeAsRoot('names', () => {
  let lab: Lab;
  let summary: Summary & { flows: Named[] };
  let file: string;
  let digMs: number;
  /** What tcpdump saw beside the recorder: ms from question to answer. */
  let wireMs: number;
  const curls: Record<string, Times> = {};

  beforeAll(async () => {
    expect(tools, 'dnsmasq, nginx, dig, curl and openssl are needed').toBe(true);
    lab = new Lab();
    const client = lab.host('client');
    const server = lab.host('server');
    await lab.delayed(client, server, { delayUs: DELAY_MS * 1000 });
    const at = (name: string): string => join(lab.directory, name);
    command('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=shop.example',
      '-addext', 'subjectAltName=DNS:shop.example', '-keyout', at('key.pem'), '-out', at('cert.pem')]); // prettier-ignore
    writeFileSync(
      at('nginx.conf'),
      `daemon off; pid ${at('nginx.pid')}; error_log stderr; worker_processes 1; events {}
       http { access_log off; client_body_temp_path ${at('body')}; proxy_temp_path ${at('proxy')}; fastcgi_temp_path ${at('f')};
         uwsgi_temp_path ${at('u')}; scgi_temp_path ${at('s')};
         server { listen ${SERVER}:80; return 200 "plain\\n"; }
         server { listen ${SERVER}:443 ssl http2; ssl_certificate ${at('cert.pem')}; ssl_certificate_key ${at('key.pem')};
           ssl_protocols TLSv1.2 TLSv1.3; return 200 "secret\\n"; } }`,
    );
    const dns = server.spawn('dnsmasq', ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--conf-file=/dev/null',
      '--listen-address', SERVER, '--bind-interfaces', '--user=root', '--log-facility=-', '--pid-file=', '--local-ttl=60',
      '--address=/shop.example/10.77.2.2', '--cname=www.example,shop.example', '--host-record=other.example,10.77.2.2',
      '--local=/invalid/',
      '--port=53']); // prettier-ignore
    const web = server.spawn('nginx', ['-p', lab.directory, '-c', at('nginx.conf')]);
    await dns.until('dnsmasq', (child) => /started/.test(child.stderr));
    for (let tries = 0; tries < 100; tries++) {
      if (server.run('ss', ['-Hltn']).includes(`${SERVER}:443`)) break;
      if (web.ended !== null) throw new Error(`nginx: ${web.stderr}`);
      await settle(50);
    }
    file = at('names.pcapng');
    const recorder = await record(lab, client, file, ['--no-packets']);
    const truth = await client.capture('veth0', at('dns.pcap'), 'udp port 53');
    digMs = Number(/Query time: (\d+) msec/.exec(client.run('dig', [`@${SERVER}`, 'nothing.invalid', 'A']))?.[1]);
    await truth.stop();
    wireMs = Number(tshark(truth.file, ['dns.time']).find(([time]) => time !== '')?.[0]) * 1000;
    client.run('dig', [`@${SERVER}`, '+tcp', 'shop.example', 'A']);
    const asked = client.run('dig', [`@${SERVER}`, 'shop.example', 'A', '+short']).trim();
    expect(asked).toBe(SERVER);
    const curl = (what: string, ...args: string[]): void => {
      const out = client.run('curl', ['-sk', '-o', '/dev/null', '-w', '%{json}', ...args]);
      curls[what] = JSON.parse(out) as Times;
    };
    curl('tls13', '--resolve', `shop.example:443:${SERVER}`, '--tlsv1.3', 'https://shop.example/hidden');
    curl('tls12', '--resolve', `shop.example:443:${SERVER}`, '--tls-max', '1.2', 'https://shop.example/hidden');
    curl('http', '--resolve', `other.example:80:${SERVER}`, 'http://other.example/path/here?secret=1');
    // Asked for by DNS and said nowhere else: a bare connection.
    await server.server(['tcp', '--mode', 'respond', '--port', 9000, '--request', 10, '--response', 10]);
    await client
      .start('client', ['tcp', '--to', SERVER, '--port', 9000, '--send', 10, '--receive', 10])
      .event('closed');
    client.run(process.execPath, [
      '-e',
      QUIC_SENDER,
      ...quicDatagrams().map((each) => Buffer.from(each).toString('hex')),
    ]);
    summary = (await recorder.finish()) as typeof summary;
  }, 60_000);
  afterAll(() => lab.dispose());

  const flow = (what: string, test: (each: Named) => boolean): Named => {
    const found = summary.flows.filter(test);
    expect(found, what).toHaveLength(1);
    return found[0]!;
  };
  const of = (what: string): Named =>
    flow(what, (each) => each.protocol === 'tcp' && each.client.port === curls[what]!.local_port);
  /** At least a round trip, and no more than the program says, whose clock starts before and stops after the packets do. */
  const within = (us: number | undefined, programMs: number): void => {
    expect(us).toBeGreaterThan(2 * DELAY_MS * 1000);
    expect(us! / 1000).toBeLessThan(programMs + 1);
  };

  it('DNS: question, code, and the time that dig says', () => {
    const asked = flow('nothing.invalid', (each) => each.dns?.question === 'nothing.invalid');
    expect([asked.application, asked.dns?.type, asked.dns?.code]).toEqual(['dns', 'A', 'NXDOMAIN']);
    within(asked.latency.dns?.p50Us, digMs);
    // The packets say the same to tcpdump, however late dig was woken.
    expect(Math.abs(asked.latency.dns!.p50Us / 1000 - wireMs)).toBeLessThan(wireMs * 0.05 + 1);
    const stream = flow('over TCP', (each) => each.protocol === 'tcp' && each.application === 'dns');
    expect([stream.dns?.question, stream.dns?.code]).toEqual(['shop.example', 'NOERROR']);
    expect(stream.latency.dns!.minUs).toBeGreaterThan(2 * DELAY_MS * 1000);
  });

  it('TLS: name, version, certificate, and the time that curl says', () => {
    for (const [what, version, certificate] of [
      ['tls13', '1.3', null],
      ['tls12', '1.2', 'shop.example'],
    ] as const) {
      const each = of(what);
      expect([each.application, each.server.name, each.server.nameSource]).toEqual(['tls', 'shop.example', 'sni']);
      expect([each.tls?.version, each.tls?.certificate]).toEqual([version, certificate]);
      within(each.latency.tls?.p50Us, (curls[what]!.time_appconnect - curls[what]!.time_connect) * 1000);
    }
    expect(of('tls12').tls?.chosenAlpn).toBe('h2');
  });

  it('HTTP: host, path without query, status, and the time that curl says', () => {
    const each = of('http');
    expect([each.application, each.server.name, each.server.nameSource]).toEqual(['http', 'other.example', 'http']);
    expect(each.http).toEqual({ method: 'GET', path: '/path/here', status: 200, requests: 1 });
    within(each.latency.http?.p50Us, (curls['http']!.time_starttransfer - curls['http']!.time_pretransfer) * 1000);
  });

  it('QUIC: the name of a hello over two datagrams, its second half first', () => {
    const each = flow('quic', ({ application }) => application === 'quic');
    expect([each.server.port, each.server.name, each.server.nameSource]).toEqual([4433, 'quic.example', 'quic']);
    expect([each.tls?.serverName, each.sent.packets]).toEqual(['quic.example', 2]);
  });

  it('a flow that says no name has the one that was asked for, and all others beside it', () => {
    const bare = flow('bare', (each) => each.server.port === 9000);
    expect([bare.application, bare.server.name, bare.server.nameSource]).toEqual([null, 'shop.example', 'dns']);
    expect(bare.server.names.map(({ name, source }) => `${source} ${name}`)).toContain('dns shop.example');
  });

  it('the file holds names for other tools, and no payload', () => {
    const bytes = readFileSync(file).toString('latin1');
    expect(bytes).not.toContain('secret=1');
    expect(bytes).toContain('shop.example');
  });
});
