/** Flows in one line, for what a trigger saw. */
import type { FlowModel } from '../flow/model.ts';
import type { FlowTexts } from '../flight-recorder/trigger-watch.ts';
import { FlowWords } from './facts.ts';

/** `curl[123] → 10.0.0.2:443 (shop.example)`; a flow whose process is not known begins with its protocol. */
export function flowTexts(model: FlowModel): FlowTexts {
  const words = new FlowWords(model);
  return {
    describe: (flow) => {
      const { processName, pid, protocol, inbound, peerAddress, peerPort, peerName } = words.read(flow);
      const who = processName === null ? protocol : `${processName}[${pid}]`;
      const address = peerAddress.includes(':') ? `[${peerAddress}]` : peerAddress;
      const peer = peerPort > 0 ? `${address}:${peerPort}` : peerAddress;
      return `${who} ${inbound ? '←' : '→'} ${peer}${peerName === null ? '' : ` (${peerName})`}`;
    },
    peer: (flow) => words.read(flow).peerAddress,
  };
}
