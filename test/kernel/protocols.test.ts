// Protocols by content, and the times of their answers, beside what real servers' clients measured: over a wire with a
// delay, on ports that say nothing, in a recording without packets.
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { record, type Flow, type Samples, type Summary } from '../lab/flowglass.ts';
import { command, type Host } from '../lab/host.ts';
import { has, Lab, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

type Protocol = 'http' | 'postgresql' | 'mysql' | 'redis' | 'ntp' | 'dhcp';
type Spoken = Flow & {
  application: string | null;
  banner: string | null;
  http: { status: number | null; requests: number } | null;
  latency: Record<Protocol, Samples | null>;
};

const DELAY_MS = 10;
const SERVER = '10.77.2.2';
const PORT = { http2: 8001, redis: 8002, mysql: 8003, postgresql: 8004, ntp: 8005 };
const POSTGRES = ((): string | null => {
  const root = '/usr/lib/postgresql';
  const version = has('psql') ? readdirSync(root).sort().at(-1) : undefined;
  return version === undefined ? null : join(root, version, 'bin');
})();

/** A client of MySQL, one of NTP and its server: each says what it measured, in ms, one number a line. */
const MYSQL = `
import socket, struct, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
def packet():
    head = b''
    while len(head) < 4: head += s.recv(4 - len(head))
    size = head[0] | head[1] << 8 | head[2] << 16
    body = b''
    while len(body) < size: body += s.recv(size - len(body))
    return body
packet()
s.sendall(bytes([32 + 6, 0, 0, 1]) + struct.pack('<IIB23x', 0x0200 | 0x8000, 1 << 20, 33) + b'root\\0' + b'\\0')
assert packet()[0] == 0
for i in range(5):
    query = b'\\x03SELECT SLEEP(0.03)'
    begun = time.monotonic()
    s.sendall(bytes([len(query), 0, 0, 0]) + query)
    packet()
    print((time.monotonic() - begun) * 1000)
    for _ in range(4): packet()
`;
const NTP_SERVER = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], int(sys.argv[2]))); print('{"event":"listening"}', flush=True)
while True:
    asked, peer = s.recvfrom(100)
    s.sendto(bytes([0x24, 2, 6, 0xec]) + bytes(20) + asked[40:48] + bytes(8) + asked[40:48], peer)
`;
const NTP_CLIENT = `
import os, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((sys.argv[1], int(sys.argv[2]))); s.settimeout(5)
for i in range(3):
    begun = time.monotonic()
    s.send(bytes([0x23]) + bytes(39) + b'\\xee' + os.urandom(7))
    s.recv(100)
    print((time.monotonic() - begun) * 1000)
`;

describeAsRoot('protocols', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let summary: Omit<Summary, 'flows'> & { flows: Spoken[] };
  const measuredMs: Partial<Record<keyof typeof PORT, number[]>> = {};

  const at = (name: string): string => join(lab.directory, name);
  const listening = async (port: number): Promise<void> => {
    for (let tries = 0; tries < 400; tries++) {
      if (server.run('ss', ['-Hltn']).includes(`:${port} `)) return;
      await settle(50);
    }
    throw new Error(`nothing listens on ${port}`);
  };
  const numbers = (text: string): number[] => text.trim().split(/\s+/).map(Number);
  const python = (name: string, program: string): string => {
    writeFileSync(at(name), program);
    return at(name);
  };

  function startNginx(): void {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${at(name)};`); // prettier-ignore
    writeFileSync(
      at('nginx.conf'),
      `daemon off; pid ${at('nginx.pid')}; error_log stderr; events {}
       http { access_log off; ${temporary.join(' ')} server { listen ${SERVER}:${PORT.http2} http2; return 200 "plain\\n"; } }`,
    );
    server.spawn('nginx', ['-p', lab.directory, '-c', at('nginx.conf')]);
  }

  function startRedis(): void {
    const args = ['--port', String(PORT.redis), '--bind', SERVER, '--save', '', '--dir', lab.directory, '--protected-mode', 'no']; // prettier-ignore
    server.spawn('bash', ['-c', 'exec -a redis-server redis-check-rdb "$@"', 'bash', ...args]);
  }

  function startMariadb(): void {
    const data = at('mariadb');
    mkdirSync(data);
    const args = ['--no-defaults', `--datadir=${data}`, `--tmpdir=${data}`, `--socket=${data}/s`, `--pid-file=${data}/pid`, '--skip-grant-tables', '--skip-networking=0', `--bind-address=${SERVER}`, `--port=${PORT.mysql}`, '--user=root', '--innodb=OFF', '--default-storage-engine=MyISAM', '--skip-log-bin', '--aria-log-dir-path=' + data]; // prettier-ignore
    server.spawn('mariadbd', args);
  }

  function startPostgres(bin: string): void {
    const data = at('postgres');
    mkdirSync(data);
    chmodSync(lab.directory, 0o711);
    const id = (flag: string): number => Number(command('id', [flag, 'postgres']));
    chownSync(data, id('-u'), id('-g'));
    const as = ['--reuid=postgres', '--regid=postgres', '--clear-groups'];
    command('setpriv', [...as, join(bin, 'initdb'), '-D', data, '-A', 'trust', '--no-sync', '-U', 'postgres'], '', 40_000);
    writeFileSync(join(data, 'pg_hba.conf'), 'host all all all trust\n');
    const settings = ['-p', String(PORT.postgresql), '-h', SERVER, '-k', '', '-c', 'fsync=off'];
    server.spawn('setpriv', [...as, join(bin, 'postgres'), '-D', data, ...settings]);
  } // prettier-ignore

  function useHttp2(): void {
    const url = `http://${SERVER}:${PORT.http2}/`;
    const out = client.run('curl', ['-s', '--http2-prior-knowledge', '-o', '/dev/null', '-w', '%{time_starttransfer} %{time_pretransfer}', url]); // prettier-ignore
    const [answer = NaN, asked = NaN] = numbers(out);
    measuredMs.http2 = [(answer - asked) * 1000];
  }

  function useRedis(): void {
    // Not at a terminal: asks for a second, then prints least, largest, mean time in ms, and how often.
    const out = client.run('redis-cli', ['-h', SERVER, '-p', String(PORT.redis), '--latency', '-i', '0.1']);
    measuredMs.redis = [numbers(out)[0] ?? NaN];
  }

  function usePostgres(): void {
    const env = `host=${SERVER} port=${PORT.postgresql} user=postgres dbname=postgres sslmode=disable`;
    const out = client.run('psql', [env, '-X', '-q'], `\\timing on\n${'SELECT pg_sleep(0.03);\n'.repeat(5)}`);
    measuredMs.postgresql = [...out.matchAll(/Time: ([\d.]+) ms/g)].map((match) => Number(match[1]));
  }

  /** A lease over the wire without delay: a client of BusyBox asks a server of BusyBox. */
  function takeLease(): void {
    writeFileSync(at('udhcpd.conf'), `start 10.77.3.10\nend 10.77.3.20\ninterface veth3\nlease_file ${at('leases')}\npidfile ${at('dhcp.pid')}\n`); // prettier-ignore
    writeFileSync(at('leases'), '');
    server.spawn('busybox', ['udhcpd', '-f', at('udhcpd.conf')]);
    client.run('busybox', ['udhcpc', '-i', 'veth3', '-n', '-q', '-f', '-s', '/bin/true', '-t', '10', '-T', '1']);
  }

  beforeAll(async () => {
    const needed = ['nginx', 'curl', 'redis-check-rdb', 'redis-cli', 'mariadbd', 'python3', 'busybox'];
    expect(
      needed.filter((name) => !has(name)),
      'are missing',
    ).toEqual([]);
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    await lab.delayed(client, server, { delayUs: DELAY_MS * 1000 });
    lab.link(client, server, { leftDevice: 'veth3', rightDevice: 'veth3', subnet: 3 });
    if (POSTGRES !== null) startPostgres(POSTGRES);
    else process.stderr.write('PostgreSQL is not installed: its recognition was not compared with a server of it\n');
    startNginx();
    startRedis();
    startMariadb();
    await server.spawn('python3', [python('ntp-server.py', NTP_SERVER), SERVER, String(PORT.ntp)]).event('listening');
    for (const port of [PORT.http2, PORT.redis, PORT.mysql, ...(POSTGRES === null ? [] : [PORT.postgresql])])
      await listening(port);
    const recorder = await record(lab, client, at('protocols.pcapng'), ['--all', '--no-packets']);
    useHttp2();
    useRedis();
    measuredMs.mysql = numbers(client.run('python3', [python('mysql.py', MYSQL), SERVER, String(PORT.mysql)]));
    measuredMs.ntp = numbers(client.run('python3', [python('ntp.py', NTP_CLIENT), SERVER, String(PORT.ntp)]));
    if (POSTGRES !== null) usePostgres();
    takeLease();
    summary = (await recorder.finish()) as unknown as typeof summary;
  }, 90_000);
  afterAll(() => lab.dispose());

  const flowTo = (what: keyof typeof PORT): Spoken => {
    const found = summary.flows.filter((each) => each.server.port === PORT[what]);
    expect(found, what).toHaveLength(1);
    return found[0]!;
  };
  /** Between the way there and back and what the client measured, which includes how long it took to be woken. */
  const agrees = (samples: Samples | null, ms: readonly number[] | undefined, least: number): void => {
    expect(samples).not.toBeNull();
    const shortest = Math.min(...ms!);
    expect(samples!.minUs / 1000).toBeGreaterThanOrEqual(least);
    expect(samples!.minUs / 1000, `measured ${shortest} ms`).toBeLessThan(shortest * 1.1 + 1);
  };

  it('HTTP/2 in the clear, with status and the time that curl says', () => {
    const flow = flowTo('http2');
    expect([flow.application, flow.http?.status, flow.http?.requests]).toEqual(['http2', 200, 1]);
    agrees(flow.latency.http, measuredMs.http2, 2 * DELAY_MS);
  });

  it('Redis, with the time that redis-cli says', () => {
    const flow = flowTo('redis');
    expect(flow.application).toBe('redis');
    expect(flow.latency.redis!.n).toBeGreaterThan(3);
    agrees(flow.latency.redis, measuredMs.redis, 2 * DELAY_MS);
  });

  it("MySQL, with the server's version and the time that its client measured", () => {
    const flow = flowTo('mysql');
    expect(flow.application).toBe('mysql');
    const version = /Ver (\S+)/.exec(command('mariadbd', ['--no-defaults', '--version']))?.[1];
    expect(flow.banner).toContain(version!.replace(/-MariaDB.*/, ''));
    expect(flow.latency.mysql!.n).toBe(5);
    agrees(flow.latency.mysql, measuredMs.mysql, 30 + 2 * DELAY_MS);
  });

  it.skipIf(POSTGRES === null)("PostgreSQL, with the server's version and the time that psql says", () => {
    const flow = flowTo('postgresql');
    expect(flow.application).toBe('postgresql');
    expect(command(join(POSTGRES!, 'postgres'), ['--version'])).toContain(flow.banner!.split(' ')[0]);
    expect(flow.latency.postgresql!.n).toBe(5);
    agrees(flow.latency.postgresql, measuredMs.postgresql, 30 + 2 * DELAY_MS);
  });

  it('NTP, on any port, by an answer that knows its request', () => {
    const flow = flowTo('ntp');
    expect(flow.application).toBe('ntp');
    expect(flow.latency.ntp!.n).toBe(3);
    agrees(flow.latency.ntp, measuredMs.ntp, 2 * DELAY_MS);
  });

  it('DHCP, whose answers come over another flow', () => {
    const spoken = summary.flows.filter(({ application }) => application === 'dhcp');
    const answered = spoken.reduce((sum, { latency }) => sum + (latency.dhcp?.n ?? 0), 0);
    expect(answered).toBeGreaterThanOrEqual(2); // offer and acknowledgement
    for (const { latency } of spoken) if (latency.dhcp !== null) expect(latency.dhcp.maxUs).toBeLessThan(2e6);
  });
});
