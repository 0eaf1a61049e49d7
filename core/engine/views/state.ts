/** What all views of one moment are made from. */
import type { Gap } from '../../flow/reducer.ts';
import type { FlowModel } from '../../flow/model.ts';
import type { TimelineStore } from '../../timeline/store.ts';
import type { FlowWords } from '../facts.ts';
import type { FindingList } from '../finding-facts.ts';
import type { FlowCache } from '../flow-cache.ts';

export interface Moment {
  model: FlowModel;
  words: FlowWords;
  /** Numbers of every flow, up to date. */
  cache: FlowCache;
  timeline: TimelineStore;
  gaps: readonly Gap[];
  findings: FindingList;
  /** Session times, ns. */
  startNs: number;
  endNs: number;
  cursorNs: number;
  /** A filter is set. */
  filtered: boolean;
  /** A filter or a range is set: not every flow matches. */
  narrowed: boolean;
}
