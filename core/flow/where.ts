/**
 * Where the time of a flow's exchanges went: the network (round trips), our kernel (arrival to read) and the application
 * (read to answer) at each end that has its socket here, and the peer. What cannot be observed has a reason instead.
 */
import { FEATURE_SEND_RECV } from '../abi/generated.ts';
import { NONE } from './flows.ts';
import type { FlowModel } from './model.ts';
import { PROTOCOL_TCP } from './names.ts';
import { socketOf } from './owners.ts';
import { rttOf } from './state.ts';

/**
 * `not TCP`: only of TCP is it known what answers what. `not recorded`: a capture of others. `remote`: no socket here.
 * `kernel`: it does not tell when a socket is read (before Linux 6.3). `no exchange`: nothing came in, was read and answered.
 * `local`: both ends are here, so there is no peer. `no round trip`: nothing to tell the peer from the network by.
 */
export type WhereUnknown = 'not TCP' | 'not recorded' | 'remote' | 'kernel' | 'no exchange' | 'local' | 'no round trip';

/** Histograms of the model, -1 = none: then `unknown` says why. */
export interface LocalWhere {
  readonly queue: number;
  readonly application: number;
  readonly unknown: WhereUnknown | null;
}

export interface PeerWhere {
  /**
   * Mean time from what reached it to its answer, in ns, or NaN: its answers' mean, as seen here, less the least round trip
   * (others hold what the peer delayed its acknowledgements by, which is its own time).
   */
  readonly meanNs: number;
  readonly unknown: WhereUnknown | null;
}

/** What is known of a side's own kernel and application. */
export function localWhere(model: FlowModel, flow: number, side: number): LocalWhere {
  const unknown = (reason: WhereUnknown): LocalWhere => ({ queue: NONE, application: NONE, unknown: reason });
  if (model.flows.protocolOf(flow) !== PROTOCOL_TCP) return unknown('not TCP');
  if (model.countsFromPackets) return unknown('not recorded');
  const queue = model.localTimes.queueOf(flow, side);
  if (queue >= 0) return { queue, application: model.localTimes.applicationOf(flow, side), unknown: null };
  if (socketOf(model, flow, side) < 0) return unknown('remote');
  return unknown((model.features & FEATURE_SEND_RECV) === 0 ? 'kernel' : 'no exchange');
}

/** What is known of the one end that is not here. */
export function peerWhere(model: FlowModel, flow: number): PeerWhere {
  const unknown = (reason: WhereUnknown): PeerWhere => ({ meanNs: NaN, unknown: reason });
  if (model.flows.protocolOf(flow) !== PROTOCOL_TCP) return unknown('not TCP');
  if (model.countsFromPackets) return unknown('not recorded');
  const here = [socketOf(model, flow, 0) >= 0, socketOf(model, flow, 1) >= 0];
  if (here[0] === here[1]) return unknown(here[0] ? 'local' : 'remote');
  const answers = model.flows.response.data[flow * 2 + (here[0] ? 1 : 0)]!;
  if (answers < 0) return unknown('no exchange');
  const trips = rttOf(model, flow);
  if (trips < 0) return unknown('no round trip');
  const [answered, trip] = [model.histograms.read(answers), model.histograms.read(trips)];
  return { meanNs: Math.max(0, (answered?.meanNs ?? NaN) - (trip?.minNs ?? NaN)), unknown: null };
}
