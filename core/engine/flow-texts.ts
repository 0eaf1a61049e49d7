/** Flows in one line, for what a trigger saw. */
import type { Surroundings } from '../filter/adapter.ts';
import type { FlowModel } from '../flow/model.ts';
import type { FlowTexts } from '../flight-recorder/trigger-watch.ts';
import { networkText } from '../place/places.ts';
import type { Network } from '../place/ranges.ts';
import { FlowWords } from './facts.ts';
import { prefixOf } from './network-prefix.ts';

const TOLD_BY_RANGE: ReadonlySet<Network> = new Set([
  'loopback',
  'link-local',
  'multicast',
  'broadcast',
  'unspecified',
]);

/** `curl[123] → 10.0.0.2:443 (shop.example)`; a flow whose process is not known begins with its protocol. */
export function flowTexts(model: FlowModel, surroundings: Surroundings = {}): FlowTexts {
  const words = new FlowWords(model, surroundings);
  return {
    describe: (flow) => {
      const { processName, pid, protocol, inbound, peerAddress, peerPort, peerName } = words.read(flow);
      const who = processName === null ? protocol : `${processName}[${pid}]`;
      const address = peerAddress.includes(':') ? `[${peerAddress}]` : peerAddress;
      const peer = peerPort > 0 ? `${address}:${peerPort}` : peerAddress;
      return `${who} ${inbound ? '←' : '→'} ${peer}${peerName === null ? '' : ` (${peerName})`}`;
    },
    peer: (flow) => words.read(flow).peerAddress,
    network: (flow) => {
      const { processName, peerAddress, local, inbound } = words.read(flow);
      if (inbound) return undefined;
      return processName === null ? null : `${processName} → ${networkName(words, flow, 1 - local, peerAddress)}`;
    },
  };
}

/** Whose network an address is in, as far as databases tell; else what it is for if that says it all, else its prefix. */
function networkName(words: FlowWords, flow: number, side: number, address: string): string {
  const { asn, organisation } = words.owner(flow, side);
  if (asn !== null || organisation !== null) return networkText('public', { asn, organisation, country: null });
  const range = words.range(flow, side);
  return TOLD_BY_RANGE.has(range) ? range : prefixOf(address);
}
