/**
 * Records the demo session: a small shop with its database, payment provider, backup and visitors, each a real process
 * in network namespaces of its own. About 50 s; what happens when is in `happen`.
 *
 *   record FILE      (as root; npm run demo builds first and writes docs/demo.pcapng)
 */
import { copyFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from '../lab/child.ts';
import { COMMAND, summarize } from '../lab/flowglass.ts';
import { command, type Host } from '../lab/host.ts';
import { Lab, settle } from '../lab/lab.ts';
import { CHECKOUT, compileC } from '../lab/programs.ts';

/** Bytes kept of each packet: headers and the first words of a request. */
const SNAPLEN = 84;
const BYTES_MAX = 1_200_000;

// Addresses for documentation (RFC 5737) and of private networks (RFC 1918): they mean nobody.
const SHOP = '10.20.0.10';
const DNS = '10.20.0.53';
const DATABASE = '10.20.0.20';
const ADDRESSES = {
  'orders-db.shop.internal': DATABASE,
  'search.shop.internal': '10.20.0.31',
  'inventory.shop.internal': '10.20.0.32',
  'pay.example.com': '203.0.113.20',
  'cdn.example.net': '198.51.100.7',
  'backup.example.org': '192.0.2.80',
} as const;

interface Far {
  network: string;
  /** One way, µs. */
  delayUs: number;
  /** Every n-th packet of each way is lost. */
  dropEvery?: number;
  bitsPerSecond?: number;
}

/** Places beyond the gateway: how far, and how lossy the way. */
const FAR: Record<string, Far> = {
  pay: { network: '203.0.113', delayUs: 19_000, dropEvery: 53 },
  cdn: { network: '198.51.100', delayUs: 6_000 },
  backup: { network: '192.0.2', delayUs: 48_000, dropEvery: 90, bitsPerSecond: 2_500_000 },
  visitors: { network: '100.64.9', delayUs: 31_000 },
};

class Shop {
  readonly lab = new Lab();
  readonly shop = this.lab.host('shop');
  readonly rack = this.lab.host('rack');
  readonly gateway = this.lab.host('gateway');
  readonly far = new Map<string, Host>();
  private readonly program: string;

  constructor() {
    this.program = join(this.lab.directory, 'service');
    compileC([join(CHECKOUT, 'test/demo/service.c')], this.program, ['-static', '-pthread', '-lm']);
  }

  /** A process with this name: a copy of the program under it. */
  run(host: Host, name: string, ...args: (string | number)[]): Child {
    const folder = join(this.lab.directory, host.name.split('-').at(-1) ?? '');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, name);
    if (!statSync(path, { throwIfNoEntry: false })) copyFileSync(this.program, path);
    return host.spawn(path, args.map(String), { timeoutMs: 150_000 });
  }

  async serve(host: Host, name: string, ...args: (string | number)[]): Promise<Child> {
    const child = this.run(host, name, ...args);
    await child.event('listening');
    return child;
  }

  /** A cable: both ends up with these addresses. Neighbours are found as usual, by ARP. */
  private cable(
    left: Host,
    leftDevice: string,
    leftIp: string[],
    right: Host,
    rightDevice: string,
    rightIp: string[],
  ): void {
    // prettier-ignore
    left.ip(`link add ${leftDevice} type veth peer name ${rightDevice} netns ${right.name}`);
    for (const [host, device, addresses] of [[left, leftDevice, leftIp], [right, rightDevice, rightIp]] as const) // prettier-ignore
      host.ip(`link set ${device} addrgenmode none`, ...addresses.map((ip) => `addr add ${ip} dev ${device}`), `link set ${device} up`); // prettier-ignore
  }

  /** The shop's rack beside it, and a gateway with four places behind, each through a relay that delays and loses. */
  async wire(): Promise<void> {
    const { shop, rack, gateway, lab } = this;
    const inRack = Object.values(ADDRESSES).filter((ip) => ip.startsWith('10.20.0.'));
    this.cable(shop, 'lan0', [`${SHOP}/24`], rack, 'lan0', [DNS, ...inRack].map((ip) => `${ip}/24`)); // prettier-ignore
    this.cable(shop, 'eth0', ['10.40.0.2/24'], gateway, 'shop', ['10.40.0.1/24']);
    shop.ip('route add default via 10.40.0.1');
    gateway.sysctl({
      'net/ipv4/ip_forward': 1,
      'net/ipv4/conf/all/rp_filter': 0,
      'net/ipv4/conf/default/rp_filter': 0,
    });
    let table = 100;
    for (const [label, { network, delayUs, dropEvery, bitsPerSecond }] of Object.entries(FAR)) {
      const host = lab.host(label);
      this.far.set(label, host);
      const addresses = [7, 20, 80, 101, 102, 103].map((n) => `${network}.${n}/24`);
      this.cable(gateway, label, [`${network}.1/24`], host, 'eth0', addresses);
      host.ip(`route add default via ${network}.1`);
      const [near, farther] = [`n-${label}`, `f-${label}`];
      const args: (string | number)[] = [near, farther, '--delay-us', delayUs, '--seconds', 140];
      if (dropEvery !== undefined) args.push('--drop-every', dropEvery);
      if (bitsPerSecond !== undefined) args.push('--bits-per-second', bitsPerSecond);
      await gateway.start('relay', args, { timeoutMs: 150_000 }).event('ready');
      for (const tun of [near, farther]) {
        gateway.sysctl({ [`net/ipv4/conf/${tun}/rp_filter`]: 0 });
        gateway.ip(`link set ${tun} addrgenmode none`, `link set ${tun} up`);
      }
      // From the shop into the near end; out of the far end to the place; and back.
      gateway.ip(
        `rule add iif shop to ${network}.0/24 lookup ${table} pref ${table}`,
        `route add default dev ${near} table ${table}`,
        `rule add iif ${label} lookup ${table + 1} pref ${table + 1}`,
        `route add default dev ${farther} table ${table + 1}`,
      );
      table += 2;
    }
  }

  /** Everything that answers. */
  async servers(): Promise<Record<'database', Child>> {
    const { shop, rack } = this;
    const zone = Object.entries(ADDRESSES).map(([name, ip]) => `${name}=${ip}`);
    await this.serve(rack, 'named', 'dns', '--port', 53, ...zone);
    await this.serve(shop, 'redis-server', 'serve', '--port', 6379, '--base-us', 60);
    await this.serve(shop, 'nginx', 'serve', '--port', 443, '--base-us', 1800);
    await this.serve(this.at('pay'), 'pay', 'serve', '--port', 443, '--base-us', 9000);
    await this.serve(this.at('cdn'), 'cdn', 'serve', '--port', 443, '--base-us', 400);
    await this.serve(this.at('backup'), 'backup', 'serve', '--port', 873, '--base-us', 300);
    await this.serve(rack, 'search', 'serve', '--port', 9200, '--base-us', 4500);
    return {
      database: await this.serve(rack, 'postgres', 'serve', '--port', 5432, '--base-us', 700, '--slow-us', 160_000),
    };
  }

  at(label: string): Host {
    const host = this.far.get(label);
    if (!host) throw new Error(`no such place: ${label}`);
    return host;
  }

  /** The shop's own programs, from a second before recording on, so that some connections are older than it. */
  clients(): void {
    const { shop } = this;
    const call = (name: string, host: keyof typeof ADDRESSES, ...args: (string | number)[]): Child =>
      this.run(shop, name, 'call', '--host', host, '--dns', DNS, ...args);
    call('shop-api', 'orders-db.shop.internal', '--port', 5432, '--path', '/orders', '--reply', 900, '--every-ms', 300, '--threads', 2); // prettier-ignore
    call('shop-api', 'search.shop.internal', '--port', 9200, '--path', '/products', '--reply', 5200, '--every-ms', 800); // prettier-ignore
    this.run(shop, 'shop-api', 'call', '--to', '127.0.0.1', '--port', 6379, '--path', '/session', '--reply', 120, '--every-ms', 550); // prettier-ignore
    call('checkout', 'pay.example.com', '--port', 443, '--path', '/charge', '--reply', 700, '--upload', 1800, '--every-ms', 600, '--each', 25); // prettier-ignore
    call('report-worker', 'orders-db.shop.internal', '--port', 5432, '--path', '/report', '--reply', 24_000, '--every-ms', 2600, '--each', 3); // prettier-ignore
    call('node-exporter', 'cdn.example.net', '--port', 443, '--path', '/agent', '--reply', 3000, '--every-ms', 3500, '--each', 1); // prettier-ignore
    this.run(shop, 'statsd', 'emit', '--to', '10.20.0.31', '--port', 8125, '--every-ms', 1000);
    for (const [n, every] of [[101, 1500], [102, 2100], [103, 2900]] as const) // prettier-ignore
      this.run(this.at('visitors'), `visitor-${n}`, 'call', '--to', '10.40.0.2', '--port', 443, '--path', '/shop', '--reply', 4200, '--every-ms', every, '--each', 3, '--from', `100.64.9.${n}`); // prettier-ignore
  }

  /** What happens while it is recorded, in seconds from its start. */
  async happen({ database }: Record<'database', Child>): Promise<void> {
    const { shop } = this;
    await settle(7000);
    // 7: a deployment knows the inventory service by a name at which nothing listens.
    this.run(shop, 'stock-sync', 'call', '--host', 'inventory.shop.internal', '--dns', DNS, '--port', 7070, '--every-ms', 3600); // prettier-ignore
    shop.spawn('ping', ['-n', '-i', '2', '203.0.113.20'], { timeoutMs: 120_000 });
    await settle(5000);
    // 12: the backup begins, over a thin and lossy line.
    const backUp = (): Child => this.run(shop, 'backup-agent', 'call', '--host', 'backup.example.org', '--dns', DNS, '--port', 873, '--path', '/chunk', '--upload', 40_000, '--reply', 40, '--every-ms', 1300); // prettier-ignore
    const backup = backUp();
    await settle(6000);
    // 18: the database turns slow, for everybody who asks it, and a few of its packets are lost.
    database.signal('SIGUSR1');
    this.rack.nft('tcp dport 5432 numgen random mod 100 < 4 drop');
    await settle(8000);
    await backup.stop();
    await settle(4000);
    // 30: the search server's packets are lost too, all of them, for two seconds and a half.
    this.rack.nft('tcp dport 9200 drop', 'tcp dport 5432 numgen random mod 100 < 4 drop');
    await settle(2500);
    this.rack.nft();
    await settle(4500);
    // 37: it recovers.
    database.signal('SIGUSR2');
    await settle(5000);
    // 42: the backup goes on.
    backUp();
    await settle(7000);
  }
}

async function main(file: string): Promise<void> {
  const shop = new Shop();
  const { lab } = shop;
  try {
    await shop.wire();
    const servers = await shop.servers();
    shop.clients();
    await settle(1500);
    const raw = join(lab.directory, 'demo.pcapng');
    // The recording says on which host it was made: one that is called as the story says.
    const record = ['record', '--netns', shop.shop.path, '-i', 'eth0,lan0,lo', '-w', raw, '--snaplen', SNAPLEN, '--duration', 120].map(String); // prettier-ignore
    const recorder = shop.gateway.spawn('unshare', ['--uts', 'sh', '-c', 'hostname shop-1 && exec "$0" "$@"', process.execPath, COMMAND, ...record], { timeoutMs: 150_000 }); // prettier-ignore
    await recorder.until('recording', ({ stderr }) => /recording/.test(stderr));
    await shop.happen(servers);
    const { status, stderr } = await recorder.stop('SIGINT', 15_000);
    if (status !== 0) throw new Error(`the recording failed: ${stderr}`);
    const { size } = statSync(raw);
    if (size > BYTES_MAX) throw new Error(`the session has ${size} bytes, more than ${BYTES_MAX}`);
    const { session, flows } = await summarize(raw);
    if (session.lost.packets + session.lost.events + session.lost.flowPackets > 0) throw new Error('something was lost: record again'); // prettier-ignore
    command('install', ['-m', '644', raw, `${file}.new`]); // recordings are private; this one is for everybody
    renameSync(`${file}.new`, file);
    process.stdout.write(`${file}: ${Math.round(session.durationNs / 1e9)} s, ${flows.length} flows, ${session.packets} packets, ${size} bytes\n`); // prettier-ignore
  } finally {
    lab.dispose();
  }
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('demo: no file named, command line, give the file to write\n');
  process.exitCode = 2;
} else {
  try {
    await main(file);
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
