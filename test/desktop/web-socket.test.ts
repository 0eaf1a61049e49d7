// The browser's transport: the real server of `flowglass serve`, let in by its one-time token.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../cli/serve/server.ts';
import { contract } from './contract.ts';
import { testEngine } from './engine.ts';
import { admitted } from './web-socket-wire.ts';

contract('a WebSocket', async () => {
  const page = mkdtempSync(join(tmpdir(), 'flowglass-page-'));
  writeFileSync(join(page, 'index.html'), '<!doctype html>');
  const engine = testEngine();
  const server = await serve({ host: '127.0.0.1', port: 0, page, connect: (port) => engine.connect(port) });
  const viewers = await admitted(server.url);
  return {
    connect: () => viewers.connect(),
    close: async () => {
      await server.close();
      await engine.close();
      rmSync(page, { recursive: true });
    },
  };
});
