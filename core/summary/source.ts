/** What a summary is made from: a model in its final state, and what only the file or the recorder knows. */
import { hostname } from 'node:os';
import type { NetworkPlaces } from '../place/places.ts';
import type { FlowModel } from '../flow/model.ts';

export interface Captured {
  /** Packet records stored (Enhanced Packet Blocks of the file, what capinfos counts). */
  readonly packets: number;
  /** Captured bytes stored. */
  readonly bytes: number;
  /** Wire packets they stand for. */
  readonly wirePackets: number;
}

export interface SummarySource {
  readonly model: FlowModel;
  /** Wall time in ns since 1970 of the session's begin; null when the file has no time at all. */
  readonly startedNs: bigint | null;
  readonly durationNs: bigint;
  /** null for a foreign file that does not say. */
  readonly host: string | null;
  readonly application: string | null;
  readonly captured: Captured;
  /** Packets that the writer had to store out of order. */
  readonly late: number;
  /** The file was cut or damaged. */
  readonly truncated: boolean;
  /** One sentence on that: what, at which byte, what is left; null or left out = nothing to say. */
  readonly damage?: string | null;
  /** Which flows to tell of; all when left out. */
  readonly matches?: (flow: number) => boolean;
  /** User labels of a flow; none when left out. */
  readonly labels?: (flow: number) => readonly string[];
  /** Whose networks addresses are in; not known when left out. */
  readonly places?: NetworkPlaces;
}

/** Of what this machine watches now; it has no file. */
export function liveSummary(model: FlowModel, application: string): SummarySource {
  return {
    model,
    startedNs: model.clock.wallNs(0),
    durationNs: 0n,
    host: hostname(),
    application,
    captured: { packets: 0, bytes: 0, wirePackets: 0 },
    late: 0,
    truncated: false,
  };
}
