/** Which group of the flow table a flow is in: what the group is called, and the filter that names its flows. */
import type { GroupBy } from '../../contract/requests.ts';
import { quote } from '../../filter/check.ts';
import { PROTOCOL_LABELS, PROTOCOLS } from '../../flow/applications.ts';
import { lifeOf } from '../../flow/state.ts';
import type { Words } from '../facts.ts';
import { leftGroup, peerAs } from './graph-groups.ts';
import type { Moment } from './state.ts';

export interface GroupName {
  readonly label: string;
  /** Filter text for its flows, and at times some more; null = there is none. */
  readonly filter: string | null;
}

const named = (label: string, filter: string | null): GroupName => ({ label, filter });
/** `value` of a field, else what it is called when nothing is known. */
const orElse = (value: string | null, field: string, otherwise: string): GroupName =>
  value === null ? named(otherwise, null) : named(value, `${field} == ${quote(value)}`);

export function groupNameOf(by: GroupBy, flow: number, moment: Moment): GroupName {
  const { model, words } = moment;
  const at = words.read(flow);
  switch (by) {
    case 'process':
      return at.processName === null ? UNKNOWN_PROCESS : named(at.processName, `process.name == ${quote(at.processName)}`); // prettier-ignore
    case 'pid':
      return at.process < 0 ? UNKNOWN_PROCESS : named(`${at.processName ?? ''} ${at.pid}`, `process.pid == ${at.pid}`);
    case 'user':
      return userOf(at, moment);
    case 'unit':
      return unitOf(at);
    case 'container':
      return orElse(at.container, 'process.container', 'no container');
    case 'peer':
      return at.peerName === null ? named(at.peerAddress, `ip.addr == ${at.peerAddress}`) : named(at.peerName, `peer.name == ${quote(at.peerName)}`); // prettier-ignore
    case 'domain':
    case 'network':
    case 'owner':
      return peerOf(by, at, flow, moment);
    case 'label':
      return orElse(words.labels(flow)[0] ?? null, 'label', 'no label');
    case 'protocol':
      return named(at.protocol.toUpperCase(), /^\d/.test(at.protocol) ? `protocol == ${at.protocol}` : at.protocol);
    case 'application':
      return applicationOf(flow, moment);
    case 'port': {
      const port = words.serverPort(flow);
      return port > 0 ? named(String(port), `port == ${port}`) : named('no port', null);
    }
    case 'state': {
      const { state } = lifeOf(model, flow);
      return named(state, `state == ${state}`);
    }
    case 'interface':
      return orElse(model.interfaces.get(model.flows.ifaceOf(flow))?.name ?? null, 'interface', 'unknown interface');
  }
}

const UNKNOWN_PROCESS = named('unknown process', '!process.pid');

function userOf(at: Words, { model }: Moment): GroupName {
  const { group } = leftGroup('user', at, model);
  return group === null ? named('unknown user', null) : named(group, `process.uid == ${model.processes.uid.data[at.process]!}`); // prettier-ignore
}

const FIELD_OF_KIND: Readonly<Record<string, string>> = {
  pod: 'pod',
  container: 'container',
  unit: 'unit',
  session: 'unit',
  flatpak: 'package',
  snap: 'package',
  appimage: 'package',
};

/** Pod, else container, else package, else unit: what the process is part of. */
function unitOf({ group, groupKind }: Words): GroupName {
  const field = FIELD_OF_KIND[groupKind];
  if (group === null) return named('no unit or container', null);
  return named(group, field === undefined ? null : `process.${field} == ${quote(group)}`);
}

/** As the graph puts peers together; a peer that it leaves alone is one without its port. */
function peerOf(by: 'domain' | 'network' | 'owner', at: Words, flow: number, { words }: Moment): GroupName {
  const { label, filter, detail } = peerAs(by, at, words, flow);
  return named(label, detail.startsWith(':') ? filter.replace(/ && port == \d+$/, '') : filter);
}

function applicationOf(flow: number, { model: { applications, flows } }: Moment): GroupName {
  const row = flows.application.data[flow]!;
  const protocol = row < 0 ? null : (PROTOCOLS[applications.protocol.data[row]!] ?? null);
  return protocol === null ? named('not recognised', null) : named(PROTOCOL_LABELS[protocol], `application == ${protocol}`); // prettier-ignore
}
