// The browser's transport: the real server of `flowglass serve`, let in by its one-time token.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { serve } from '../../cli/serve/server.ts';
import { contract } from './contract.ts';
import { testEngine } from './engine.ts';
import { Wire } from './wire.ts';

contract('a WebSocket', async () => {
  const page = mkdtempSync(join(tmpdir(), 'flowglass-page-'));
  writeFileSync(join(page, 'index.html'), '<!doctype html>');
  const engine = testEngine();
  const server = await serve({ host: '127.0.0.1', port: 0, page, connect: (port) => engine.connect(port) });
  const { origin } = new URL(server.url);
  const admitted = await fetch(server.url, { redirect: 'manual' });
  const cookie = admitted.headers.get('set-cookie')?.split(';')[0] ?? '';
  return {
    connect: async () => {
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
    },
    close: async () => {
      await server.close();
      await engine.close();
      rmSync(page, { recursive: true });
    },
  };
});
