// The desktop's transport: main and utility process played by two ends of Node's own channels.
import type { EngineMessage } from '../../core/contract/answers.ts';
import type { ParentPort, Port } from '../../electron/electron-api.ts';
import { serveEngine } from '../../electron/engine-service.ts';
import { contract } from './contract.ts';
import { testEngine } from './engine.ts';
import { nodeChannel } from './node-port.ts';
import { Wire } from './wire.ts';

contract('a MessagePort', async () => {
  let deliver: (event: { data: unknown; ports: Port[] }) => void = () => undefined;
  const parent: ParentPort = { on: (_event, listener) => (deliver = listener) };
  const exited = new Promise<number>((resolve) => serveEngine(parent, testEngine(), resolve));
  return {
    connect: async () => {
      const { port1, port2 } = nodeChannel();
      deliver({ data: { kind: 'viewer' }, ports: [port1] });
      const wire = new Wire(
        (message) => port2.postMessage(message),
        () => port2.close(),
      );
      port2.on('message', ({ data }) => wire.receive(data as EngineMessage | ArrayBuffer));
      port2.on('close', () => wire.gone());
      port2.start();
      return wire;
    },
    close: async () => {
      deliver({ data: { kind: 'close' }, ports: [] });
      const code = await exited;
      if (code !== 0) throw new Error(`ended with ${code}`);
    },
  };
});
