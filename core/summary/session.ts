/** The session part of the summary: what was watched, counted, stored and lost. */
import {
  TOTALS_EGRESS,
  TOTALS_FILTERED,
  TOTALS_FLOW_LOST,
  TOTALS_INGRESS,
  TOTALS_LOST_PACKETS,
  TOTALS_QUEUE_LOST_PACKETS,
  TOTALS_UNPARSED,
} from '../flow/interfaces.ts';
import { UNPARSED } from '../flow/names.ts';
import type { FlowModel } from '../flow/model.ts';
import { pathsOf, type Duplicates } from '../flow/paths.ts';
import type { SummarySource } from './source.ts';
import { instant } from './text.ts';

const UNPARSED_REASONS = 16;

/** The keys of `session` but `durationNs`, which does not fit a number and is written by hand. */
export function sessionSummary(source: SummarySource) {
  const { model } = source;
  const { interfaces } = model;
  const both = (field: number): number =>
    interfaces.sum(TOTALS_INGRESS + field) + interfaces.sum(TOTALS_EGRESS + field);
  const unparsed: Record<string, number> = {};
  for (let reason = 0; reason < UNPARSED_REASONS; reason++) {
    const count = interfaces.sum(TOTALS_UNPARSED + reason);
    if (count > 0) unparsed[UNPARSED[reason] ?? `reason-${reason}`] = count;
  }
  return {
    started: source.startedNs === null ? null : instant(source.startedNs),
    durationNs: null,
    host: source.host,
    application: source.application,
    interfaces: interfaces.list.map(({ name, index, linkType, netns, ingress, egress }) => ({
      name: name === '' ? null : name,
      index,
      linkType,
      netns,
      attach: index === null ? null : { ingress, egress },
    })),
    packets: both(0),
    bytes: both(1),
    frames: both(2),
    frameBytes: both(3),
    captured: {
      packets: source.captured.packets,
      bytes: source.captured.bytes,
      wirePackets: source.captured.wirePackets,
    },
    lost: {
      events: model.lostEvents + model.lostStates,
      packets: interfaces.sum(TOTALS_LOST_PACKETS) + interfaces.sum(TOTALS_QUEUE_LOST_PACKETS),
      flowPackets: interfaces.sum(TOTALS_FLOW_LOST),
    },
    duplicates: duplicatesOf(model),
    /** Flows that are not listed, because they were folded before the file began (a ring's later file). */
    folded: model.folded.total,
    filtered: interfaces.sum(TOTALS_FILTERED),
    late: source.late,
    unparsed,
    truncated: source.truncated,
  };
}

function duplicatesOf(model: FlowModel): Duplicates {
  const here = pathsOf(model).duplicates();
  const [packets = 0, bytes = 0, , frames = 0, frameBytes = 0] = model.folded.duplicates;
  return {
    packets: here.packets + packets,
    bytes: here.bytes + bytes,
    frames: here.frames + frames,
    frameBytes: here.frameBytes + frameBytes,
  };
}

/** The same as JSON, `durationNs` included. */
export function sessionJson(source: SummarySource): string {
  return JSON.stringify(sessionSummary(source)).replace('"durationNs":null', `"durationNs":${source.durationNs}`);
}
