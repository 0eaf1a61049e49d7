/** What all views of one moment are made from. */
import type { Gap } from '../../flow/reducer.ts';
import type { FlowModel } from '../../flow/model.ts';
import type { TimelineStore } from '../../timeline/store.ts';
import type { FlowWords, LatencyCache } from '../facts.ts';

export interface Moment {
  model: FlowModel;
  words: FlowWords;
  latency: LatencyCache;
  timeline: TimelineStore;
  gaps: readonly Gap[];
  /** Session times, ns. */
  startNs: number;
  endNs: number;
  cursorNs: number;
  /** 1 = the flow passes the filter; all pass when there is none. */
  matches: (flow: number) => boolean;
  filtered: boolean;
}
