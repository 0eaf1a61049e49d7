/**
 * Recording at the highest rate one sender here makes: small UDP packets, snaplen 96. Captured + reported lost must be
 * exactly what was sent, and no more may be lost than dumpcap loses in the same run.
 */
import { join } from 'node:path';
import { record } from '../lab/flowglass.ts';
import { Lab, settle } from '../lab/lab.ts';
import { median, needRoot, print } from './figure.ts';

needRoot();
const ROUNDS = 3;
const COUNT = 700_000;
const lab = new Lab();
try {
  const client = lab.host('client');
  const server = lab.host('server');
  const link = lab.link(client, server);
  await server.server(['udp', '--port', 9, '--mode', 'sink', '--seconds', 200], { timeoutMs: 210_000 });
  const flood = async (): Promise<{ sent: number; rate: number }> => {
    const args = ['udp', '--to', link.right.v4, '--port', 9, '--count', COUNT, '--send', 22];
    const began = performance.now();
    const closed = await client.start('client', args).event('closed', 60_000);
    if (closed['errno'] !== 0) throw new Error(`the sender stopped: errno ${String(closed['errno'])}`);
    return {
      sent: Number(closed['sent']) / 22,
      rate: Number(closed['sent']) / 22 / ((performance.now() - began) / 1000),
    };
  };
  const ours: number[] = [];
  const theirs: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const recorder = await record(lab, client, join(lab.directory, `${round}.pcapng`), ['--snaplen', 96]);
    const { sent, rate } = await flood();
    await settle(300);
    const { session } = await recorder.finish();
    if (session.packets !== sent) throw new Error(`${session.packets} packets counted of ${sent} sent`);
    if (session.captured.wirePackets + session.lost.packets !== sent) {
      throw new Error(`captured ${session.captured.wirePackets} + lost ${session.lost.packets} is not ${sent}`);
    }
    rates.push(rate);
    ours.push(session.lost.packets / sent);

    const dumpcap = client.spawn('dumpcap', [
      '-i',
      'veth0',
      '-s',
      '96',
      '-q',
      '-w',
      join(lab.directory, `${round}.dump.pcapng`),
    ]);
    await dumpcap.until('capturing', (child) => /File: /.test(child.stderr), 10_000);
    const other = await flood();
    await settle(500);
    const { stderr } = await dumpcap.stop('SIGINT', 20_000);
    const [, received, dropped] = /received\/dropped on interface '[^']*': (\d+)\/(\d+)/.exec(stderr) ?? [];
    if (received === undefined || Number(received) + Number(dropped) < other.sent)
      throw new Error(`dumpcap: ${stderr}`);
    theirs.push(Number(dropped) / other.sent);
  }
  print({ name: 'recording, packets sent a second', value: median(rates), unit: '/s' });
  print({
    name: 'packets lost (reported exactly) while recording',
    value: median(ours) * 100,
    unit: '%',
    budget: Math.max(median(theirs) * 100, 0.01),
  });
  print({ name: 'packets lost by dumpcap -s 96', value: median(theirs) * 100, unit: '%' });
} finally {
  lab.dispose();
}
