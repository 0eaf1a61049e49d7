/** TCP over veth with offloads on: not attached, attached and counting, recording, and `tcpdump -s 256`, taking turns. */
import { Lab } from '../lab/lab.ts';
import { median, needRoot, print } from './figure.ts';
import { beside, type Beside } from './recorded.ts';

needRoot();
const ROUNDS = 5;
const SECONDS = 1;
const lab = new Lab();
try {
  const client = lab.host('client');
  const server = lab.host('server');
  const link = lab.link(client, server);
  await server.server(['tcp', '--port', 80, '--mode', 'sink', '--seconds', 250], { timeoutMs: 260_000 });
  const send = async (): Promise<number> => {
    const child = client.start('client', ['tcp', '--to', link.right.v4, '--port', 80, '--stream-seconds', SECONDS]);
    const closed = await child.event('closed');
    return (Number(closed['sent']) * 8) / Number(closed['durationNs']);
  };
  await send(); // warms up
  const rates: Record<Beside, number[]> = { nothing: [], counting: [], recording: [], tcpdump: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const what of ['nothing', 'counting', 'recording', 'tcpdump'] as const) {
      const { result, summary } = await beside(lab, client, what, `${what}-${round}`, send);
      rates[what].push(result);
      if (summary === null) continue;
      // It did count: what captured and lost packets stand for is all there was.
      const { packets, captured, lost } = summary.session;
      if (packets < 1000) throw new Error('the recorder saw nothing');
      if (what === 'recording' && captured.wirePackets + lost.packets !== packets)
        throw new Error('packets are missing unsaid');
    }
  }
  const baseline = median(rates.nothing);
  const row = (name: string, what: Beside, least?: number) => {
    const value = median(rates[what]) / baseline;
    print({ name, value, ...(least === undefined ? {} : { least }), ratio: value });
  };
  print({ name: 'TCP over veth, not attached', value: baseline, unit: 'Gbit/s' });
  row('TCP throughput, counting / not attached', 'counting', 0.95);
  row('TCP throughput, recording / not attached', 'recording', 0.75);
  row('TCP throughput, tcpdump -s 256 / not attached', 'tcpdump');
} finally {
  lab.dispose();
}
