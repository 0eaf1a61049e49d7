/** What the connections of the lanes were at, over time, for the band under each lane. */
import { LANE_PHASES } from '../../contract/tables.ts';
import type { RowSet } from '../../contract/view-codec.ts';
import type { FlowModel } from '../../flow/model.ts';
import { TCP_STATES } from '../../flow/names.ts';
import { connectNsOf, lifeOf, transitionsOf } from '../../flow/state.ts';

type Phase = (typeof LANE_PHASES)[number];
const STATES_MAX = 64;
const PROTOCOL_TCP = 6;

const PHASES: Readonly<Record<string, Phase>> = {
  SYN_SENT: 'handshake',
  SYN_RECV: 'handshake',
  NEW_SYN_RECV: 'handshake',
  ESTABLISHED: 'open',
  FIN_WAIT1: 'closing',
  FIN_WAIT2: 'closing',
  CLOSE_WAIT: 'closing',
  LAST_ACK: 'closing',
  CLOSING: 'closing',
  TIME_WAIT: 'closed',
  CLOSE: 'closed',
};

export function fillStates(model: FlowModel, flow: number, rows: RowSet): void {
  const id = model.flows.id.data[flow]!;
  let last: Phase | null = null;
  let number = 0;
  for (const [atNs, phase] of phasesOf(model, flow)) {
    if (phase === last || number === STATES_MAX) continue;
    last = phase;
    const row = rows.upsert(id * STATES_MAX + number++);
    [id, atNs, LANE_PHASES.indexOf(phase)].forEach((value, c) => (rows.columns[c]![row] = value));
  }
}

/** As the kernel told of the local socket; without one, as the packets say. */
function phasesOf(model: FlowModel, flow: number): [number, Phase][] {
  const beganNs = model.flows.firstNs.data[flow]!;
  if (model.flows.protocolOf(flow) !== PROTOCOL_TCP) return [[beganNs, 'open']];
  const told = (transitionsOf(model, flow) ?? []).flatMap(({ atNs, to }): [number, Phase][] => {
    const phase = PHASES[TCP_STATES[to] ?? ''];
    return phase ? [[atNs, phase]] : [];
  });
  if (told.length > 0) return told;
  const connectNs = connectNsOf(model, flow);
  const { state, endedNs } = lifeOf(model, flow);
  const waiting = state === 'syn-sent' || state === 'syn-received';
  const found: [number, Phase][] = [[beganNs, waiting || connectNs > 0 ? 'handshake' : 'open']];
  if (connectNs > 0) found.push([beganNs + connectNs, 'open']);
  if (!Number.isNaN(endedNs)) found.push([endedNs, 'closed']);
  return found;
}
