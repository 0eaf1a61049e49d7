/** Told of what a model is given, while it is given; for timelines, which outlive the state at one moment. */

import type { Fold } from './fold.ts';

export type TroubleKind = 'retransmit' | 'drop' | 'reset' | 'zero-window' | 'refused' | 'timeout';

/** All times ns since the clock's origin, all durations ns. */
export interface ModelObserver {
  /** Flows are about to leave the model: those for which `keep` is 0. */
  folding?(keep: Uint8Array): void;
  /** They left, and rows of flows and sockets are others now. */
  folded?(fold: Fold): void;
  /** Bytes of one flow within one such span (aligned to the origin) may be told in one sum; 0 = tell each packet's. */
  readonly binNs: number;
  rtt(flow: number, valueNs: number, atNs: number): void;
  /** The local sender's own sample; the flow may not be known yet. */
  socketRtt(socket: number, valueNs: number, atNs: number): void;
  /** The server's answer. */
  response(flow: number, valueNs: number, atNs: number): void;
  /** Data waited so long in our kernel until the local side `side` read it. */
  read(flow: number, valueNs: number, atNs: number, side: number): void;
  /** What passed, both directions. */
  bytes(flow: number, bytes: number, packets: number, atNs: number): void;
  /** More of a connection that was folded came in: to row `total` of the folded totals, sent by this machine or received. */
  late?(total: number, sent: boolean, packets: number, bytes: number): void;
  /** `side` = whose segments they were, 0 lo or 1 hi; −1 = not known. */
  trouble(flow: number, kind: TroubleKind, atNs: number, count: number, text: string | null, side: number): void;
  /** A trigger of the recording fired: what it saw. */
  triggered(atNs: number, text: string): void;
}
