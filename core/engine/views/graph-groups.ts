/** What a node of the graph is and which plate it stands on, as the page groups processes and peers. */
import type { GraphParams } from '../../contract/requests.ts';
import { quote } from '../../filter/check.ts';
import type { FlowModel } from '../../flow/model.ts';
import { PROCESS_UID_KNOWN } from '../../flow/processes.ts';
import type { Words } from '../facts.ts';

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

/** What the peer of a flow is: a name or address with its port, a domain, or a network. */
export function peerAs(by: GraphParams['groupRight'], at: Words): PeerNode {
  if (by === 'network') {
    const network = networkOf(at.peerAddress);
    return { ...NO_GROUP, name: network, label: network, detail: '', filter: `ip.addr == ${network}`, collapsed: true };
  }
  if (by === 'domain') {
    const domain = domainOf(at.peerName);
    if (domain !== null) {
      const pattern = quote(`(^|\\.)${domain.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
      return { ...NO_GROUP, name: domain, label: domain, detail: '', filter: `peer.name ~ ${pattern}`, collapsed: true }; // prettier-ignore
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

/** The /24 or /64 that an address is in. */
function networkOf(address: string): string {
  if (!address.includes(':')) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const words = [...left, ...Array.from({ length: gap }, () => '0'), ...right].slice(0, 4);
  while (words.length > 0 && words.at(-1) === '0') words.pop();
  return `${words.join(':')}::/64`;
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
