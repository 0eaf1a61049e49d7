/** Connections a second (connect, one byte each way, close) with the full set of identity and state hooks, against without. */
import { Lab } from '../lab/lab.ts';
import { median, needRoot, print } from './figure.ts';
import { beside } from './recorded.ts';

needRoot();
const ROUNDS = 6;
const CONNECTIONS = 5000;
const lab = new Lab();
try {
  const client = lab.host('client');
  const server = lab.host('server');
  const link = lab.link(client, server);
  client.sysctl({ 'net/ipv4/ip_local_port_range': '1024 65535', 'net/ipv4/tcp_tw_reuse': 1 });
  const serve = ['tcp', '--mode', 'respond', '--response', 1, '--quiet', '--seconds', 200, '--port', 80];
  await server.server(serve, { timeoutMs: 210_000 });
  const churn = async (): Promise<number> => {
    const args = [
      'tcp',
      '--to',
      link.right.v4,
      '--port',
      80,
      '--send',
      1,
      '--receive',
      1,
      '--connections',
      CONNECTIONS,
      '--quiet',
    ];
    const done = await client.start('client', args).event('churn', 60_000);
    return CONNECTIONS / (Number(done['durationNs']) / 1e9);
  };
  await churn(); // warms up
  const [off, on]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    off.push((await beside(lab, client, 'nothing', '', churn)).result);
    const { result, summary } = await beside(lab, client, 'counting', `churn-${round}`, churn);
    on.push(result);
    const named = summary?.flows.filter((flow) => flow.clientProcess !== null).length;
    if (summary?.flows.length !== CONNECTIONS || named !== CONNECTIONS || summary.session.lost.events !== 0) {
      throw new Error(`${summary?.flows.length} flows, ${named} with a process, of ${CONNECTIONS} connections`);
    }
  }
  print({ name: 'connections a second, not attached', value: median(off), unit: '/s' });
  const ratio = median(on) / median(off);
  print({ name: 'connection churn, everything on / off', value: ratio, least: 0.85, ratio });
} finally {
  lab.dispose();
}
