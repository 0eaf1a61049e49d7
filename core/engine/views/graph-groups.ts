/** What a node of the graph is and which plate it stands on, as the page groups processes and peers. */
import type { GraphParams } from '../../contract/requests.ts';
import { quote } from '../../filter/check.ts';
import type { FlowModel } from '../../flow/model.ts';
import { PROCESS_UID_KNOWN } from '../../flow/processes.ts';
import type { FlowWords, Words } from '../facts.ts';
import { prefixOf } from '../network-prefix.ts';

interface Group {
  group: string | null;
  groupKind: string;
}
const NO_GROUP: Group = { group: null, groupKind: '' };

/** Plate of a process. */
export function leftGroup(by: GraphParams['groupLeft'], at: Words, { processes }: FlowModel): Group {
  if (by === 'unit') return { group: at.group, groupKind: at.groupKind };
  if (by === 'process' || at.process < 0) return NO_GROUP;
  if ((processes.flags.data[at.process]! & PROCESS_UID_KNOWN) === 0) return NO_GROUP;
  const uid = processes.uid.data[at.process]!;
  return { group: uid === 0 ? 'root' : `uid ${uid}`, groupKind: 'user' };
}

export interface PeerNode extends Group {
  /** Tells it from every other peer. */
  name: string;
  label: string;
  detail: string;
  /** Filter text that names exactly this peer. */
  filter: string;
  /** It may stand for several peers. */
  collapsed: boolean;
}

/** One node for all peers of which something is so. */
const together = (name: string, filter: string): PeerNode => ({
  ...NO_GROUP,
  name,
  label: name,
  detail: '',
  filter,
  collapsed: true,
});

/** What the peer of a flow is: a name or address with its port, a domain, a network or whose that is, a label of the user's. */
export function peerAs(by: GraphParams['groupRight'], at: Words, words: FlowWords, flow: number): PeerNode {
  if (by === 'label') {
    const [label] = words.labels(flow);
    if (label !== undefined) return together(label, `label == ${quote(label)}`);
  }
  if (by === 'owner') {
    const { asn, organisation, country } = words.owner(flow, 1 - at.local);
    const name = organisation ?? (asn === null ? country : `AS${asn}`);
    const filter = organisation !== null ? `organisation == ${quote(organisation)}` : asn !== null ? `asn == ${asn}` : `country == ${quote(country ?? '')}`; // prettier-ignore
    if (name !== null) return together(name, filter);
  }
  if (by === 'network') {
    const network = prefixOf(at.peerAddress);
    return together(network, `ip.addr == ${network}`);
  }
  if (by === 'domain') {
    const domain = domainOf(at.peerName);
    if (domain !== null) {
      const pattern = quote(`(^|\\.)${domain.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
      return together(domain, `peer.name ~ ${pattern}`);
    }
  }
  const peer = at.peerName ?? at.peerAddress;
  const named = at.peerName === null ? `ip.addr == ${at.peerAddress}` : `peer.name == ${quote(at.peerName)}`;
  const labels = at.peerName === null ? 0 : at.peerName.split('.').filter(Boolean).length;
  return {
    name: `${peer} ${at.peerPort}`,
    label: peer,
    detail: at.peerPort ? `:${at.peerPort}` : at.inbound ? 'inbound' : '',
    filter: at.peerPort ? `${named} && port == ${at.peerPort}` : named,
    collapsed: false,
    ...(by === 'name' && labels > 2 ? { group: domainOf(at.peerName), groupKind: 'domain' } : NO_GROUP),
  };
}

/** The last two labels of a name; null for what has no dot in it, or no name. */
function domainOf(name: string | null): string | null {
  const labels = name?.split('.').filter((label) => label !== '') ?? [];
  return labels.length > 1 ? labels.slice(-2).join('.') : null;
}

/** Second text of a node: how many peers it stands for, else its own. */
export function detailOf({
  label,
  detail,
  members,
}: {
  label: string;
  detail: string;
  members: ReadonlySet<string> | null;
}): string {
  if (members === null) return detail;
  const [only = ''] = members;
  return members.size > 1 ? `${members.size} peers` : only === label ? '' : only;
}
