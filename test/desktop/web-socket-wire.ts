/** A viewer over the WebSocket of `flowglass serve`, let in by the one-time token. */
import { WebSocket } from 'ws';
import { Wire } from './wire.ts';

/** Goes in by the address that the server printed; then any number of viewers can be connected. */
export async function admitted(url: string): Promise<{ connect: () => Promise<Wire> }> {
  const { origin } = new URL(url);
  const answer = await fetch(url, { redirect: 'manual' });
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  const connect = async (): Promise<Wire> => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/engine`, { headers: { origin, cookie } });
    socket.binaryType = 'arraybuffer';
    const wire = new Wire(
      (message) => socket.send(JSON.stringify(message)),
      () => socket.close(),
    );
    socket.on('message', (data: ArrayBuffer, binary: boolean) =>
      wire.receive(binary ? data : JSON.parse(Buffer.from(data).toString())),
    );
    socket.on('error', () => undefined);
    socket.on('close', () => wire.gone());
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return wire;
  };
  return { connect };
}
